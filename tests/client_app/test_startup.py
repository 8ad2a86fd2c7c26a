import gc

import pytest

from client_app.startup import uncollected


@pytest.fixture(autouse=True)
def _as_before():
    enabled = gc.isenabled()
    yield
    gc.unfreeze()
    (gc.enable if enabled else gc.disable)()


def test_nothing_is_collected_meanwhile_and_what_came_is_left_alone_afterwards():
    gc.enable()
    gc.unfreeze()
    with uncollected():
        assert not gc.isenabled()
        came = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= 1000
    seen = {id(thing) for thing in gc.get_objects()}
    assert not seen & {id(thing) for thing in came}


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_the_collector_is_on_again_after_an_import_that_fails():
    gc.enable()
    with pytest.raises(ImportError), uncollected():
        raise ImportError("no torch here")
    assert gc.isenabled()
