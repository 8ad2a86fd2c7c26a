import io

import pytest
from rich.console import Console

from server_app.reporting.bars import Bar


def drawn(bar, encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    Console(file=file, width=80).print(bar)
    file.seek(0)
    return file.read().strip()


@pytest.mark.parametrize(("share", "length"), [(0.0, 0), (0.001, 1), (0.5, 5), (1.0, 10)])
def test_a_bar_is_as_long_as_its_share_and_never_nothing(share, length):
    assert drawn(Bar(share, 10), "utf-8") == "█" * length


def test_a_terminal_of_plain_letters_gets_those():
    assert drawn(Bar(0.3, 10), "ascii") == "###"
