import os

import pytest

from common.errors import ConfigError, StorageError
from server_app.deployment import folder as module
from server_app.deployment.folder import SERVICE_USER, container_user, read_setting, update_settings


@pytest.mark.parametrize(
    "name", ["", "Kitchen", "node_1", "../x", "-a", "a-", "a.b", "proxy", "certificates", "a" * 64]
)
def test_a_name_that_no_service_may_have_is_refused(folder, name):
    with pytest.raises(ConfigError, match="small letters, digits and hyphens"):
        folder.check_new(name)


@pytest.mark.parametrize("name", ["a", "kitchen", "node-5", "0", "a" * 63])
def test_other_names_are_free_once(folder, name):
    folder.check_new(name)
    folder.admit(name, folder.path / name)
    with pytest.raises(ConfigError, match="must be new"):
        folder.check_new(name)


def test_a_node_gets_its_key_and_the_authority_s_certificate_and_no_more(folder):
    pair = folder.admit("kitchen", folder.path / "kitchen")
    assert {path.name for path in (folder.path / "kitchen").iterdir()} == {"ca.crt", "key", "key.pub"}
    assert (folder.path / "kitchen" / "ca.crt").read_bytes() == folder.authority.public.read_bytes()
    assert (folder.path / "register" / "kitchen.pub").read_bytes() == pair.public.read_bytes()
    assert pair.private.stat().st_mode & 0o777 == 0o600


def test_a_node_that_is_admitted_again_keeps_its_key(folder):
    before = folder.admit("kitchen", folder.path / "kitchen").private.read_bytes()
    assert folder.admit("kitchen", folder.path / "kitchen").private.read_bytes() == before


def test_a_folder_that_cannot_be_written(folder):
    folder.path.mkdir()
    (folder.path / "kitchen").write_text("a file")
    with pytest.raises(StorageError, match="must be writable"):
        folder.copy(folder.authority.public, folder.path / "kitchen" / "ca.crt")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_root_gives_all_but_the_authority_to_the_containers_user(folder, tmp_path):
    folder.admit("kitchen", folder.path / "kitchen")
    folder.hand_over(tmp_path)
    assert container_user() == (SERVICE_USER, SERVICE_USER)
    owners = {path.relative_to(folder.path).as_posix(): path.stat().st_uid for path in folder.path.rglob("*")}
    assert owners.pop("certificates") == owners.pop("certificates/ca.key") == owners.pop("certificates/ca.crt") == 0
    assert set(owners.values()) == {SERVICE_USER} == {tmp_path.stat().st_uid}


def test_others_run_the_containers_themselves(folder, monkeypatch):
    monkeypatch.setattr(module.os, "getuid", lambda: 1234)
    monkeypatch.setattr(module.os, "getgid", lambda: 567)
    monkeypatch.setattr(module.os, "chown", None)  # would raise
    folder.admit("kitchen", folder.path / "kitchen")
    folder.hand_over()
    assert container_user() == (1234, 567)


def test_settings_that_a_person_changed_stay(tmp_path):
    path = tmp_path / ".env"
    update_settings(path, {"UID": "1", "GID": "2"}, {"DEPLOYMENT": "./a"})
    path.write_text(path.read_text().replace("UID=1", "UID=5\n# mine\nTORCH=torch==2.13.0 --index-url x=y"))
    update_settings(path, {"UID": "1", "GID": "2", "NEW": "3"}, {"DEPLOYMENT": "./b"})
    lines = path.read_text().splitlines()
    assert lines[1:] == ["UID=5", "# mine", "TORCH=torch==2.13.0 --index-url x=y", "GID=2", "DEPLOYMENT=./b", "NEW=3"]
    assert read_setting(path, "TORCH", "") == "torch==2.13.0 --index-url x=y"
    assert read_setting(path, "FLEET_PORT", "9443") == "9443"
    assert read_setting(tmp_path / "none", "UID", "7") == "7"
