"""Simulated nodes that share a pool, and nodes with a file of their own, seen through the data set `local`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.data import Holder, load_node_data, load_node_test, load_server_test, natural_partitions
from common.data.overlap import overlap_links
from common.errors import ConfigError, DataError
from common.settings import DatasetSettings
from common.tasks import Classification

Save = Callable[..., str]

PEOPLE, EACH = 6, 20


def numbered(people: int = PEOPLE, each: int = EACH) -> dict[str, object]:
    """Arrays in which the first feature of an example is its row and the second its person."""
    rows = np.arange(people * each)
    client = rows // each
    return {
        "x": np.stack([rows, client], axis=1).astype(np.float32),
        "y": rows % 2,
        "client": client,
    }


def settings(path: str | None, **more: object) -> DatasetSettings:
    return DatasetSettings(name="local", path=path, **more)  # type: ignore[arg-type]


def rows_of(chosen: DatasetSettings, holder: Holder, seed: int = 0) -> list[int]:
    data = load_node_data(chosen, holder, seed)
    return np.concatenate([data.train.x[:, 0], data.validation.x[:, 0]]).astype(int).tolist()


@pytest.mark.parametrize("partition", ["iid", "dirichlet", "natural"])
def test_nodes_without_a_test_part_hold_disjoint_data_and_their_own_test(save: Save, partition: str) -> None:
    chosen = settings(save(**numbered()), partition=partition)
    seen = []
    for node in range(3):
        test = load_node_test(chosen, Holder(node, 3), 0)
        assert test is not None
        seen += rows_of(chosen, Holder(node, 3)) + test.x[:, 0].astype(int).tolist()
    assert sorted(seen) == list(range(PEOPLE * EACH))
    assert load_server_test(chosen, 0) is None


@pytest.mark.parametrize("partition", ["iid", "dirichlet", "natural"])
def test_a_test_part_is_the_servers_and_its_people_are_never_trained_on(save: Save, partition: str) -> None:
    arrays = numbered()
    tested = np.isin(arrays["client"], (1, 4))
    chosen = settings(save(**arrays, split=tested.astype(int)), partition=partition)
    data = [load_node_data(chosen, Holder(node, 4), 0) for node in range(4)]
    trained = np.concatenate([part.x for node in data for part in (node.train, node.validation)])
    test = load_server_test(chosen, 0)
    assert test is not None
    assert test.group is not None
    assert sorted(trained[:, 0]) == np.flatnonzero(~tested).tolist()
    assert test.examples.x[:, 0].tolist() == np.flatnonzero(tested).tolist()
    assert set(trained[:, 1]) == {0, 2, 3, 5}
    assert set(test.group.tolist()) == {1, 4}
    assert load_node_test(chosen, Holder(0, 4), 0) is None


def test_the_group_is_none_where_people_are_not_known(save: Save) -> None:
    arrays = numbered()
    del arrays["client"]
    test = load_server_test(settings(save(**arrays, split=np.arange(120) % 2)), 0)
    assert test is not None
    assert test.group is None


def test_all_nodes_cut_alike_whoever_asks_first(save: Save) -> None:
    arrays = numbered()
    nodes = range(3)
    asked = {}
    for order, name in ((nodes, "a.npz"), (reversed(nodes), "b.npz")):
        chosen = settings(save(name, **arrays), partition="dirichlet")
        asked[name] = {node: rows_of(chosen, Holder(node, 3)) for node in order}
    assert asked["a.npz"] == asked["b.npz"]


def test_another_seed_gives_other_partitions_and_splits(save: Save) -> None:
    chosen = settings(save(**numbered()), test_fraction=0.0)  # so a node's rows are its whole partition
    assert rows_of(chosen, Holder(0, 3), 1) == rows_of(chosen, Holder(0, 3), 1)
    assert sorted(rows_of(chosen, Holder(0, 3), 1)) != sorted(rows_of(chosen, Holder(0, 3), 2))
    alone = [load_node_data(chosen, Holder(0, 1), seed).validation.x[:, 0].tolist() for seed in (1, 2)]
    assert alone[0] != alone[1]


def test_natural_partitions_count_people_in_training(save: Save) -> None:
    arrays = numbered()
    split = np.isin(arrays["client"], (1, 4)).astype(int)
    assert natural_partitions(settings(save("a.npz", **arrays))) == PEOPLE
    assert natural_partitions(settings(save("b.npz", **arrays, split=split))) == PEOPLE - 2
    del arrays["client"]
    assert natural_partitions(settings(save("c.npz", **arrays))) is None


def test_natural_needs_people(save: Save) -> None:
    arrays = numbered()
    del arrays["client"]
    with pytest.raises(ConfigError, match=r"data.npz does not say. .* add 'client'"):
        load_node_data(settings(save(**arrays), partition="natural"), Holder(0, 2), 0)


def test_natural_refuses_people_in_both_parts(save: Save) -> None:
    arrays = numbered()
    split = np.zeros(PEOPLE * EACH, dtype=int)
    split[2 * EACH : 2 * EACH + 5] = 1  # a part of person 2
    chosen = settings(save(**arrays, split=split), partition="natural")
    for call in (
        lambda: load_node_data(chosen, Holder(0, 2), 0),
        lambda: load_server_test(chosen, 0),
        lambda: natural_partitions(chosen),
    ):
        with pytest.raises(DataError, match="1 are"):
            call()


def test_a_nodes_own_file_wins_and_is_not_partitioned(save: Save) -> None:
    own = save("own.npz", **numbered(people=1, each=25))
    chosen = settings("/nowhere.npz", partition="natural")
    holder = Holder(1, 3, own)
    data, test = load_node_data(chosen, holder, 0), load_node_test(chosen, holder, 0)
    assert test is not None
    assert (len(data.train), len(data.validation), len(test)) == (16, 4, 5)  # a fifth, then a fifth of the rest


def test_the_test_part_of_a_nodes_own_file_is_its_own(save: Save) -> None:
    split = np.zeros(25, dtype=int)
    split[[3, 7]] = 1
    holder = Holder(path=save("own.npz", **numbered(people=1, each=25), split=split))
    test = load_node_test(settings(None), holder, 0)
    assert test is not None
    assert test.x[:, 0].tolist() == [3, 7]
    assert sorted(rows_of(settings(None), holder)) == sorted(set(range(25)) - {3, 7})


def test_a_server_without_a_file_has_no_test_set() -> None:
    assert load_server_test(settings(None), 0) is None
    assert natural_partitions(settings(None)) is None


def test_no_test_fraction_means_no_test(save: Save) -> None:
    assert load_node_test(settings(save(**numbered()), test_fraction=0.0), Holder(0, 3), 0) is None


def test_an_unknown_partition_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be one of iid, dirichlet, natural, files, got 'idd'"):
        load_server_test(settings(None, partition="idd"), 0)


def test_windows_that_share_samples_are_never_on_both_sides(save: Save) -> None:
    """A file that is shuffled is put in order before it is cut into blocks."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((3, 4 * 201), dtype=np.float32)
    x = np.stack([signal[:, start : start + 8] for start in range(0, 800, 4)])
    y = np.repeat([0, 1], 100)
    shuffled = rng.permutation(200)
    chosen = settings(save(x=x[shuffled], y=y[shuffled]), split="block", gap=1)
    data, test = load_node_data(chosen, Holder(), 0), load_node_test(chosen, Holder(), 0)
    assert test is not None
    parts = [data.train, data.validation, test]
    # the links inside the parts are all that there are
    together = overlap_links(np.concatenate([part.x for part in parts]))
    assert len(together) == sum(len(overlap_links(part.x)) for part in parts)
    # two classes, for each: a stretch tested on, one validated on, and a neighbour or two of each dropped
    assert len(data.train) + len(data.validation) + len(test) >= 200 - 8
    assert np.bincount(test.y).tolist() == [20, 20]


@pytest.mark.shared_data
def test_uci_har_is_split_by_person_and_without_overlap(shared_data: Path) -> None:
    chosen = settings(str(shared_data / "uci_har.npz"), partition="natural", split="block", gap=1)
    assert natural_partitions(chosen) == 21
    test = load_server_test(chosen, 0)
    assert test is not None
    assert test.group is not None
    assert len(np.unique(test.group)) == 9
    nodes = [load_node_data(chosen, Holder(node, 21), 0) for node in range(21)]
    assert nodes[0].task.input_shape == (9, 128)
    assert nodes[0].task.head == Classification(6)
    for data in nodes:
        links = overlap_links(np.concatenate([data.train.x, data.validation.x]))
        border = len(data.train)
        assert len(links) > 100
        assert all((window < border) == (follower < border) for window, follower in links.items())
        assert set(data.validation.y.tolist()) == set(range(6))
    kept = sum(len(data.train) + len(data.validation) for data in nodes)
    assert kept > 0.95 * 7352  # the official training part
