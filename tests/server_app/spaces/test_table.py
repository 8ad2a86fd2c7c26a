"""Tables of evaluated architectures, and what is wrong with some."""

import json

import pytest

from common.errors import SpaceError
from server_app.spaces.table import Entry, parse_table
from tests.support.tables import entries


def parse(table):
    return parse_table(json.dumps(table))


def test_entries_are_read_as_they_are():
    table = parse({"01": {"test_acc": [1, 2.5], "mean_acc": 1.7, "std": "?", "params": 7, "flops": 9}})
    assert table.entries == {"01": Entry(1.7, ((1.0,), (2.5,)), 7, 9)}
    assert (table.has_curves, table.epochs, table.seeds) == (False, 1, 2)


def test_what_is_left_out_is_made_up_for():
    table = parse({"0": {"test_acc": [1.0, 2.0, 6.0]}, "1": {"test_acc": [4.0]}})
    assert table.entries["0"] == Entry(3.0, ((1.0,), (2.0,), (6.0,)))
    assert table.seeds == 3


def test_curves_score_and_accuracies_say_what_it_is_worth():
    curves = [[1.0, 2.0], [3.0, 5.0]]
    with_both = parse({"0": {"curves": curves, "test_acc": [10.0, 20.0, 60.0]}})
    assert with_both.entries["0"] == Entry(30.0, ((1.0, 2.0), (3.0, 5.0)))
    assert (with_both.has_curves, with_both.epochs, with_both.seeds) == (True, 2, 2)
    assert parse({"0": {"curves": curves}}).entries["0"].mean == (2.0 + 5.0) / 2


def test_each_place_has_the_digits_that_occur_there():
    assert parse({key: {"test_acc": [1]} for key in ("0b1", "2a1", "0a1")}).alphabets == ("02", "ab", "1")


def damaged(change):
    table = entries(2, "01", epochs=3)
    change(table)
    return table


DAMAGES = [
    (lambda table: table.clear(), "an entry for each architecture, got 'an empty object'"),
    (lambda table: table.update({"0-": table["00"]}), "has a key that is none: .*, got '0-'"),
    (lambda table: table.update({"000": table["00"]}), "digits as the first, which has 2, got '000'"),
    (lambda table: table.update({"10": [1, 2]}), "Entry 10 of the table: must be an object, got"),
    (lambda table: table["10"].pop("curves"), "Entry 10 of the table: must have curves where the others have them"),
    (lambda table: table["10"].update(curves=[]), "Entry 10 .*: curves must be a list with a curve for each seed"),
    (
        lambda table: table["10"].update(curves=[[1, 2, 3], [1, 2]]),
        r"Entry 10 .* a number for each epoch, got \[3, 2\]",
    ),
    (lambda table: table["10"].update(curves=[[1, 2], [1, 2]]), r"Entry 10 .* as many epochs as entry 00 \(3\), got 2"),
    (
        lambda table: table["10"].update(curves=[[1, "2", 3]]),
        r"Entry 10 .*: curves\[0\]\[1\] must be a number, got '2'",
    ),
    (lambda table: table["10"].update(test_acc=[]), "Entry 10 .*: test_acc must be a list of numbers, at least one"),
    (lambda table: table["10"].update(test_acc=[True]), r"Entry 10 .*: test_acc\[0\] must be a number, got True"),
    (lambda table: table["10"].update(mean_acc="high"), "Entry 10 .*: mean_acc must be a number, got 'high'"),
    (lambda table: table["10"].update(params=1.5), "Entry 10 .*: params must be a whole number from 0, got 1.5"),
    (lambda table: table["10"].pop("flops"), "Entry 10 .*: must tell flops where the others do, like entry 00"),
]


@pytest.mark.parametrize(("change", "said"), DAMAGES, ids=[said for _, said in DAMAGES])
def test_what_is_wrong_is_named_with_its_place(change, said):
    with pytest.raises(SpaceError, match=said):
        parse(damaged(change))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"0": ', "must be valid JSON"),
        ('{"0": {"test_acc": [NaN]}}', "NaN is no number"),
        ('{"0": {"test_acc": [1]}, "0": {"test_acc": [2]}}', "the key 0 occurs twice"),
        ("[1, 2]", "must be a JSON object .* got 'list'"),
        ('{"0": {"test_acc": [1e999]}}', r"test_acc\[0\] must be a number, got inf"),
        ('{"0": {}}', "test_acc must be a list of numbers"),
    ],
)
def test_a_text_that_is_no_table_says_so(text, said):
    with pytest.raises(SpaceError, match=said):
        parse_table(text)
