"""Heart disease at four hospitals: a search beside what statisticians do, on the same test rows.

    python tests/benchmarks/heart.py FOLDER [--seeds 0 1 2 3 4] [--out runs/heart] [--draws 10000] [OVERRIDE ...]

FOLDER holds a .csv for each hospital, with the columns of conf/deployment/schemas/heart.yaml. Of each seed a search
runs (experiment=heart), and one of a single trial on what FLamby keeps of these rows (NeurIPS 2022, datasets track:
without slope, ca and thal, and without rows that have a gap in what is left): its linear model is the federated
logistic regression that others publish, and the search's own linear model is the same with all columns and all rows.
As references, which no federation has, scikit-learn fits logistic regression and boosted trees on the pooled rows, and
logistic regression on each hospital's rows alone.

All is tested on the test rows of all hospitals, pooled. Printed are accuracies, mean and deviation over seeds, and of
the network that the search exported against the references the mean difference with a 95 % interval: a bootstrap of
rows, paired, percentiles. A finished search is not run again. Figures only; nothing is asserted.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common.config import CONF
from common.data import Examples, Holder, load_node_data, load_node_test
from common.data.files import files_of
from common.data.schema_file import load_schema, save_schema
from common.models.export import load_model
from common.preprocessing.schema import Schema
from common.seeding import generator
from common.settings import DatasetSettings
from server_app.run_folder import RESULT

SCHEMA = CONF / "deployment" / "schemas" / "heart.yaml"
DROPPED = ("slope", "ca", "thal")
"""What FLamby leaves out."""
SINGLE = ["search.trials=1", "final.finalists=1"]

Mask = NDArray[np.bool_]


def search(folder: Path, schema: Path, out: Path, seed: int, overrides: Sequence[str]) -> Path:
    """Search, unless that was done before; return the run's folder."""
    if not (out / RESULT).exists() or json.loads((out / RESULT).read_text())["status"] != "finished":
        told = [f"dataset.path='{folder.absolute()}'", f"dataset.options.schema='{schema.absolute()}'", f"seed={seed}"]
        command = [sys.executable, "-m", "server_app.cli", "search", "experiment=heart", *told, f"run.dir='{out}'"]
        subprocess.run([*command, *overrides], check=True, stdout=subprocess.DEVNULL)
    return out


def complete(folder: Path, out: Path) -> tuple[Path, Path]:
    """Write the rows and columns that FLamby keeps, and their schema; return the folder and the schema."""
    schema = Schema(tuple(column for column in load_schema(SCHEMA).columns if column.name not in DROPPED))
    kept = [column.name for column in schema.columns]
    (out / "complete").mkdir(parents=True, exist_ok=True)
    save_schema(out / "complete.yaml", schema)
    for file in files_of(DatasetSettings("local", str(folder), "files")):
        with file.open(newline="") as source, (out / "complete" / file.name).open("w", newline="") as target:
            writer = csv.DictWriter(target, kept, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(row for row in csv.DictReader(source) if all(row[name] for name in kept))
    return out / "complete", out / "complete.yaml"


def examples(folder: Path) -> tuple[list[Examples], list[Examples]]:
    """Return what each hospital trains on, validation included, and what it is tested on."""
    settings = DatasetSettings("local", str(folder), "files", options={"schema": str(SCHEMA)})
    train, test = [], []
    for holder in [Holder(part, len(files_of(settings))) for part in range(len(files_of(settings)))]:
        data, held = load_node_data(settings, holder, 0), load_node_test(settings, holder, 0)
        assert held is not None
        parts = (data.train, data.validation)
        train.append(Examples(np.concatenate([each.x for each in parts]), np.concatenate([each.y for each in parts])))
        test.append(held)
    return train, test


def pooled(parts: Sequence[Examples]) -> Examples:
    """Return the examples of all hospitals."""
    return Examples(np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts]))


def logistic(train: Examples, test: Examples) -> Mask:
    """Return which test rows logistic regression answers rightly; gaps are filled with the mean."""
    fill = SimpleImputer(keep_empty_features=True)
    model = make_pipeline(fill, StandardScaler(), LogisticRegression(max_iter=1000))
    right: Mask = model.fit(train.x, train.y).predict(test.x) == test.y
    return right


def boosted(train: Examples, test: Examples) -> Mask:
    """Return which test rows boosted trees answer rightly; they take gaps as they are."""
    right: Mask = HistGradientBoostingClassifier(random_state=0).fit(train.x, train.y).predict(test.x) == test.y
    return right


def exported(run: Path, test: Examples) -> Mask:
    """Return which test rows the network that a search exported answers rightly."""
    with torch.inference_mode():
        right: Mask = load_model(run / "best")(torch.from_numpy(test.x)).numpy().argmax(1) == test.y
    return right


def interval(better: NDArray[np.float64], draws: int) -> str:
    """Return the mean of differences by row, and its 95 % interval over draws of rows."""
    rows = generator(0, "heart").integers(len(better), size=(draws, len(better)))
    low, high = np.quantile(better[rows].mean(axis=1), (0.025, 0.975))
    return f"{better.mean():+.4f} ({low:+.4f} to {high:+.4f})"


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--out", type=Path, default=Path("runs/heart"))
    parser.add_argument("--draws", type=int, default=10_000)
    arguments, overrides = parser.parse_known_args()
    out, console = arguments.out.absolute(), Console(width=110)
    out.mkdir(parents=True, exist_ok=True)
    rows, schema = complete(arguments.folder, out)
    runs, plain = [], []
    for seed in arguments.seeds:
        console.print(f"seed {seed}: a search, and one trial on complete rows")
        runs.append(search(arguments.folder, SCHEMA, out / f"all-{seed}", seed, overrides))
        plain.append(search(rows, schema, out / f"complete-{seed}", seed, SINGLE))
    train, test = examples(arguments.folder)
    every, tested = pooled(train), pooled(test)
    table = Table(title=f"heart, {len(tested)} test rows", caption="over seeds: mean (standard deviation)")
    for column in ("", "accuracy", "exported network better by"):
        table.add_column(column)
    found = np.mean([exported(run, tested) for run in runs], axis=0)

    def over_seeds(title: str, folders: Sequence[Path], role: str) -> None:
        values = [json.loads((run / RESULT).read_text())[role]["test"]["accuracy"] for run in folders]
        table.add_row(title, f"{fmean(values):.4f} ({stdev(values) if len(values) > 1 else 0:.4f})", "")

    over_seeds("found, mean of its seeds", runs, "winner")
    table.add_row("found, as exported", f"{found.mean():.4f}", "")
    over_seeds("best of the portfolio", runs, "baseline")
    over_seeds("federated logistic regression", runs, "linear")
    over_seeds("the same on complete rows, without 3 columns", plain, "linear")
    for title, right in (
        ("pooled logistic regression", logistic(every, tested)),
        ("pooled boosted trees", boosted(every, tested)),
        *(
            (f"{file.stem} alone, logistic regression", logistic(own, tested))
            for file, own in zip(files_of(DatasetSettings("local", str(arguments.folder), "files")), train, strict=True)
        ),
    ):
        table.add_row(title, f"{right.mean():.4f}", interval(found - right, arguments.draws))
    console.print(table)


if __name__ == "__main__":
    main()
