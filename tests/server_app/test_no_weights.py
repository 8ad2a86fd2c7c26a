"""A stage without weights."""

import pytest

from common.architecture.kinds.layered import LayeredSpec
from common.errors import SearchError
from server_app.no_weights import NoWeights
from server_app.trials import Trial

TRIAL = Trial(0, LayeredSpec())


def test_nothing_is_lent_kept_or_saved():
    store = NoWeights()
    assert store.lend(TRIAL) == {}
    assert store.lend(TRIAL) is store.another().lend(TRIAL, "proxy")  # so that a message carries it once
    store.rest(TRIAL)
    store.retain([])
    assert store.weights(0) is None
    store.load_state_dict(store.state_dict())


@pytest.mark.parametrize("act", [NoWeights.open, NoWeights.fold, lambda store, trial: store.adopt(trial, None)])
def test_nothing_can_be_trained(act):
    with pytest.raises(SearchError, match="trains nothing"):
        act(NoWeights(), TRIAL)
