import os

import pytest
import torch

from client_app.capability import cores, device, memory_mb, threads_for


def test_what_a_node_has():
    assert 1 <= cores() <= (os.cpu_count() or 1)
    assert memory_mb() > 64
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_memory_that_the_system_does_not_tell_is_zero(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "sysconf")
    assert memory_mb() == 0


@pytest.fixture
def four_threads():
    given = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(given)


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize(("macs", "threads"), [(0, 1), (400_000, 1), (9_999_999, 1), (10_000_000, 2), (10**12, 4)])
def test_a_job_gets_the_threads_that_it_is_worth(macs: int, threads: int):
    with threads_for(macs):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_threads_come_back_after_an_error():
    with pytest.raises(RuntimeError, match="out of memory"), threads_for(0):
        raise RuntimeError("out of memory")
    assert torch.get_num_threads() == 4
