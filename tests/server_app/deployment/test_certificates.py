import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.errors import StorageError
from server_app.deployment.certificates import make_authority, make_node_key, make_server_certificate, names_of


def handshake(server, root_certificates, host):
    """Return the error of a real TLS handshake over a socket, or None."""
    listener = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    listener.load_cert_chain(server.public, server.private)
    client = ssl.create_default_context(cafile=str(root_certificates))
    ours, theirs = socket.socketpair()

    def serve():
        try:
            with listener.wrap_socket(theirs, server_side=True):
                pass
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=host):
            return None
    except ssl.SSLError as error:
        return error
    finally:
        ours.close()
        thread.join()


@pytest.fixture
def authority(tmp_path):
    return make_authority(tmp_path)


@pytest.mark.parametrize("host", ["superlink", "10.1.2.3", "127.0.0.1", "localhost"])
def test_who_trusts_the_authority_trusts_the_server_under_its_names(tmp_path, authority, host):
    server = make_server_certificate(tmp_path, authority, ["superlink", "10.1.2.3"])
    assert handshake(server, authority.public, host) is None


def test_another_name_or_another_authority_is_not_trusted(tmp_path, authority):
    server = make_server_certificate(tmp_path, authority, ["superlink"])
    assert handshake(server, authority.public, "elsewhere") is not None
    assert handshake(server, make_authority(tmp_path / "other").public, "superlink") is not None


def test_nothing_is_made_twice(tmp_path, authority):
    server = make_server_certificate(tmp_path, authority, ["superlink"])
    node = make_node_key(tmp_path / "node-1")
    files = [authority.private, authority.public, server.private, server.public, node.private, node.public]
    before = [path.read_bytes() for path in files]
    make_authority(tmp_path)
    make_server_certificate(tmp_path, authority, ["superlink"])
    make_node_key(tmp_path / "node-1")
    assert [path.read_bytes() for path in files] == before


def test_a_new_name_makes_a_new_certificate_of_the_same_authority(tmp_path, authority):
    make_server_certificate(tmp_path, authority, ["superlink"])
    server = make_server_certificate(tmp_path, authority, ["superlink", "nas.example.org"])
    assert names_of(server.public) == ["superlink", "nas.example.org", "localhost", "127.0.0.1"]
    assert handshake(server, authority.public, "nas.example.org") is None


def test_private_files_are_for_their_owner_only(tmp_path, authority):
    pairs = [authority, make_server_certificate(tmp_path, authority, ["superlink"]), make_node_key(tmp_path / "node")]
    assert [stat.S_IMODE(pair.private.stat().st_mode) for pair in pairs] == [0o600] * 3


def test_a_nodes_key_is_of_a_curve_that_flower_takes_and_its_public_half_belongs_to_it(tmp_path):
    pair = make_node_key(tmp_path)
    private = serialization.load_ssh_private_key(pair.private.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert private.curve.name == "secp384r1"
    public = serialization.load_ssh_public_key(pair.public.read_bytes())
    assert public == private.public_key()


def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(StorageError, match="/proc/nothing"):
        make_authority(Path("/proc/nothing"))
