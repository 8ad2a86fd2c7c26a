"""docker-compose.yml with real containers: a search from the host, and what no container can do."""

import hashlib
import json
import os
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import yaml

from server_app.deployment.folder import read_setting
from server_app.report.serve import Watcher
from tests.support.federation import wait_for

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

NODES = [f"node-{number}" for number in range(1, 5)]
SMALL = (
    "controller=random",
    "fidelity=full",
    "search.trials=2",
    "search.concurrency=2",
    "final.rounds=1",
    "final.finalists=1",
    "final.seeds=1",
    "space.max_layers=2",
    "space.width=[8,16]",
    "federation.patience=120",
    "federation.deadline=90",  # Flower drops a task without a word when its process takes 30 s to start
)
PATIENCE = 400
"""Seconds until a search counts as hanging."""
CUT = 10
"""Seconds that a link is down; a name lookup alone is tried for 5 s."""

CALLS = """
import json, socket, ssl, sys
trust = ssl.create_default_context(cafile="/node/ca.crt")

def status(method, path):
    with socket.create_connection(("proxy", 9443), 10) as plain:
        with trust.wrap_socket(plain, server_hostname="proxy") as link:
            link.sendall(f"{method} {path} HTTP/1.1\\r\\nHost: superlink\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
            return int(link.recv(4096).split()[1])

def reaches(host, port):
    try:
        socket.create_connection((host, port), 5).close()
    except OSError:
        return False
    return True

calls, addresses = json.loads(sys.argv[1]), json.loads(sys.argv[2])
gateways = [line for line in open("/proc/net/route").readlines()[1:] if line.split()[2] != "00000000"]
print(json.dumps([[status(*call) for call in calls], [reaches(*address) for address in addresses], gateways]))
"""
REFUSED = [
    ["POST", "/v1/control/list-runs"],
    ["POST", "/v1/control/register-node"],
    ["POST", "/v1/runtime/acquire-task"],
    ["POST", "/v1/fleet/../control/list-runs"],
    ["POST", "/v1/fleet/%2e%2e/control/list-runs"],
    ["POST", "/v1/fleet/..%2fcontrol%2flist-runs"],
    ["POST", "/v1/fleet/pull-messages%0a"],
    ["POST", "//v1/control/list-runs"],
    ["POST", "http://superlink:8000/v1/control/list-runs"],
    ["GET", "/v1/fleet/pull-messages"],
    ["GET", "/docs"],
    ["GET", "/"],
]
ALLOWED = [["POST", "/v1/fleet/pull-messages"], ["GET", "/health"]]

PROCESSES = """
import json, os
from pathlib import Path
found = []
for path in Path("/proc").glob("[0-9]*/status"):
    try:
        lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
    except OSError:
        continue
    found.append([set(lines["Uid"].split()) != {"0"} and "0" not in lines["Uid"].split(), int(lines["CapEff"], 16)])
def writable(folder):
    try:
        Path(folder, "probe").write_text("")
    except OSError:
        return False
    return True
print(json.dumps([found, [folder for folder in ("/", "/etc", "/usr", "/node", "/app", "/superlink", "/proxy")
                          if writable(folder)]]))
"""
FILES = """
import hashlib, json, os
from pathlib import Path
skip = ("/proc", "/sys")
found = {}
for folder, folders, files in os.walk("/"):
    if folder.startswith(skip):
        folders.clear()
        continue
    for name in files:
        if name.endswith(".npz") or name in ("key", "server.key", "ca.key"):
            path = Path(folder, name)
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
print(json.dumps([found, sorted(os.listdir("/node"))]))
"""


def test_a_search_from_the_host_runs_on_the_nodes(deployment):
    run = deployment.search("first", *SMALL, "fidelity.max_rounds=1", "federation.nodes=4")
    with watched(run.folder) as told:
        assert run.ended(PATIENCE) == 0, run.output
        wait_for(lambda: "end" in told, "the last event on the page of flwr-nas watch")
    assert {"start", "proposed", "scored", "final"} <= set(told)
    assert sorted(event["node"] for event in run.kinds("node")) == NODES
    assert run.result["winner"]["spec"]
    assert run.events[-1]["status"] == "finished"
    assert "Run folder: runs/first" in run.output
    owner = int(read_setting(deployment.folder / ".env", "UID", ""))
    assert owner == (os.getuid() or 10001)
    owners = {path.relative_to(run.folder).as_posix(): path.stat().st_uid for path in run.folder.rglob("*")}
    assert owners.pop("report.html") == os.getuid()  # the command writes it, after the containers have written theirs
    assert set(owners.values()) == {owner}


@contextmanager
def watched(folder):
    """Follow a run as a page of flwr-nas watch does; yields the kinds of events as they come."""
    found = []
    with Watcher(folder, "127.0.0.1", 0) as watcher:
        serving = threading.Thread(target=watcher.serve_forever)
        serving.start()

        def read():
            with httpx.stream("GET", f"{watcher.address}events?after=0", timeout=None) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: ["):
                        found.extend(event["event"] for event in json.loads(line.removeprefix("data: ")))
                    if "end" in found:
                        return

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        yield found
        reading.join(10)
        watcher.shutdown()
        serving.join()


def test_containers_are_healthy(deployment):
    for service in ("superlink", "proxy", *NODES):
        wait_for(lambda name=service: deployment.healthy(name), f"health of {service}")


def test_a_node_reaches_the_fleet_api_and_nothing_else(deployment):
    inspected = json.loads(deployment.run([deployment.engine, "inspect", deployment.container("superlink")]))
    (network,) = inspected[0]["NetworkSettings"]["Networks"].values()
    addresses = [
        [network["IPAddress"], 8000],
        ["superlink", 8000],
        [network["Gateway"], deployment.port],
    ]
    program = CALLS, json.dumps([*REFUSED, *ALLOWED]), json.dumps([*addresses, ["proxy", 9443]])
    statuses, reached, gateways = deployment.python("node-1", *program)
    assert dict(zip(map(tuple, REFUSED), statuses, strict=False)) == {tuple(call): 403 for call in REFUSED}
    assert statuses[len(REFUSED) :] == [415, 200]  # the SuperLink itself answers: a message without content
    assert reached == [False] * len(addresses) + [True]
    assert gateways == []  # no way to anywhere but the proxy's network


@pytest.mark.parametrize("service", ["superlink", "proxy", *NODES])
def test_nobody_is_root_or_may_write(deployment, service):
    processes, writable = deployment.python(service, PROCESSES)
    assert len(processes) > 1
    assert all(process == [True, 0] for process in processes)
    assert writable == []


@pytest.mark.parametrize("name", NODES)
def test_a_node_sees_its_own_data_and_key_only(deployment, name):
    own = deployment.folder / "deployment" / name
    found, listed = deployment.python(name, FILES)
    assert listed == ["ca.crt", "data.npz", "key", "key.pub"]
    shown = {path: digest for path, digest in found.items() if not path.startswith("/usr/")}  # examples of packages
    assert shown == {
        f"/node/{file}": hashlib.sha256((own / file).read_bytes()).hexdigest() for file in ("data.npz", "key")
    }


def test_more_nodes_a_small_device_and_a_cut_link(deployment, tmp_path):
    folder = deployment.folder / "deployment"
    for name in ("kitchen", "board"):
        deployment.flwr_nas("deployment", "add-node", name, *(["--device"] if name == "board" else []))
    data = (folder / "node-1" / "data.npz").read_bytes()
    (folder / "kitchen" / "data.npz").write_bytes(data)
    deployment.compose("up", "-d")
    with small_device(deployment, folder / "devices" / "board", data) as board:
        search_with_a_cut(deployment)
        state = json.loads(deployment.run([deployment.engine, "inspect", board]))[0]
        assert not state["State"]["OOMKilled"]
        assert state["State"]["Running"]
        assert state["RestartCount"] == 0


def search_with_a_cut(deployment):
    run = deployment.search("second", *SMALL, "fidelity.max_rounds=1", "federation.nodes=6")
    run.wait_for("proposed")
    if deployment.script:
        node = deployment.container("node-4")
        deployment.run([deployment.script, "linkcut", node, "down"])
        time.sleep(CUT)
        deployment.run([deployment.script, "linkcut", node, "up"])
    assert run.ended(PATIENCE) == 0, run.output
    assert sorted(event["node"] for event in run.kinds("node")) == ["board", "kitchen", *NODES]
    assert {"board", "kitchen"} <= {node for event in run.kinds("round") for node in event["nodes"]}
    assert run.result["winner"]["spec"]


@contextmanager
def small_device(deployment, bundle, data):
    """A board with 1 core and 512 MB behind NAT: the bundle's files, and the unit's own command."""
    (bundle / "data.npz").write_bytes(data)
    (bundle / "data.npz").chmod(0o644)
    unit = (bundle / "flwr-nas-node.service").read_text().splitlines()
    (command,) = [line.partition("=")[2] for line in unit if line.startswith("ExecStart=")]
    (settings,) = [line.partition("=")[2] for line in unit if line.startswith("Environment=")]
    quoted = " ".join(f'"{word}"' for word in command.split())
    script = f"export PATH=/usr/bin:/bin; export {settings}; set -a; . /etc/flwr-nas/node.env; exec {quoted}"
    script = script.replace("/opt/flwr-nas/bin", "/usr/local/bin")  # where this image has it
    name, owner = f"{deployment.project}-board", bundle.stat()
    options = ["--memory", "512m", "--cpus", "1", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--init"]
    options += ["--name", name, "--user", f"{owner.st_uid}:{owner.st_gid}", "--restart", "always"]
    options += ["-v", f"{bundle}:/etc/flwr-nas:ro", "-v", f"{bundle}/data.npz:/var/lib/flwr-nas/data.npz:ro"]
    image = yaml.safe_load((deployment.folder / "docker-compose.yml").read_text())["services"]["node-1"]["image"]
    deployment.run([deployment.engine, "run", "-d", *options, image, "sh", "-c", script])
    try:
        yield name
    finally:
        deployment.run([deployment.engine, "rm", "-f", name])
