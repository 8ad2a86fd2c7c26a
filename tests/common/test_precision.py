from __future__ import annotations

import numpy as np
import pytest

from common.errors import ProtocolError
from common.precision import check_finite, rounded, wire_bytes

WEIGHTS = np.array([1.0, -2.5, 1 / 3, 65_504.0, 0.0], np.float32)


def test_float32_is_untouched_and_not_copied():
    assert rounded(WEIGHTS, "float32") is WEIGHTS
    assert rounded(WEIGHTS[::2], "float32").flags.c_contiguous


def test_float16_rounds_to_the_nearest():
    half = rounded(WEIGHTS, "float16")
    assert half.dtype == np.float16
    # a float16 has 10 bits behind the point: a relative error of 2 ** -11 at most
    assert np.all(np.abs(half.astype(np.float32) - WEIGHTS) <= np.abs(WEIGHTS) * 2.0**-11)


def test_bytes_on_the_wire():
    arrays = {"weights": WEIGHTS, "alphas": WEIGHTS[:2]}
    assert (wire_bytes(arrays, "float32"), wire_bytes(arrays, "float16")) == (4 * 7, 2 * 7)
    assert wire_bytes({}, "float32") == 0


@pytest.mark.parametrize(
    ("value", "float32", "float16"),
    [
        (65_504.0, True, True),
        (65_519.0, True, True),
        (65_520.0, True, False),
        (np.inf, False, False),
        (np.nan, False, False),
    ],
)
def test_what_is_not_finite_as_it_travels_is_refused(value: float, float32: bool, float16: bool):
    # 65,504 is the largest float16; what is nearer to it than to the next step, 65,536, is rounded to it
    weights = np.array([0.0, value], np.float32)
    for precision, fine in (("float32", float32), ("float16", float16)):
        if fine:
            check_finite("The weights", weights, precision)
            continue
        with pytest.raises(ProtocolError, match=f"The weights must be finite numbers in {precision}") as error:
            check_finite("The weights", weights, precision)
        assert ("federation.precision=float32" in str(error.value)) == (precision == "float16")
