"""What the nodes' own models are worth: the table, and the sentences below it."""

from __future__ import annotations

import io

from rich.console import Console, Group

from common.personal import Verdict
from common.tasks import Classification, Regression
from server_app.personal import counts_of_kept, gain_of_kept, tables
from server_app.reporting.personal import gain_in_words, personal_of_result, sentences

HEAD = Classification(3)


def scores(*accuracies):
    return {
        way: {"accuracy": accuracy, "loss": 1.0}
        for way, accuracy in zip(("common", "personal", "local"), accuracies, strict=False)
    }


VERDICTS = {
    "a": Verdict("personal", scores(0.5, 0.75, 0.25), scores(0.5, 1.0, 0.0), 8, 4),
    "b": Verdict("common", scores(1.0, 0.5, 0.5), scores(0.75, 0.25, 0.5), 4, 4),
    "c": Verdict("local", scores(0.0, 0.25, 0.5), scores(0.5, 0.5, 0.25), 2, 2),
}


def told(verdicts, head=HEAD, notes=None, **changes):
    found = {
        "method": "mix",
        "num_nodes": len(verdicts),
        "kept": counts_of_kept(verdicts.values()),
        "gain": gain_of_kept(verdicts, "test", head) or gain_of_kept(verdicts, "validation", head),
        **{split: tables(verdicts, split, head) for split in ("validation", "test")},
        "by_node": {name: {**one.to_json(), "note": (notes or {}).get(name, "")} for name, one in verdicts.items()},
        "left_out": {},
        "failure": "",
    }
    return {**found, **changes}


def text_of(found, head=HEAD):
    shown, lines = personal_of_result({"personal": found}, head)
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(Group(*shown, *lines))
    return console.export_text()


def row(text, title):
    """Return the cells of a row."""
    (line,) = [line for line in text.splitlines() if line.strip("│ ").startswith(title)]
    return [cell.strip() for cell in line.strip("│").split("│")][1:]


def test_a_run_without_them_has_nothing_to_show():
    assert personal_of_result({}, HEAD) == ([], [])


def test_each_way_has_a_column_and_so_has_what_is_kept():
    text = text_of(told(VERDICTS))
    assert "The winner on 3 nodes, each for itself" in text
    (header,) = [line for line in text.splitlines() if line.startswith("┃")]
    titles = [cell.strip() for cell in header.strip("┃").split("┃")]
    assert titles == ["", "common", "personal (mixed)", "local only", "kept"]
    # weighted by 8, 4 and 2 examples, and by 4, 4 and 2
    assert row(text, "validation accuracy") == ["0.5714", "0.6071", "0.3571", "0.7857"]
    assert row(text, "test accuracy") == ["0.6000", "0.6000", "0.2500", "0.7500"]
    assert row(text, "worst decile of them") == ["0.5000", "0.2500", "0.0000", "0.2500"]
    assert row(text, "nodes that keep it") == ["1", "1", "1", "3"]


def test_what_is_kept_and_gained_is_said_in_sentences():
    assert list(sentences(told(VERDICTS), HEAD)) == [
        "By their own validation examples, of 3 nodes keep: 1 the common model, 1 their personal one, "
        "1 what they trained alone.",
        "In test accuracy what they keep is better than the common model on 1 node (by 0.5000 on average), worse on 1 "
        "(by 0.2500), as good on 1: mean gain 0.1500, worst decile -0.2500.",
    ]


def test_without_tests_the_table_is_of_validation_and_says_so():
    untested = {name: Verdict(one.kept, one.validation, {}, one.num_validation, 0) for name, one in VERDICTS.items()}
    text = text_of(told(untested))
    assert row(text, "validation accuracy") == ["0.5714", "0.6071", "0.3571", "0.7857"]
    assert "test accuracy" not in text
    assert "Without test examples of their own: 3 nodes." in text
    assert "In validation accuracy what they keep is better than the common model on 2 nodes" in text


def test_who_lacks_something_and_who_is_left_out_is_said():
    found = told(VERDICTS, notes={"b": "no personal-dir.", "c": "no personal-dir"}, left_out={"d": "no answer"})
    *_, missing, left_out = sentences(found, HEAD)
    assert missing == "Something is missing on 2 nodes: no personal-dir."
    assert left_out == "Left out: 1 node (no answer)."


def test_where_nobody_has_one_the_reason_is_all():
    found = told({}, failure="none of 3 nodes gave a usable result: no answer.")
    assert text_of(found).strip() == "No node has a model of its own: none of 3 nodes gave a usable result: no answer."


def test_of_an_error_a_gain_is_what_is_less():
    head = Regression((0.0,), (1.0,))
    ways = {"common": {head.primary[0]: 2.0}, "personal": {head.primary[0]: 1.5}}
    gain = gain_of_kept({"a": Verdict("personal", ways, ways, 1, 1)}, "test", head)
    assert "is better than the common model on 1 node (by 0.5" in gain_in_words(gain, head)
