"""A folder with a file for each node: each opens its own, as a deployed node does."""

from pathlib import Path

import numpy as np
import pytest

from common.data import Holder, load_node_data, load_node_test, load_server_test, natural_partitions
from common.data.files import files_of, holder_of
from common.data.formats import Reading
from common.data.splits import TooFewExamplesError
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings

ROWS = {"north.csv": 20, "south.csv": 30, "west.csv": 40}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sites; the feature of the first row of each is its number of rows."""
    for name, rows in ROWS.items():
        lines = [
            f"{rows + row},{'yes' if row % 2 else 'no'},{'test' if row % 5 == 0 else 'train'}" for row in range(rows)
        ]
        (tmp_path / name).write_text("dose,ill,split\n" + "\n".join(lines))
    (tmp_path / "notes.txt").write_text("not data")
    (tmp_path / ".hidden.csv").write_text("")
    return tmp_path


def settings_of(path: Path | str | None, name: str = "local") -> DatasetSettings:
    path = None if path is None else str(path)
    return DatasetSettings(name, path, "files", options={"label": "ill"} if name == "local" else {})


def test_each_node_has_what_its_file_has(folder: Path) -> None:
    for partition, rows in enumerate(ROWS.values()):
        holder = Holder(partition, 3)
        data = load_node_data(settings_of(folder), holder, 0)
        test = load_node_test(settings_of(folder), holder, 0)
        assert test is not None
        assert (len(data.train) + len(data.validation), len(test), data.num_test) == (
            rows * 4 // 5,
            rows // 5,
            rows // 5,
        )
        held = np.concatenate([data.train.x, data.validation.x, test.x])
        assert sorted(held[:, 0].tolist()) == list(range(rows, 2 * rows))
        assert data.task.head.names == ("no", "yes")
    assert load_server_test(settings_of(folder), 0) is None
    assert natural_partitions(settings_of(folder)) == 3


def test_files_are_sorted_and_read_as_the_options_say(folder: Path) -> None:
    assert [path.name for path in files_of(settings_of(folder))] == list(ROWS)
    assert holder_of(settings_of(folder), Holder(1, 3)) == Holder(1, 3, str(folder / "south.csv"), Reading("ill"))
    own = Holder(1, 3, "mine.csv")
    assert holder_of(settings_of(folder), own) is own


def test_there_are_as_many_nodes_as_files(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 3, got 4\. Set federation\.nodes=3"):
        load_node_data(settings_of(folder), Holder(0, 4), 0)


def test_what_is_wrong_with_a_file_names_it_and_nothing_that_is_in_it(folder: Path) -> None:
    (folder / "south.csv").write_text((folder / "south.csv").read_text().replace("31,", "oops,"))
    with pytest.raises(DataError, match=r"^south.csv: Every column of a table") as caught:
        load_node_data(settings_of(folder), Holder(1, 3), 0)
    assert "oops" not in str(caught.value)
    assert str(caught.value.in_full()).startswith("south.csv: Every column")
    assert "'oops'" in str(caught.value.in_full())
    with pytest.raises(DataError, match=r"^south.csv: "):
        load_node_test(settings_of(folder), Holder(1, 3), 0)


def test_a_file_that_a_node_names_itself_stays_unnamed(folder: Path) -> None:
    (folder / "south.csv").write_text("dose,ill\noops,yes\n")
    with pytest.raises(DataError) as caught:
        load_node_data(settings_of(folder), Holder(0, 1, str(folder / "south.csv"), Reading("ill")), 0)
    assert "south" not in str(caught.value)


def test_too_few_examples_in_a_file_are_still_told_apart_from_what_is_wrong(folder: Path) -> None:
    (folder / "south.csv").write_text("dose,ill\n5,yes\n")
    with pytest.raises(TooFewExamplesError, match=r"^south.csv: "):
        load_node_data(settings_of(folder), Holder(1, 3), 0)


def test_without_a_path_it_says_what_to_set() -> None:
    with pytest.raises(ConfigError) as caught:
        natural_partitions(settings_of(None))
    assert str(caught.value) == (
        "dataset.partition=files needs a folder with a file for each node. Set dataset.path=FOLDER."
    )


@pytest.mark.parametrize("case", ["a file", "nothing", "no path", "one file", "another data set"])
def test_it_needs_a_folder_of_files(case: str, folder: Path) -> None:
    if case == "one file":
        for name in list(ROWS)[1:]:
            (folder / name).unlink()
    path = {"a file": folder / "north.csv", "nothing": folder / "gone", "no path": None}.get(case, folder)
    with pytest.raises(ConfigError, match="a folder with a file for each node"):
        load_node_data(settings_of(path, "digits" if case == "another data set" else "local"), Holder(0, 3), 0)
