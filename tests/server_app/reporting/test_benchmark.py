"""What a benchmark prints."""

import io

import pytest
from rich.console import Console

from server_app.reporting.benchmark import bars, figure, render, told_apart

STATISTICS = {"median": 0.25, "lower": 0.1, "upper": 0.6}


def contender(name, mean, **compared):
    told = {"mean": mean, **STATISTICS, **compared}
    return {
        "name": name,
        "fidelity": {"name": "full"},
        "seconds_per_proposal": {"mean": 0.00123, "last_tenth": 0.25},
        "regret": {kind: {"25": told, "200": told} for kind in ("incumbent", "best_seen")},
    }


def found(*contenders, **table):
    best = {"key": "2120", "worth": 93.1267}
    return {
        "table": {"file": "t.json", "entries": 6561, "allowed": 6561, "epochs": None, "best": best, **table},
        "seeds": 50,
        "parallel": 2,
        "checkpoints": [25, 200],
        "contenders": list(contenders),
    }


THREE = found(
    contender("random", 0.351),
    contender("evolution", 0.2, difference=-0.151, p=0.00001),
    contender("hill_climb", 0.3, difference=-0.051, p=0.0712),
)


def shown(values, terminal=False):
    console = Console(
        file=io.StringIO(), width=80, force_terminal=terminal, color_system="standard" if terminal else None
    )
    console.print(render(values))
    return console.file.getvalue()


def rows(text):
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]


def test_all_figures_fit_into_80_columns():
    text = shown(THREE)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert ["25", "random", "0.351", "0.250", "0.100 to 0.600", "", ""] in rows(text)
    assert ["", "evolution", "0.200", "0.250", "0.100 to 0.600", "-0.151", "<0.001*"] in rows(text)
    assert ["", "hill_climb", "0.300", "0.250", "0.100 to 0.600", "-0.051", "0.071"] in rows(text)
    assert ["evolution", "1.23", "250.00"] in rows(text)
    assert "6,561 architectures; the best, 2120, is worth 93.13" in text
    assert "50 runs each, 2 in flight; after: evaluations; difference to random" in text


def test_the_best_mean_is_bold():
    lines = [line for line in shown(THREE, terminal=True).splitlines() if "0.100 to" in line]
    assert [("\x1b[1m" in line) for line in lines] == ["evolution" in line for line in lines]


def test_a_contender_alone_is_compared_with_nobody():
    text = shown(found(contender("random", 0.351)))
    assert "difference" not in text
    assert ["25", "random", "0.351", "0.250", "0.100 to 0.600"] in rows(text)


def test_what_the_table_does_not_have_is_not_told():
    assert "after: whole trainings" in shown(found(contender("random", 0.3), epochs=9))
    assert "6,561 architectures, 12 of them allowed; the best" in shown(found(contender("random", 0.3), allowed=12))


def test_long_names_are_folded():
    text = shown(found(contender("evolution population_size=10 sample_size=3 crossover_probability=0.25", 0.351)))
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "0.100 to 0.600" in text


def test_options_of_one_controller_are_told_without_its_name():
    names = ["evolution population_size=5", "evolution population_size=10"]
    text = shown(found(*(contender(name, 0.3, difference=0.0, p=0.5) for name in names)))
    assert "evolution" not in text
    assert "…" not in text
    assert told_apart(names) == ["population_size=5", "population_size=10"]


@pytest.mark.parametrize("names", [["random"], ["random", "evolution"], ["evolution", "evolution sample_size=3"]])
def test_names_that_have_nothing_else_stay_as_they_are(names):
    assert told_apart(names) == names


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.000"), (12.3456, "12.35"), (0.5, "0.500"), (0.001, "0.001"), (0.00042, "4.2e-04")]
)
def test_small_figures_do_not_become_nothing(value, text):
    assert figure(value) == text


@pytest.mark.parametrize("terminal", [True, False])
def test_bars_move_on_a_terminal_and_say_nothing_elsewhere(terminal):
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    with bars(["random", "evolution"], 2, console) as told:
        told("random")
    assert ("random" in console.file.getvalue()) is terminal


def test_without_a_terminal_a_line_every_30_s_says_how_many_runs_have_ended(monkeypatch):
    now = iter([0.0, 20.0, 40.0, 60.0])
    monkeypatch.setattr("server_app.reporting.benchmark.monotonic", lambda: next(now))
    console = Console(file=io.StringIO(), width=80)
    with bars(["random", "evolution"], 2, console) as told:
        for name in ("random", "evolution", "random"):
            told(name)
    assert console.file.getvalue() == "2 of 4 runs ended; about 40 s left\n"


def test_where_trials_stop_early_it_is_told_which_of_them_count():
    told = "Trials that trained longest so far count alone, so a regret may rise"
    halving = contender("random asha", 0.2) | {"fidelity": {"name": "asha"}}
    full = contender("random full", 0.2) | {"fidelity": {"name": "full"}}
    assert told in " ".join(shown(found(full, halving, epochs=3)).split())
    assert told not in " ".join(shown(found(full, epochs=3)).split())
