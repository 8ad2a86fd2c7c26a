"""The files that no program of ours reads: docker-compose.yml, the Dockerfile, nginx.conf, the systemd unit."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from server_app.launcher.proxies import LOOPBACK

ROOT = Path(__file__).resolve().parents[3]
DEPLOYMENT = ROOT / "conf" / "deployment"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_versions_are_those_of_pyproject():
    version = PYPROJECT["project"]["version"]
    assert {service["image"] for service in SERVICES.values()} == {
        f"flwr-nas-{image}:{version}" for image in ("node", "server", "proxy")
    }
    (wanted,) = (Requirement(text) for text in PYPROJECT["project"]["dependencies"] if text.startswith("torch"))
    defaults = [
        re.search(r"^TORCH \?= (.+)$", (ROOT / "Makefile").read_text(), re.M),
        re.search(r'^ARG TORCH="(.+)"$', (DEPLOYMENT / "Dockerfile").read_text(), re.M),
        re.search(r"\$\{TORCH:-(.+)\}", SERVICES["node-1"]["build"]["args"]["TORCH"]),
    ]
    assert len({default[1] for default in defaults}) == 1
    assert wanted.specifier.contains(Version(defaults[0][1].partition("==")[2]))
    others = [word for word in re.findall(r"\S+==\S+", (DEPLOYMENT / "Dockerfile").read_text()) if "torch" not in word]
    assert others == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_little(name):
    service = SERVICES[name]
    assert service["user"].startswith("${UID:?")
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service
    assert service["restart"] == ("on-failure" if name == "register" else "unless-stopped")
    assert name == "register" or "healthcheck" in service
    mounts = [volume.rsplit(":", 2) for volume in service["volumes"]]
    assert [mount for mount in mounts if mount[-1] != "ro" and mount[0] not in ("./runs", "state")] == []


@pytest.mark.parametrize("name", SERVICES)
def test_no_proxy_of_docker_s_settings_comes_between_containers(name):
    environment = SERVICES[name]["environment"]
    assert (environment["NO_PROXY"], environment["no_proxy"]) == ("*", "*")


def test_nodes_reach_the_proxy_only_and_hosts_reach_ports_of_their_own_machine():
    assert {name: service["networks"] for name, service in SERVICES.items()} == {
        "superlink": ["control"],
        "register": ["control"],
        "proxy": ["control", "fleet"],
        **{f"node-{number}": ["fleet"] for number in range(1, 5)},
    }
    assert COMPOSE["networks"]["fleet"]["internal"] is True
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(ports) == {"superlink", "proxy"}
    assert ports["superlink"][0].startswith("127.0.0.1:")
    assert ports["proxy"][0].startswith("${FLEET_ADDRESS:-127.0.0.1}:")


def test_the_superlink_wants_keys_tls_and_nothing_from_the_network():
    command = SERVICES["superlink"]["command"]
    assert "--enable-supernode-auth" in command
    assert "--disable-runtime-dependency-installation" in command
    assert "--insecure" not in " ".join(command)
    assert [word for word in command if word.startswith("--ssl-")] == [
        f"--ssl-{name}file=/superlink/{file}"
        for name, file in (("cert", "server.crt"), ("key", "server.key"), ("ca-cert", "ca.crt"))
    ]


def test_images_are_made_from_nothing_but_the_project():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed == {"pyproject.toml", "README.md", "LICENSE", "client_app", "common", "conf", "server_app"}


@pytest.mark.parametrize("path", ["deployment/certificates/ca.key", ".env", "docker-compose.override.yml"])
def test_git_does_not_see_what_is_secret_or_of_one_machine(path):
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no git here")
    assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_unit(tmp_path):
    unit = (DEPLOYMENT / "flwr-nas-node.service").read_text()
    program = re.search(r"^ExecStart=(\S+)", unit, re.M)[1]
    (tmp_path / "flwr-nas-node.service").write_text(unit.replace(program, "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "flwr-nas-node.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_s_environment_file_holds_what_its_command_uses():
    unit = (DEPLOYMENT / "flwr-nas-node.service").read_text()
    command = re.search(r"^ExecStart=(.+)$", unit, re.M)[1]
    example = (DEPLOYMENT / "node.env").read_text()
    assert set(re.findall(r"\$\{(\w+)\}", command)) <= set(re.findall(r"^(\w+)=", example, re.M))
    assert "--insecure" not in command
    folder = command.split()[0].rpartition("/")[0]
    assert f"PATH={folder}:" in unit  # a SuperNode starts flower-superexec and flwr-clientapp by name


def test_no_proxy_of_the_environment_comes_between_a_device_s_own_programs():
    example = (DEPLOYMENT / "node.env").read_text()
    exceptions = re.findall(r"^(?:NO_PROXY|no_proxy)=(.+)$", example, re.M)
    assert [set(names.split(",")) for names in exceptions] == [set(LOOPBACK)] * 2
