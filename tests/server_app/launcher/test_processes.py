import subprocess
import sys

from server_app.launcher.processes import end, members, start


def test_a_session_is_found_whole(family):
    found = members([family.pid])
    assert len(found) == 3
    assert family.pid in [process.pid for process in found]


def test_a_session_is_found_whole_after_its_leader_died(family):
    family.stdin.write("\n")
    family.stdin.flush()
    family.wait()
    assert len(members([family.pid])) == 2


def test_the_end_takes_all_of_it(family):
    assert end([family]) == []
    assert members([family.pid]) == []
    assert family.poll() == -9


def test_the_end_takes_orphans(family):
    family.stdin.write("\n")
    family.stdin.flush()
    family.wait()
    assert end([family]) == []
    assert members([family.pid]) == []


def test_the_end_leaves_others_alone(family):
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        end([family])
        assert other.poll() is None
    finally:
        other.communicate(b"\n")
    assert other.returncode == 0


def test_the_end_may_come_twice(family):
    assert end([family]) == end([family]) == []


def test_output_of_all_goes_to_the_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    code = "import sys; print('out'); print('err', file=sys.stderr)"
    leader = start([sys.executable, "-c", code], {}, log)
    leader.wait()
    end([leader])
    assert sorted(log.read_text().splitlines()) == ["before", "err", "out"]
