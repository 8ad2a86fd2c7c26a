"""The table at the end, from the result of a real run."""

from __future__ import annotations

import copy
import io

import pytest
from rich.console import Console

from common.tasks import Regression, Task
from server_app.reporting.table import render, size


def text_of(result):
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(render(result))
    return console.export_text()


def row(text, title):
    """Return the cells of a row."""
    (line,) = [line for line in text.splitlines() if line.strip("│ ").startswith(title)]
    return [cell.strip() for cell in line.strip("│").split("│")][1:]


def test_the_model_that_was_found_stands_beside_the_baseline(eventful):
    result, text = eventful.result, text_of(eventful.result)
    winner, baseline = result["winner"], result["baseline"]
    for title, key in (
        ("test accuracy", "accuracy"),
        ("spread over nodes", "accuracy_std"),
        ("worst decile", "accuracy_worst_decile"),
        ("balanced accuracy", "balanced_accuracy"),
        ("macro F1", "macro_f1"),
        ("test loss", "loss"),
    ):
        assert row(text, title) == [f"{winner['test'][key]:.4f}", f"{baseline['test'][key]:.4f}"]
    # the baseline is a classifier of 4 features and 3 classes
    assert row(text, "parameters") == [str(winner["parameters"]), "15"]
    assert row(text, "MACs") == [str(winner["macs"]), "12"]
    # 3 nodes get 60 bytes for a round and for the test, and send 60 bytes back
    assert row(text, "bytes sent")[1] == f"{3 * 3 * 60} B"
    assert "eventful, seed 0" in text


def test_a_name_is_shown_letter_by_letter(eventful):
    assert "data [bold], seed 0" in text_of({**eventful.result, "name": "data [bold]"})  # no markup of rich's


def test_below_the_table_stand_the_architecture_and_what_it_cost(eventful):
    result, text = eventful.result, text_of(eventful.result)
    assert f"found: {result['winner']['architecture']}  ({result['winner']['id']})" in text
    words = " ".join(text.split())
    counts = result["counts"]
    assert f"4 trials, {counts['rounds']} trial rounds in {counts['exchanges']} exchanges" in words
    assert f"{counts['messages']} messages, {size(counts['bytes_down'])} down, {size(counts['bytes_up'])} up" in words
    assert all(
        f"{name} {result['seconds'][key]:.1f} s" in words for name, key in (("start-up", "start_up"), ("search",) * 2)
    )


def test_one_is_no_plural(eventful):
    result = copy.deepcopy(eventful.result)
    result["counts"] |= {"trials": 1, "rounds": 1, "exchanges": 1, "messages": 1}
    words = " ".join(text_of(result).split())
    assert "1 trial, 1 trial round in 1 exchange, 1 message, " in words


def test_without_a_winner_the_table_says_so():
    assert "The search found nothing." in text_of({"winner": None, "baseline": None})


def test_a_search_that_was_stopped_has_no_test_rows(eventful):
    result = copy.deepcopy(eventful.result)
    result["baseline"], result["winner"]["test"] = None, {}
    text = text_of(result)
    assert "test accuracy" not in text
    assert "baseline" not in text
    assert row(text, "parameters") == [str(result["winner"]["parameters"])]


def test_a_baseline_that_failed_leaves_its_cells_empty(eventful):
    result = copy.deepcopy(eventful.result)
    result["baseline"]["test"] = {}
    assert row(text_of(result), "test accuracy") == [f"{result['winner']['test']['accuracy']:.4f}", "-"]


def test_a_regression_has_rows_of_its_own(eventful):
    result = copy.deepcopy(eventful.result) | {"task": Task((4,), Regression()).to_record()}
    result["winner"]["test"] = {
        "mse": 2900.123,
        "mae": 43.21,
        "mse_std": 654.3,
        "mse_worst_decile": 4377.2,
        "r2": 0.5219,
    }
    result["baseline"]["test"] = {"mse": 12345.6}
    text = text_of(result)
    assert row(text, "test MSE") == ["2900", "1.235e+04"]
    assert row(text, "worst decile") == ["4377", "-"]
    assert row(text, "spread over nodes") == ["654.3", "-"]
    assert row(text, "test MAE") == ["43.21", "-"]
    assert row(text, "test R2, pooled") == ["0.5219", "-"]
    assert "accuracy" not in text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5_600_000_000, "5.6 GB")],
)
def test_bytes_are_for_people(number, text):
    assert size(number) == text
