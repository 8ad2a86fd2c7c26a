import pytest

from common.errors import ConfigError, FederationError
from server_app.deployment.registration import register
from server_app.launcher.control import SuperLink
from tests.support.federation import Federation

pytestmark = pytest.mark.simulation


def test_keys_are_registered_once(folder, tmp_path):
    with Federation(tmp_path / "federation") as federation:
        folder.admit("kitchen", folder.path / "kitchen")
        keys = folder.path / "register"
        folder.copy(federation.authority.public, keys / "ca.crt")
        assert register(keys, federation.address) == ["kitchen"]
        folder.admit("hall", folder.path / "hall")
        assert register(keys, federation.address) == ["hall", "kitchen"]
        (keys / "bad.pub").write_text("no key")
        with pytest.raises(FederationError, match="OpenSSH"):
            register(keys, federation.address)


def test_a_superlink_that_does_not_answer(folder, monkeypatch):
    folder.copy(folder.authority.public, folder.path / "register" / "ca.crt")
    monkeypatch.setattr(SuperLink, "healthy", lambda _: False)
    with pytest.raises(FederationError, match="must answer within 0 s"):
        register(folder.path / "register", "127.0.0.1:1", patience=0)


def test_another_folder_has_nobody_to_register(tmp_path):
    with pytest.raises(ConfigError, match="deployment init"):
        register(tmp_path, "127.0.0.1:1")
