"""Windows of one recording stay together; what shares samples is never on both sides of a border."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from common.data import Holder, load_node_data, load_node_test
from common.data.formats import Reading
from common.data.local import LocalOptions, read_local
from common.data.pool import partition_pool
from common.data.recordings import Recordings, partition_recordings, split_recordings
from common.data.splits import Split
from common.data.tools.division import divide, write
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings

Index = np.ndarray


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def windows_of(lengths: list[int], window: int, hop: int) -> tuple[Index, list[set[tuple[int, int]]]]:
    """Return of each window the recording, and the samples that it holds."""
    found = [
        (number, {(number, sample) for sample in range(begin, begin + window)})
        for number, length in enumerate(lengths)
        for begin in range(0, length - window + 1, hop)
    ]
    return np.array([number for number, _ in found], dtype=np.int64), [samples for _, samples in found]


def samples_of(part: Index, samples: list[set[tuple[int, int]]]) -> set[tuple[int, int]]:
    return set().union(*(samples[place] for place in part.tolist()))


recordings = st.lists(st.tuples(st.integers(4, 40), st.integers(0, 2)), min_size=1, max_size=12)


@given(recordings, st.integers(1, 4), st.integers(1, 6), st.sampled_from(["random", "block"]), st.booleans())
@examples(max_examples=150, deadline=None)
def test_no_sample_is_on_both_sides_of_a_border(
    made: list[tuple[int, int]], window: int, hop: int, kind: str, with_test: bool
) -> None:
    of, samples = windows_of([length for length, _ in made], window, hop)
    labels = np.array([label for _, label in made], dtype=np.int64)[of]
    if len(of) < 2:
        return
    overlap = -(-window // hop) - 1
    split = split_recordings(labels, Recordings(of, overlap), DatasetSettings(split=kind), rng(), with_test=with_test)
    train, validation, test = (samples_of(part, samples) for part in split.parts)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert len(split.train)
    places = np.concatenate(split.parts)
    assert len(np.unique(places)) == len(places)
    if len({tuple(row) for row in zip(labels, of, strict=True)}) == len(made) and kind == "random":
        needed = 4 if with_test else 3  # a fifth, rounded, is 1 of what is left of as many
        for label in np.unique(labels):
            own = np.unique(of[labels == label])
            if len(own) >= needed:
                for recording in own:
                    places_of = np.flatnonzero(of == recording)
                    assert sum(np.isin(places_of, part).all() for part in split.parts) == 1


def split_of(labels: list[int], of: list[int], overlap: int = 0, **settings: object) -> Split:
    chosen = DatasetSettings(**settings)
    return split_recordings(np.array(labels), Recordings(np.array(of), overlap), chosen, rng(), with_test=True)


def test_whole_recordings_are_held_out_in_parts_of_about_the_fractions():
    of = np.repeat(np.arange(10), 4)
    split = split_of([0] * 40, of.tolist(), 1)
    # of ten recordings two for the test, and of the eight others 1.6, so two, for validation
    assert [len(np.unique(of[part])) for part in split.parts] == [6, 2, 2]
    assert [len(part) for part in split.parts] == [24, 8, 8]


def test_the_windows_of_a_single_recording_are_split_in_time_with_what_overlaps_dropped():
    split = split_of([0] * 20, [0] * 20, 2)
    assert split.test.tolist() == [16, 17, 18, 19]
    # 14 and 15 share samples with 16; of the 14 others a fifth, 2.8, is 3
    assert split.validation.tolist() == [11, 12, 13]
    assert split.train.tolist() == list(range(9))


def test_every_class_with_enough_recordings_is_in_every_part():
    of = np.repeat(np.arange(8), 3)
    labels = of % 2
    split = split_of(labels.tolist(), of.tolist(), 1)
    # of each class four recordings: one is tested on, and of three 0.6, so one, is validated on
    assert [np.bincount(labels[part]).tolist() for part in split.parts] == [[6, 6], [3, 3], [3, 3]]


def test_three_recordings_are_too_few_to_give_one_to_each_part():
    of = np.repeat(np.arange(3), 10)
    split = split_of([0] * 30, of.tolist(), 1)
    # of 30 windows 6 for the test and one dropped; of the 23 others 4.6, so 5, and one dropped
    assert [part.tolist() for part in split.parts] == [list(range(17)), list(range(18, 23)), list(range(24, 30))]


def test_each_class_goes_its_own_way():
    """Class 0 has five recordings, and class 1 a single long one."""
    of = [*np.repeat(np.arange(5), 4).tolist(), *[5] * 20]
    split = split_of([0] * 20 + [1] * 20, of, 1)
    for recording in range(5):
        assert sum(np.isin(np.flatnonzero(np.array(of) == recording), part).all() for part in split.parts) == 1
    assert split.test[split.test >= 20].tolist() == [36, 37, 38, 39]


def test_too_few_windows_are_an_error_as_too_few_examples_are():
    with pytest.raises(DataError, match="too few, got 1"):
        split_of([0], [0])


def test_a_gap_that_is_asked_for_holds_where_it_is_larger():
    split = split_of([0] * 30, [0] * 30, 1, split="block", gap=3)
    assert split.validation.max() + 4 == split.test.min()


# ---------------------------------------------------------------- nodes


@pytest.mark.parametrize("labelled", [False, True])
def test_all_windows_of_a_recording_are_one_nodes(labelled: bool):
    of = np.repeat(np.arange(12), 5)
    labels = of % 3 if labelled else None
    parts = partition_recordings(of, labels, 3, 1.0, rng())
    assert sorted(np.concatenate(parts).tolist()) == list(range(60))
    assert all(not np.intersect1d(of[one], of[other]).size for one in parts for other in parts if one is not other)
    if not labelled:
        assert [len(part) for part in parts] == [20, 20, 20]


def test_more_nodes_than_recordings_are_refused():
    with pytest.raises(ConfigError, match="Each node needs 1 recording, so 4 are enough for 4 nodes, got 5"):
        partition_recordings(np.repeat(np.arange(4), 5), None, 5, 1.0, rng())


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Recordings in which no number occurs twice: a window tells where it is from."""
    for number in range(12):
        path = tmp_path / "signals" / f"class{number % 2}" / f"{number:02}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(str(1000 * number + step) for step in range(40)))
    return str(tmp_path / "signals")


READING = Reading(window=8, hop=2)


def whole(x: Index) -> set[float]:
    return set(x.ravel().tolist())


def test_a_node_never_trains_on_a_sample_that_scores_it(folder: str):
    holder = Holder(path=folder, reading=READING)
    data, test = load_node_data(DatasetSettings(), holder, 0), load_node_test(DatasetSettings(), holder, 0)
    assert test is not None
    train, validation, tested = whole(data.train.x), whole(data.validation.x), whole(test.x)
    assert len(train | validation | tested) == len(train) + len(validation) + len(tested)
    assert len(data.train) + len(data.validation) + len(test) == 12 * 17  # whole recordings: nothing is dropped


def test_simulated_nodes_share_no_sample(folder: str):
    options = {"window": 8, "hop": 2}
    settings = DatasetSettings("local", path=folder, options=options)
    seen = [whole(load_node_data(settings, Holder(part, 3), 0).train.x) for part in range(3)]
    assert all(not one & other for one in seen for other in seen if one is not other)


def test_a_file_for_each_node_remembers_the_recordings(folder: str, tmp_path: Path):
    pool = read_local(folder, LocalOptions.of(READING), own=True)
    settings = DatasetSettings("local", path=folder)
    paths = write(divide(pool, settings, 2, 0), tmp_path / "out")
    rows = partition_pool(pool, "iid", 0.5, 2, 0)
    for path, own in zip(paths, rows, strict=True):
        again = read_local(str(path), LocalOptions(), own=True)
        assert again.recording is not None
        assert pool.recording is not None
        assert (again.recording.tolist(), again.overlap) == (pool.recording[own].tolist(), 3)
        data = load_node_data(DatasetSettings(), Holder(path=str(path)), 0)
        assert not whole(data.train.x) & whole(data.validation.x)
