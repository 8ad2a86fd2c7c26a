"""The table at the end, from the result of a real run."""

from __future__ import annotations

import copy
import io
import re
import statistics
from dataclasses import replace

import pytest
from rich.console import Console

from common.tasks import Regression, Task
from server_app.candidates import ROLES
from server_app.gains import over_seeds
from server_app.reporting.table import render
from server_app.reporting.words import size


def text_of(result):
    console = Console(record=True, width=120, file=io.StringIO())
    console.print(render(result))
    return console.export_text()


def retest(result, role, **metrics):
    """Give a model of one run another test; it was not tested where that is empty."""
    result[role] |= {"test": metrics, "tests": [metrics]}


def gains(result, role, other, *values, spread=None):
    """Let a model gain so much over another with each seed; with one, `spread` is how far that may be off."""
    gain = over_seeds(values)
    if spread is not None:
        gain = replace(gain, low=gain.mean - spread, high=gain.mean + spread, over="nodes", number=7)
    result[role]["gain_over"] = {**result[role]["gain_over"], other: gain.to_json()}


def row(text, title):
    """Return the cells of a row."""
    (line,) = [line for line in text.splitlines() if line.strip("│ ").startswith(title)]
    return [cell.strip() for cell in line.strip("│").split("│")][1:]


def test_the_model_that_was_found_stands_beside_what_it_is_compared_with(eventful):
    result, text = eventful.result, text_of(eventful.result)
    entries = [result[role] for role in ROLES]
    for title, key in (
        ("test accuracy", "accuracy"),
        ("spread over nodes", "accuracy_std"),
        ("worst decile", "accuracy_worst_decile"),
        ("balanced accuracy", "balanced_accuracy"),
        ("macro F1", "macro_f1"),
        ("test loss", "loss"),
    ):
        assert row(text, title) == [f"{entry['test'][key]:.4f}" for entry in entries]
    # the baseline is linear too: a classifier of 4 features and 3 classes; the constant model is its bias
    assert row(text, "parameters") == [str(entries[0]["parameters"]), "15", "15", "3"]
    assert row(text, "MACs") == [str(entries[0]["macs"]), "12", "12", "0"]
    # 3 nodes get 60 bytes for a round and for the test, and send 60 bytes back; or 12
    assert row(text, "bytes sent")[1:] == [f"{3 * 3 * 60} B"] * 2 + [f"{3 * 3 * 12} B"]
    (header,) = [line for line in text.splitlines() if line.startswith("┃") and "found" in line]
    titles = [cell.strip() for cell in header.strip("┃").split("┃")]
    assert titles == ["", "found", "baseline", "linear", "majority class"]
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
    result |= dict.fromkeys(ROLES[1:])
    retest(result, "winner")
    text = text_of(result)
    assert "test accuracy" not in text
    assert "baseline" not in text
    assert row(text, "parameters") == [str(result["winner"]["parameters"])]


def test_a_baseline_that_failed_leaves_its_cells_empty(eventful):
    result = copy.deepcopy(eventful.result)
    retest(result, "baseline")
    ours, _, *others = (f"{result[role]['test'].get('accuracy', 0):.4f}" for role in ROLES)
    assert row(text_of(result), "test accuracy") == [ours, "-", *others]


def test_a_regression_has_rows_of_its_own(eventful):
    result = copy.deepcopy(eventful.result) | {"task": Task((4,), Regression()).to_record()}
    retest(result, "winner", mse=2900.123, mae=43.21, mse_std=654.3, mse_worst_decile=4377.2, r2=0.5219)
    retest(result, "baseline", mse=12345.6)
    retest(result, "constant", mse=5929.0)
    result["winner"]["gain_over"], result["baseline"]["gain_over"] = {}, {}
    del result["linear"]
    text = text_of(result)
    assert row(text, "test MSE") == ["2900", "1.235e+04", "5929"]
    assert row(text, "worst decile") == ["4377", "-", "-"]
    assert row(text, "spread over nodes") == ["654.3", "-", "-"]
    assert row(text, "test MAE") == ["43.21", "-", "-"]
    assert row(text, "test R2, pooled") == ["0.5219", "-", "-"]
    assert "accuracy" not in text
    assert re.search(r"┃ +mean ┃", text)
    assert "no better" not in text
    gains(result, "winner", "constant", 0.0)
    assert "The winner is no better than predicting the mean." in text_of(result)


def test_what_an_earlier_version_wrote_has_two_columns(eventful):
    result = {key: value for key, value in eventful.result.items() if key not in ("linear", "constant")}
    result["baseline"] = {key: value for key, value in result["baseline"].items() if key != "origin"}
    text = text_of(result)
    assert row(text, "parameters") == [str(result[role]["parameters"]) for role in ("winner", "baseline")]
    assert "The baseline is the one given: " in text


def test_it_fits_a_screen_of_100_characters(eventful):
    result = copy.deepcopy(eventful.result)
    for role in ROLES:
        result[role] |= {"parameters": 12_345_678, "macs": 2_123_456_789, "bytes_sent": 123.4e6}
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(render(result))
    text = console.export_text()
    assert row(text, "MACs") == ["2,123,456,789"] * 4
    assert row(text, "spread over nodes or people")


# ---------------------------------------------------------------- what the winner is worth, in sentences


def test_a_baseline_is_named(eventful):
    result = copy.deepcopy(eventful.result)
    named = f"classifier only ({result['baseline']['id']})."
    assert f"The baseline is the one given: {named}" in text_of(result)
    result["baseline"]["origin"] = "portfolio"
    assert f"The baseline is the first of the portfolio, of which the search tried nothing: {named}" in text_of(result)
    result["baseline"]["trial"] = 0
    assert f"The baseline is the best of the portfolio: {named}" in text_of(result)
    result["baseline"] = None
    assert "The baseline is" not in text_of(result)


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("portfolio", "nothing better than what it began with: the winner is its baseline, and the gain is zero."),
        ("given", "nothing better than what it began with: the winner is its baseline, and the gain is zero."),
        ("mutation", "nothing better than its baseline: the winner is that baseline, and the gain is zero."),
    ],
)
def test_a_winner_that_is_the_baseline_has_no_gain(eventful, origin, words):
    result = copy.deepcopy(eventful.result)
    result["winner"]["origin"] = origin
    result["baseline"] = {**result["winner"], "origin": "given"}
    text = text_of(result)
    assert f"The search found {words}" in " ".join(text.split())
    assert "The baseline is" not in text


def test_the_same_architecture_with_another_recipe_is_not_the_baseline(eventful):
    result = copy.deepcopy(eventful.result)
    result["baseline"] = {**result["winner"], "recipe": {**result["winner"]["recipe"], "epochs": 77}}
    text = text_of(result)
    assert "nothing better" not in text
    assert "The baseline is the " in text


@pytest.mark.parametrize(("ours", "said"), [(0.6, False), (0.5, True), (0.4, True)])
def test_a_winner_that_learnt_nothing_is_told(eventful, ours, said):
    result = copy.deepcopy(eventful.result)
    gains(result, "winner", "constant", ours - 0.5)
    assert ("The winner is no better than predicting the majority class." in text_of(result)) is said


@pytest.mark.parametrize(("ours", "said"), [(0.6, False), (0.5, True), (0.4, True)])
def test_a_winner_that_needed_no_network_is_told(eventful, ours, said):
    result = copy.deepcopy(eventful.result)
    gains(result, "winner", "linear", ours - 0.5)
    assert ("The winner is no better than a linear model." in text_of(result)) is said


def test_the_recipe_of_the_winner_is_told(eventful):
    result = copy.deepcopy(eventful.result)
    result["winner"]["recipe"] |= {"schedule": "cosine", "augmentation": ["jitter", "scale"], "learning_rate": 0.02}
    assert "trained with adam, learning_rate 0.02" in text_of(result)
    assert "schedule cosine, augmentation jitter+scale" in text_of(result)


def test_where_nothing_could_be_compared_nothing_is_said(eventful):
    result = copy.deepcopy(eventful.result)
    result["winner"]["gain_over"], result["baseline"]["gain_over"] = {}, {}
    text = text_of(result)
    assert "no better" not in text
    assert "Gain" not in text


def words_of(result):
    return " ".join(text_of(result).split())


def test_a_winner_that_is_a_linear_model_is_not_compared_with_one(eventful):
    result = copy.deepcopy(eventful.result)
    gains(result, "winner", "linear", -0.02)
    assert "The winner is no better than a linear model." in words_of(result)
    result["winner"]["id"] = result["linear"]["id"]
    assert "The winner is a linear model itself: no network was needed." in words_of(result)
    assert "better than a linear model" not in words_of(result)


def test_a_difference_that_may_be_chance_is_called_so(eventful):
    result = copy.deepcopy(eventful.result)
    gains(result, "winner", "constant", 0.02, spread=0.03)
    gain = "gain in accuracy 0.0200 (95 % interval -0.0100 to 0.0500 over 7 nodes or people): within noise."
    assert f"Whether the winner is better than predicting the majority class cannot be told: {gain}" in words_of(result)
    gains(result, "winner", "constant", -0.01, spread=0.03)
    assert "The winner is no better than predicting the majority class." in words_of(result)
    gains(result, "winner", "constant", 0.02, spread=0.01)
    assert "The winner is no better than predicting" not in words_of(result)
    assert "Whether the winner" not in words_of(result)


def test_a_gain_is_told_with_its_interval(eventful):
    result = copy.deepcopy(eventful.result)
    gains(result, "baseline", "constant", 0.5)
    gains(result, "winner", "baseline", 0.0123, spread=0.0163)
    interval = "95 % interval -0.0040 to 0.0286 over 7 nodes or people"
    assert f"Gain in accuracy 0.0123 ({interval}): within noise." in words_of(result)
    gains(result, "winner", "baseline", 0.0123, spread=0.01)
    assert "over 7 nodes or people). " in words_of(result)
    gains(result, "winner", "baseline", 0.0123)
    assert "Gain in accuracy 0.0123. " in words_of(result)


@pytest.mark.parametrize(("gain", "macs", "said"), [(0.01, 38, True), (0.05, 38, False), (0.01, 100, False)])
def test_a_winner_that_is_only_smaller_is_told(eventful, gain, macs, said):
    result = copy.deepcopy(eventful.result)
    gains(result, "baseline", "constant", 0.5)
    gains(result, "winner", "baseline", gain, spread=0.02)
    result["winner"]["macs"], result["baseline"]["macs"] = macs, 100
    words = "The winner is no better than the baseline (within noise), with 38% of its MACs."
    assert (words in words_of(result)) is said


def test_a_winner_that_is_worse_is_not_called_equal(eventful):
    result = copy.deepcopy(eventful.result)
    gains(result, "baseline", "constant", 0.5)
    gains(result, "winner", "baseline", -0.05, spread=0.02)
    result["winner"]["macs"], result["baseline"]["macs"] = 38, 100
    assert "of its MACs" not in words_of(result)
    assert "Gain in accuracy -0.0500" in words_of(result)
    assert "The winner is worse than the baseline on the test" in words_of(result)
    gains(result, "winner", "baseline", -0.01, spread=0.02)
    assert "is worse than the baseline" not in words_of(result), "it may be chance"


def test_over_a_baseline_at_chance_no_gain_is_told(eventful):
    result = copy.deepcopy(eventful.result)
    gains(result, "winner", "baseline", 0.3)
    gains(result, "baseline", "constant", 0.0, spread=0.02)
    result["baseline"]["one_class"] = 1
    words = words_of(result)
    chance = "no better than chance (predicting the majority class), so a gain over it says nothing."
    assert f"The baseline is {chance} The baseline predicts one class only." in words
    assert "Gain in" not in words
    gains(result, "baseline", "constant", 0.01, spread=0.02)
    words = words_of(result)
    assert "Whether the baseline is better than chance (predicting the majority class) cannot be told: gain" in words
    assert "within noise, so a gain over it says nothing." in words
    assert "Gain in" not in words


def test_one_class_is_told(eventful):
    result = copy.deepcopy(eventful.result)
    result["winner"]["one_class"] = 0
    assert "The winner predicts one class" not in words_of(result)
    result["winner"]["one_class"] = 1
    assert "The winner predicts one class only." in words_of(result)


# ---------------------------------------------------------------- several seeds


def test_with_several_seeds_a_cell_is_a_mean_with_its_deviation(thorough):
    text = text_of(thorough.result)
    for place, role in enumerate(ROLES[:3]):
        values = [test["accuracy"] for test in thorough.result[role]["tests"]]
        assert len(values) == 2
        assert thorough.result[role]["test"]["accuracy"] == pytest.approx(statistics.fmean(values))
        cell = f"{statistics.fmean(values):.4f} ({statistics.stdev(values):.4f})"
        assert row(text, "test accuracy")[place] == cell
    (only,) = thorough.result["constant"]["tests"]
    assert row(text, "test accuracy")[3] == f"{only['accuracy']:.4f}"
    assert "mean (standard deviation over 2 seeds)" in text


def test_how_the_winner_was_chosen_is_told(thorough):
    finalists = thorough.result["finalists"]
    assert [len(each["scores"]) for each in finalists] == [2, 2]
    (chosen,) = [each for each in finalists if each["chosen"]]
    assert chosen["id"] == thorough.result["winner"]["id"]
    assert "Of 2 finalists what was found has the " in words_of(thorough.result)
    assert "what was found has the" not in words_of({**thorough.result, "finalists": []})


def test_runs_that_failed_are_told(thorough):
    result = copy.deepcopy(thorough.result)
    result["baseline"]["tests"][1], result["baseline"]["failure"] = {}, "It diverged."
    assert "Of 2 runs of the baseline 1 failed: It diverged." in words_of(result)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5_600_000_000, "5.6 GB")],
)
def test_bytes_are_for_people(number, text):
    assert size(number) == text
