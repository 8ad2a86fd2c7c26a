import numpy as np
import pytest
import yaml

from common.data.tools.suitability import Wanted, check
from common.errors import ConfigError
from server_app.deployment.certificates import names_of
from server_app.deployment.folder import DeploymentFolder, read_setting
from server_app.deployment.setup import set_up


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_that_compose_mounts_is_made(project, folder):
    set_up(project, folder, 4, [])
    text = (project / "docker-compose.yml").read_text()
    for service in yaml.safe_load(text)["services"].values():
        for volume in service["volumes"]:
            source = volume.replace("${DEPLOYMENT:-./deployment}", "./deployment").split(":")[0]
            assert source == "state" or (project / source).is_dir()
    assert {path.name for path in folder.path.iterdir()} == {
        *("certificates", "superlink", "proxy", "register"),
        *(f"node-{number}" for number in range(1, 5)),
    }
    assert not (project / "docker-compose.override.yml").exists()


def test_the_authority_s_key_is_in_no_folder_that_a_container_sees(project, folder):
    set_up(project, folder, 4, [])
    key = (folder.path / "certificates" / "ca.key").read_bytes()
    assert [name for name, content in contents(folder.path).items() if content == key] == ["certificates/ca.key"]
    private = [path for path in folder.path.rglob("*") if path.name in ("key", "ca.key", "server.key")]
    assert len(private) == 4 + 1 + 2
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}


def test_a_second_time_changes_nothing(project, folder):
    set_up(project, folder, 4, ["nas.example"])
    before = contents(project)
    set_up(project, folder, 4, ["nas.example"])
    set_up(project, folder, 4, [])
    assert contents(project) == before


def test_each_server_is_certified_for_its_own_name(project, folder):
    set_up(project, folder, 4, [])
    assert read_setting(project / ".env", "FLEET_ADDRESS", "") == ""
    set_up(project, folder, 4, ["nas.example"])
    set_up(project, folder, 4, ["192.0.2.7"])
    assert set(names_of(folder.path / "superlink" / "server.crt")) == {"superlink", "localhost", "127.0.0.1"}
    names = names_of(folder.path / "proxy" / "server.crt")
    assert set(names) == {"proxy", "192.0.2.7", "nas.example", "localhost", "127.0.0.1"}
    assert read_setting(project / ".env", "FLEET_ADDRESS", "") == "0.0.0.0"


def test_the_digits_are_dealt_out_once_and_fit_a_node(project, folder):
    set_up(project, folder, 4, [])
    files = [folder.path / f"node-{number}" / "data.npz" for number in range(1, 5)]
    arrays = [np.load(file) for file in files]
    assert sum(len(array["y"]) for array in arrays) == 1797
    for file, array in zip(files, arrays, strict=True):
        assert array["x"].shape == (len(array["y"]), 1, 8, 8)
        assert check(str(file), Wanted(10, (), (1, 8, 8))).problem is None
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_node_s_own_data_stay(project, folder):
    own = folder.path / "node-2" / "data.npz"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    set_up(project, folder, 4, [])
    assert own.read_bytes() == b"mine"
    assert not (folder.path / "node-1" / "data.npz").exists()


def test_more_nodes_go_into_the_override(project, folder):
    set_up(project, folder, 6, [])
    set_up(project, folder, 6, [])
    override = yaml.safe_load((project / "docker-compose.override.yml").read_text())
    assert list(override["services"]) == ["node-5", "node-6"]
    assert (folder.path / "node-6" / "data.npz").is_file()


def test_fewer_nodes_than_docker_compose_yml_has(project, folder):
    with pytest.raises(ConfigError, match="has 4 nodes"):
        set_up(project, folder, 3, [])
    assert not folder.path.exists()


def test_without_docker_compose_yml(project, folder):
    (project / "docker-compose.yml").unlink()
    with pytest.raises(ConfigError, match=r"folder of docker-compose\.yml"):
        set_up(project, folder, 4, [])


def test_a_folder_elsewhere_is_named_whole(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "nas"
    set_up(project, DeploymentFolder(elsewhere), 4, [])
    assert f"DEPLOYMENT={elsewhere}" in (project / ".env").read_text().splitlines()
