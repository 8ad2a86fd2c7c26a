import os
from pathlib import Path

import pytest
import torch

from client_app.capability import cores, device, macs_per_second, memory_mb, threads_for


def test_what_a_node_has():
    assert 1 <= cores() <= (os.cpu_count() or 1)
    assert memory_mb() > 64
    assert device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_memory_that_the_system_does_not_tell_is_zero(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "sysconf")
    assert memory_mb() == 0


def fake_root(root: Path, groups: str, **limits: str) -> Path:
    """Lay out what the kernel shows: this process' control groups, and files by folder (__ for /)."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for folder, limit in limits.items():
        version_1 = folder == "memory"
        file = (
            root
            / "sys/fs/cgroup"
            / folder.replace("__", "/")
            / ("memory.limit_in_bytes" if version_1 else "memory.max")
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(limit)
    return root


MIB = 2**20


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"": f"{64 * MIB}\n"}, 64),  # a container
        ("0::/\n", {"": "max\n"}, None),
        ("0::/system/node\n", {"system__node": f"{64 * MIB}\n", "system": "max\n"}, 64),  # a systemd unit
        ("0::/system/node\n", {"system__node": f"{64 * MIB}\n", "system": f"{32 * MIB}\n"}, 32),
        ("4:memory:/x\n", {"memory": f"{16 * MIB}\n"}, 16),
        ("4:memory:/x\n", {"memory": f"{2**63 - 4096}\n"}, None),  # none, in version 1
        ("nonsense", {"": "nonsense"}, None),
    ],
)
def test_memory_is_that_of_the_control_group_where_it_has_less(
    tmp_path: Path, groups: str, limits: dict[str, str], expected: int | None
):
    everything = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    assert memory_mb(fake_root(tmp_path, groups, **limits)) == (expected or everything)


def test_the_speed_is_measured_once_and_plausible():
    speed = macs_per_second()
    assert 10**6 < speed < 10**15
    assert macs_per_second() == speed


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
