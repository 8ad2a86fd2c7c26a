import shlex

import pytest
import yaml

from common.errors import ConfigError
from server_app.deployment.nodes import add_container, add_device, node_services, read_compose, service_like
from server_app.deployment.setup import set_up

LIMITS = {"max-params": 20000, "max-memory-mb": 300}


def test_a_new_node_equals_the_others_but_for_its_name(project):
    compose = read_compose(project)
    nodes = node_services(compose)
    assert nodes == ["node-1", "node-2", "node-3", "node-4"]
    for name in nodes[1:]:
        assert service_like(compose, name, {}) == compose["services"][name]
    built = {key: value for key, value in compose["services"]["node-1"].items() if key != "build"}
    assert {**service_like(compose, "node-1", {}), "pull_policy": "build"} == built


def test_a_container_is_added_beside_what_the_override_holds(project, folder):
    (project / "docker-compose.override.yml").write_text("services:\n  mine: {image: some}\nvolumes: {kept: {}}\n")
    add_container(project, folder, "kitchen", LIMITS)
    override = yaml.safe_load((project / "docker-compose.override.yml").read_text())
    assert set(override["services"]) == {"mine", "kitchen"}
    assert override["volumes"] == {"kept": {}}
    service = override["services"]["kitchen"]
    config = 'name="kitchen" data="/node/data.npz" max-params=20000 max-memory-mb=300'
    assert service["environment"]["NODE_CONFIG"] == config
    assert service["volumes"] == ["${DEPLOYMENT:-./deployment}/kitchen:/node:ro"]
    assert service["networks"] == ["fleet"]
    assert (folder.path / "kitchen" / "key").is_file()


def test_a_name_that_is_taken_changes_nothing(project, folder):
    set_up(project, folder, 4, [])
    with pytest.raises(ConfigError, match="must be new"):
        add_container(project, folder, "node-1")
    assert not (project / "docker-compose.override.yml").exists()


@pytest.mark.parametrize("text", ["services: [", "- a list"])
def test_an_override_that_is_no_compose_file_is_named_before_a_key_is_made(project, folder, text):
    (project / "docker-compose.override.yml").write_text(text)
    with pytest.raises(ConfigError, match=r"docker-compose\.override\.yml must"):
        add_container(project, folder, "kitchen")
    assert not (folder.path / "kitchen").exists()


@pytest.mark.parametrize(
    ("host", "address"), [("nas.example", "nas.example:7000"), ("2001:db8::1", "[2001:db8::1]:7000")]
)
def test_a_device_gets_a_bundle(project, folder, host, address):
    set_up(project, folder, 4, [host])
    with (project / ".env").open("a") as settings:
        settings.write("FLEET_PORT=7000\n")
    bundle = add_device(project, folder, "board", LIMITS)
    assert {path.name for path in bundle.iterdir()} == {
        *("ca.crt", "key", "key.pub", "node.env", "flwr-nas-node.service", "README")
    }
    lines = (line for line in (bundle / "node.env").read_text().splitlines() if line and not line.startswith("#"))
    settings = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    assert settings == {
        "SUPERLINK": address,
        "NODE_CONFIG": 'name="board" data="/var/lib/flwr-nas/data.npz" max-params=20000 max-memory-mb=300',
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "no_proxy": "localhost,127.0.0.1,::1",
        "OMP_NUM_THREADS": "1",
        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.25",
    }
    assert (folder.path / "register" / "board.pub").is_file()
    assert len((bundle / "README").read_text().splitlines()) == 3
    assert not (project / "docker-compose.override.yml").exists()


def test_a_device_before_anything_was_set_up(project, folder):
    with pytest.raises(ConfigError, match="deployment init --host"):
        add_device(project, folder, "board")


def test_a_device_needs_an_address_of_this_machine(project, folder):
    set_up(project, folder, 4, [])
    with pytest.raises(ConfigError, match="deployment init --host"):
        add_device(project, folder, "board")
    assert not (folder.path / "devices").exists()
