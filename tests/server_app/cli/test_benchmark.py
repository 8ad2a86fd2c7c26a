"""``flwr-nas benchmark``: from a command line to tables and files."""

import json

import pytest

from server_app.cli import main
from server_app.registry import choices
from tests.support.tables import entries

FEW = ["budget=12", "seeds=3", "workers=1"]


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Call the command in an empty folder; returns the exit code, the output and the error output."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a table.json").write_text(json.dumps(entries()))
    (tmp_path / "curves.json").write_text(json.dumps(entries(epochs=9)))

    def call(*arguments):
        code = main(["benchmark", *arguments])
        return code, *capsys.readouterr()

    return call


def test_it_prints_tables_and_writes_what_it_found(run, tmp_path):
    code, out, err = run("space=tabular", "space.table=a table.json", "controller=random,evolution", *FEW)
    assert (code, err) == (0, "")
    assert out.index("Regret of what a user gets") < out.index("Regret of the best that it evaluated")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("-benchmark")
    found = json.loads((folder / "benchmark.json").read_text())
    assert [contender["name"] for contender in found["contenders"]] == ["random", "evolution"]
    assert ("No picture" in out) is not (folder / "benchmark.png").exists()


def test_it_is_repeatable_but_for_the_time(run, tmp_path):
    found = []
    for name in ("one", "other"):
        assert run("space.table=a table.json", f"run.dir={tmp_path / name}", *FEW)[0] == 0
        values = json.loads((tmp_path / name / "benchmark.json").read_text())
        found.append([contender["runs"] for contender in values["contenders"]])
    assert found[0] == found[1]


def test_curves_let_fidelities_be_compared(run, tmp_path):
    arguments = ["space.table=curves.json", "fidelity=full,successive_halving", f"run.dir={tmp_path / 'r'}", *FEW]
    code, out, _ = run(*arguments)
    assert code == 0
    assert "after: whole trainings" in out
    assert "evolution successive_halving" in (tmp_path / "r" / "benchmark.json").read_text()


def test_a_budget_ends_with_the_table(run, tmp_path):
    number = len(entries())
    more = ["space.table=a table.json", f"run.dir={tmp_path / 'r'}", "seeds=1", "workers=1", "controller=random"]
    code, out, _ = run(*more, f"budget={number + 1000}")
    assert code == 0
    assert f"The table has {number} entries, so each run ends after as many evaluations." in out
    assert json.loads((tmp_path / "r" / "benchmark.json").read_text())["budget"] == number


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "space.table must name the table"),
        (
            ["space.table=nowhere.json"],
            "must be a file that can be read (No such file or directory), got 'nowhere.json'",
        ),
        (["space.table=broken.json"], "A table must be valid JSON"),
        (["space.table=a table.json", "controller=nobody"], "controller must be one of"),
        (["space.table=a table.json", "space.max_parameters=1"], "none keeps the constraints"),
        (
            ["space.table=a table.json", "-m"],
            "Nothing but overrides, --quiet, --json and --help may follow benchmark, got '-m'",
        ),
        (["space.table=a table.json", "run.dir=/proc/nothing"], "/proc/nothing"),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing_behind(run, tmp_path, arguments, said):
    (tmp_path / "broken.json").write_text("{")
    code, out, err = run(*arguments, *FEW)
    assert (code, out) == (1, "")
    assert err.startswith("flwr-nas: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_folder_with_results_is_left_alone(run, tmp_path):
    arguments = ["space.table=a table.json", "run.dir=mine", *FEW]
    assert run(*arguments)[0] == 0
    before = (tmp_path / "mine" / "benchmark.json").read_bytes()
    code, _, err = run(*arguments, "seed=1")
    assert code == 1
    assert "A benchmark needs a folder of its own, got 'mine'" in err
    assert (tmp_path / "mine" / "benchmark.json").read_bytes() == before


def test_an_interrupt_leaves_no_folder(run, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("server_app.benchmark.runs.drive", interrupted)
    assert run("space.table=a table.json", *FEW)[0] == 130
    assert not list((tmp_path / "runs").iterdir())


def test_help_explains_the_format_and_the_options(run):
    code, out, _ = run("--help", "controller=hill_climb,random")
    assert code == 0
    assert '"curves": [[41.0, 90.9]' in out
    others = ", ".join(one for one in choices("controller") if one != "hill_climb")
    assert f"controller=hill_climb or {others}" in " ".join(out.split())
    assert "controller.mutation_probability=0.7" in out
    assert "space=tabular                     the only one" in out
    assert all(len(line) <= 120 for line in out.splitlines())
