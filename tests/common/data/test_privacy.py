"""What a node says when its data are wrong travels to the server: it must tell nothing of them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from common.data import Holder, load_node_data, load_node_test
from common.data.formats import Reading
from common.data.tools.suitability import Wanted, check
from common.errors import DataError
from common.settings import DatasetSettings
from common.tasks import Classification
from server_app.cli import main

SITE = "st_mary"
"""Part of every path."""

SECRETS = ("zanzibar", "31337", "4711", "quux")
"""What the files below are full of; 4711 is how many examples some class has."""

Make = Callable[[Path], object]


def npz(**arrays: object) -> Make:
    x = np.full((4711, 1), 31337, np.float32)
    whole = {"x": x, "y": np.arange(4711) % 2, **arrays}
    return lambda folder: np.savez(folder / "quux.npz", **whole)


def csv(*rows: str, head: str = "zanzibar,label,client,split") -> Make:
    text = "\n".join([head, *["31337,quux,4711,0"] * 9, *rows])
    return lambda folder: (folder / "quux.csv").write_text(text)


def parquet(**columns: object) -> Make:
    whole = {"zanzibar": [31337.0, 4711.0], "label": ["quux", "zanzibar"], **columns}
    return lambda folder: pq.write_table(pa.table(whole), folder / "quux.parquet")


def folder(name: str, size: int = 3, mode: str = "L", content: bytes | None = None, fill: int = 0) -> Make:
    def make(home: Path) -> None:
        path = home / "quux" / name
        for place in (path, home / "quux/zanzibar/4711.png"):
            place.parent.mkdir(parents=True, exist_ok=True)
            odd = place == path
            Image.new(mode if odd else "L", (size if odd else 3, 3), fill if odd else 0).save(place, "png")
        if content is not None:
            path.write_bytes(content)

    return make


def recordings(*rows: str, **others: str) -> Make:
    """Write a recording, and other files of a folder by their names, in which ``__`` stands for a slash."""
    files = {
        "zanzibar/4711.csv": "quux\n31337\n31337",
        **{name.replace("__", "/"): text for name, text in others.items()},
    }
    if rows:
        files["zanzibar/31337.csv"] = "\n".join(rows)

    def make(home: Path) -> None:
        for name, text in files.items():
            path = home / "quux" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return make


def gone(home: Path) -> None:
    """Make nothing."""


WRONG: dict[str, tuple[Make, str, str]] = {
    # what is made, its name, and what its own people are told
    "gone": (gone, "quux.npz", "quux.npz"),
    "ending": (lambda home: (home / "quux.zanzibar").touch(), "quux.zanzibar", "quux.zanzibar"),
    "npz-text": (lambda home: (home / "quux.npz").write_text("zanzibar"), "quux.npz", ""),
    "npz-arrays": (lambda home: np.savez(home / "quux.npz", zanzibar=[1]), "quux.npz", "zanzibar"),
    "npz-nan": (npz(x=np.full((4711, 1), np.nan, np.float32)), "quux.npz", "4711 examples"),
    "npz-lengths": (npz(y=np.arange(31337)), "quux.npz", "31337"),
    "npz-axes": (npz(client=np.zeros((4711, 2), int)), "quux.npz", "4711"),
    "npz-shape": (npz(x=np.zeros((4711, 1, 1, 1, 1), np.float32)), "quux.npz", "4711"),
    "npz-label": (npz(y=np.full(4711, -31337)), "quux.npz", "-31337"),
    "npz-split": (npz(split=np.full(4711, 31337)), "quux.npz", "31337"),
    "npz-names": (npz(classes=np.array(["zanzibar", "zanzibar"])), "quux.npz", "zanzibar"),
    "npz-unnamed": (npz(classes=np.array(["zanzibar", "quux"]), y=np.full(4711, 31337)), "quux.npz", "31337"),
    "npz-unprintable": (npz(classes=np.array(["zanzibar\n", "quux"])), "quux.npz", "zanzibar"),
    "csv-label": (csv(head="zanzibar,quux,client,split"), "quux.csv", "zanzibar"),
    "csv-twice": (csv(head="zanzibar,label,zanzibar,split"), "quux.csv", "zanzibar"),
    "csv-text": (csv("zanzibar,quux,4711,0"), "quux.csv", "row 11, column 'zanzibar': 'zanzibar'"),
    "csv-nan": (csv("nan,quux,4711,0"), "quux.csv", "row 11, column 'zanzibar' is empty ('nan')"),
    "csv-empty": (csv(",quux,4711,0"), "quux.csv", "row 11, column 'zanzibar' is empty"),
    "csv-unlabelled": (
        lambda home: (home / "quux.csv").write_text("zanzibar,label\n31337,\n"),
        "quux.csv",
        "column 'label' is empty",
    ),
    "csv-unclear": (
        csv('"31,337",quux,4711,0'),
        "quux.csv",
        "31,337 may be 31337 or 31.337",
    ),
    "csv-category": (csv("quux,quux,4711,0"), "quux.csv", "row 11, column 'zanzibar': 'quux'"),
    "csv-headless": (
        lambda home: (home / "quux.csv").write_text("31337,4711\n1,2"),
        "quux.csv",
        "the first row is '31337', '4711'",
    ),
    "csv-meant": (csv(head="zanzibar,Label,quux,split"), "quux.csv", "'Label' may be meant"),
    "csv-gz": (lambda home: (home / "quux.csv.gz").write_text("zanzibar"), "quux.csv.gz", "Not a gzipped file"),
    "csv-ragged": (csv("31337,quux"), "quux.csv", "row 11 has 2"),
    "csv-split": (csv("31337,quux,4711,zanzibar"), "quux.csv", "row 11, column 'split': 'zanzibar'"),
    "csv-bytes": (
        lambda home: (home / "quux.csv").write_bytes(b"zanzibar,label\n\xff,1"),
        "quux.csv",
        "row 2, column 'zanzibar': 'ÿ'",
    ),
    "parquet-text": (lambda home: (home / "quux.parquet").write_text("zanzibar"), "quux.parquet", ""),
    "parquet-type": (parquet(quux=["31337", "quux"]), "quux.parquet", "row 2, column 'quux': 'quux'"),
    "parquet-null": (parquet(quux=[31337, None]), "quux.parquet", "row 2, column 'quux' is empty"),
    "parquet-nan": (parquet(quux=[31337, np.nan]), "quux.parquet", "row 2, column 'quux' is empty"),
    "parquet-label": (parquet(label=[31337, 0.5]), "quux.parquet", "row 2, column 'label': '0.5'"),
    "parquet-split": (parquet(split=["train", "zanzibar"]), "quux.parquet", "row 2, column 'split': 'zanzibar'"),
    "images-size": (folder("31337/zanzibar.png", 4), "quux", "zanzibar/4711.png is 3 x 3"),
    "images-mixed": (folder("31337/zanzibar.png", mode="RGB", fill=9), "quux", "grey: 1"),
    "images-alpha": (folder("31337/zanzibar.png", mode="RGBA"), "quux", "31337/zanzibar.png is see-through"),
    "images-broken": (folder("31337/zanzibar.png", content=b"31337"), "quux", "31337/zanzibar.png cannot be read"),
    "images-beside": (folder("zanzibar.png"), "quux", "zanzibar.png lies beside"),
    "images-one-more": (lambda home: folder("31337/zanzibar.png")(home / "quux"), "quux", "quux: 31337, zanzibar"),
    "images-and-recordings": (recordings(**{"zanzibar__31337.png": ""}), "quux", "are images: 1, and recordings: 1"),
    "images-parts": (
        lambda home: [(home / "quux" / part / "zanzibar").mkdir(parents=True) for part in ("train", "val")],
        "quux",
        "val",
    ),
    "sequences-text": (recordings("31337", "zanzibar", "quux"), "quux", "'zanzibar'"),
    "sequences-channels": (recordings("31337,4711"), "quux", "2 channels without names"),
    "sequences-names": (recordings("zanzibar", "31337"), "quux", "the channels zanzibar"),
    "sequences-lengths": (recordings("quux", "31337"), "quux", "zanzibar/4711.csv has 2 samples"),
    "sequences-wav": (recordings(**{"zanzibar__31337.wav": "quux"}), "quux", "zanzibar/31337.wav cannot be read"),
    "sequences-columns": (recordings(**{"labels.csv": "zanzibar,quux\n1,2"}), "quux", "it has zanzibar, quux"),
    "sequences-split": (
        recordings(**{"labels.csv": "file,label,split\nzanzibar/4711.csv,quux,31337"}),
        "quux",
        "row 2: '31337'",
    ),
    "sequences-twice": (
        recordings(**{"labels.csv": "file,label\nzanzibar/4711.csv,1\nzanzibar/4711.csv,1"}),
        "quux",
        "zanzibar/4711.csv",
    ),
    "sequences-unlabelled": (recordings(**{"labels.csv": "file,label\nzanzibar/4711.csv,"}), "quux", "row 2"),
    "npz-overlap": (npz(recording=np.arange(4711), overlap=np.array(-31337)), "quux.npz", "-31337"),
    "npz-recording": (npz(recording=np.array(["zanzibar"] * 4711)), "quux.npz", "<U8"),
    "images-none": (lambda home: (home / "quux" / "zanzibar").mkdir(parents=True), "quux", ""),
}


@pytest.fixture(params=WRONG)
def wrong(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The path of data that do not fit, and what their own people must be told."""
    make, name, told = WRONG[request.param]
    home = tmp_path / SITE
    home.mkdir()
    make(home)
    return str(home / name), told


def tells(text: str, path: str) -> list[str]:
    """Return what `text` gives away."""
    return [secret for secret in (*SECRETS, SITE, path, Path(path).name) if secret in text]


@pytest.mark.parametrize("asked", [DatasetSettings(), DatasetSettings("local")], ids=["digits", "local"])
@pytest.mark.parametrize("load", [load_node_data, load_node_test])
def test_what_may_travel_tells_nothing(wrong: tuple[str, str], asked: DatasetSettings, load: Callable[..., object]):
    path, _ = wrong
    with pytest.raises(DataError, match=r"^The node's data: .*`flwr-nas data check`") as caught:
        load(asked, Holder(path=path), 0)
    assert tells(str(caught.value), path) == []
    assert caught.value.__suppress_context__  # a traceback in a log would tell


def test_the_check_on_the_node_tells_where(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    path, told = wrong
    assert main(["data", "check", path]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert path in out
    assert "It does not fit: " in out
    assert told in out


def test_classes_that_were_not_agreed_on_are_not_told_either(tmp_path: Path):
    npz(classes=np.array(["zanzibar", "quux"]))(tmp_path)
    path = str(tmp_path / "quux.npz")
    with pytest.raises(DataError) as caught:
        load_node_data(DatasetSettings(), Holder(path=path), 0, Classification(2, ("ant", "bee")))
    assert tells(str(caught.value), path) == []


def test_too_few_examples_are_said_without_their_classes(tmp_path: Path):
    path = tmp_path / "quux.csv"
    path.write_text("a,label\n31337,zanzibar\n")
    with pytest.raises(DataError, match="too few") as caught:
        load_node_data(DatasetSettings(), Holder(path=str(path)), 0)
    assert tells(str(caught.value), str(path)) == []
    assert check(str(path), Wanted()).problem is not None


def test_the_walk_can_find_something():
    """The secrets are in what is not for travel."""
    path = "/home/st_mary/quux.csv"
    assert tells(json.dumps({"reason": "row 7 of /home/st_mary/quux.csv: 31337"}), path)


SCHEMA = """
columns:
  amount: {role: number, range: [0, 9]}
  kind: {role: category, values: [a, b]}
  label: {role: label, classes: [x, y]}
"""

BY_SCHEMA: dict[str, tuple[str, str]] = {
    # the rows, and what the own people are told
    "column": ("amount,zanzibar,label\n1,a,x\n", "'zanzibar' besides"),
    "unit": ("amount (quux),kind,label\n1,a,x\n", "column 'amount (quux)'"),
    "range": ("amount,kind,label\n31337,a,x\n", "31337 is not within 0 to 9"),
    "value": ("amount,kind,label\n1,zanzibar,x\n", "'zanzibar' is none of"),
    "class": ("amount,kind,label\n1,a,zanzibar\n", "'zanzibar' is none of"),
    "gap": ("amount,kind,label\n" + "1,a,x\n" * 4711 + ",b,y\n", "row 4713, column 'amount' is empty"),
    "number": ("amount,kind,label\nquux,a,x\n", "column 'amount': 'quux'"),
}


@pytest.mark.parametrize("case", BY_SCHEMA)
def test_what_does_not_fit_a_schema_may_travel_too(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text, told = BY_SCHEMA[case]
    home = tmp_path / SITE
    home.mkdir()
    (home / "quux.csv").write_text(text)
    (home / "schema.yaml").write_text(SCHEMA)
    path, schema = str(home / "quux.csv"), str(home / "schema.yaml")
    with pytest.raises(DataError, match=r"^The node's data: .*`flwr-nas data check`") as caught:
        load_node_data(DatasetSettings(), Holder(path=path, reading=Reading(schema=schema)), 0)
    assert tells(str(caught.value), path) == []
    assert main(["data", "check", path, "--schema", schema]) == 1
    assert told in capsys.readouterr().out


def test_a_file_that_is_named_as_the_schema_tells_nothing_of_itself(tmp_path: Path):
    path = tmp_path / "quux.csv"
    path.write_text("zanzibar,label\n31337,quux\n")
    with pytest.raises(DataError, match="The schema must be one") as caught:
        load_node_data(DatasetSettings(), Holder(path=str(path), reading=Reading(schema=str(path))), 0)
    assert tells(str(caught.value), str(path)) == []
