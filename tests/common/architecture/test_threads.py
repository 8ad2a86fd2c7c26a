import pytest

from common.architecture.threads import worth_threads


@pytest.mark.parametrize(
    ("macs", "given", "worth"),
    [(0, 4, 1), (9_999_999, 4, 1), (10_000_000, 4, 2), (10**12, 4, 4), (10**12, 1, 1)],
)
def test_a_thread_wants_five_million_multiply_accumulates(macs, given, worth):
    assert worth_threads(macs, given) == worth
