from dataclasses import dataclass
from typing import ClassVar

import pytest

from common.architecture import operations as ops
from common.preprocessing.scaling import Scaling
from server_app.show.operations import operation_words, shape_words


@dataclass(frozen=True)
class Strange(ops.Linear):
    """An operation that nobody knows here yet."""

    groups: int = 1
    gated: bool = False

    op: ClassVar[str] = "strange_thing"


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (ops.Convolution(32, 3), "convolution 32 k3"),
        (ops.Convolution(32, 5, 2, bias=False), "convolution 32 k5 s2 no bias"),
        (ops.Linear(6), "linear 6"),
        (ops.MaxPool(3, 2), "max pool 3 s2"),
        (ops.GlobalPool("log_std"), "global pool log_std"),
        (ops.AverageTo((7, 5)), "average to 7x5"),
        (ops.GroupNorm(8), "group norm 8"),
        (ops.BatchNorm(), "batch norm"),
        (ops.Dropout(0.1), "dropout 0.1"),
        (ops.Activation("gelu"), "gelu"),
        (ops.Add(), "add"),
        (ops.Standardise(Scaling((0.0,), (1.0,))), "standardise"),
    ],
)
def test_an_operation_has_its_name_and_what_is_not_default(operation, words):
    assert operation_words(operation) == words


def test_a_new_operation_has_words_without_being_registered():
    assert operation_words(Strange(4)) == "strange thing 4"
    assert operation_words(Strange(4, bias=False, groups=2, gated=True)) == "strange thing 4 no bias groups 2 gated"


def test_a_shape_is_written_as_the_options_have_it():
    assert shape_words((9, 128)) == "9x128"
    assert shape_words((6,)) == "6"
