import numpy as np
import pytest

from common.errors import ConfigError, SearchError
from common.seeding import generator
from server_app.aggregation.krum import Krum


def scores(updates, malicious):
    """Sums of the squared distances to the n - f - 2 closest, as in the paper."""
    updates = updates.astype(np.float64)
    distances = np.square(updates[:, None] - updates[None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, : len(updates) - malicious - 2].sum(axis=1)


@pytest.mark.parametrize(("count", "malicious"), [(3, 0), (5, 1), (9, 1), (9, 3)])
def test_picks_the_update_of_the_lowest_score_as_it_is(play, count, malicious):
    updates = generator(0, "krum", count, malicious).normal(size=(count, 20)).astype(np.float32)
    got = play(Krum(Krum.Options(malicious)), np.zeros(20), [(update, 3) for update in updates])
    assert np.array_equal(got, updates[np.argmin(scores(updates, malicious))])


def test_tells_updates_apart_that_are_close_to_each_other(play):
    """In float32, |x|^2 + |y|^2 - 2 x.y is lost in the rounding of |x|^2."""
    base = generator(0, "base").normal(size=5000)
    for case in range(20):
        noise = generator(0, "noise", case).normal(0, 1e-4, size=(7, 5000))
        updates = (base + noise).astype(np.float32)
        got = play(Krum(), base, [(update, 3) for update in updates])
        assert np.array_equal(got, updates[np.argmin(scores(updates, 1))])


def test_a_malicious_update_is_not_picked(play):
    honest = [[1.0, 1.0], [1.1, 1.0], [1.0, 1.1], [0.9, 1.0]]
    got = play(Krum(), [0, 0], [*((update, 1) for update in honest), ([-50, 80], 10**6)])
    assert got.tolist() in np.float32(honest).tolist()


def test_needs_enough_honest_nodes(play):
    with pytest.raises(SearchError, match="Krum needs the updates of 7 nodes in a round, got 6"):
        play(Krum(Krum.Options(2)), [0], [([value], 1) for value in range(6)])


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"aggregation\.num_malicious_nodes must be 0 or more, got -1"):
        Krum.Options(-1)
