"""An authority of our own, the certificate that it signs for the server, and the keys of the nodes.

Whoever has the authority's key can pose as the server, so it belongs on the machine that runs the
SuperLink and nowhere else; nodes get the authority's certificate and their own key.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common.errors import StorageError

_CURVE = ec.SECP384R1
_VALID = timedelta(days=3650)
_SKEW = timedelta(days=1)  # a node whose clock is a little behind must not find the certificate too young


@dataclass(frozen=True)
class KeyPair:
    """Files of a private key, readable by its owner only, and of what belongs to it in public."""

    private: Path
    public: Path


def make_authority(folder: Path) -> KeyPair:
    """Make ``ca.key`` and ``ca.crt``, unless they are there.

    Parameters
    ----------
    folder : Path
        Made where it is missing.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    pair = KeyPair(folder / "ca.key", folder / "ca.crt")
    if pair.private.is_file() and pair.public.is_file():
        return pair
    key = ec.generate_private_key(_CURVE())
    name = _name("flwr-nas authority")
    certificate = (
        _certificate(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA384())
    )
    _write_secret(pair.private, _pem(key))
    _write(pair.public, certificate.public_bytes(serialization.Encoding.PEM))
    return pair


def make_server_certificate(folder: Path, authority: KeyPair, names: Sequence[str]) -> KeyPair:
    """Make ``server.key`` and ``server.crt``; a certificate that knows all `names` stays as it is.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    authority : KeyPair
        Signs it.
    names : sequence of str
        Host names and addresses by which nodes and people reach the server. The SuperLink reaches itself
        by ``127.0.0.1``, so that one is always among them.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    pair = KeyPair(folder / "server.key", folder / "server.crt")
    wanted = list(dict.fromkeys([*names, "localhost", "127.0.0.1"]))
    if pair.private.is_file() and pair.public.is_file() and set(wanted) <= set(names_of(pair.public)):
        return pair
    signer = serialization.load_pem_private_key(authority.private.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(authority.public.read_bytes()).subject
    key = ec.generate_private_key(_CURVE())
    certificate = (
        _certificate(_name(wanted[0]), issuer, key.public_key())
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in wanted]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA384())
    )
    _write_secret(pair.private, _pem(key))
    _write(pair.public, certificate.public_bytes(serialization.Encoding.PEM))
    return pair


def names_of(certificate: Path) -> list[str]:
    """Return the host names and addresses that a certificate is for."""
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in names]


def make_node_key(folder: Path) -> KeyPair:
    """Make ``key`` and ``key.pub`` of a node, unless they are there; OpenSSH's formats, as Flower wants them."""
    pair = KeyPair(folder / "key", folder / "key.pub")
    if pair.private.is_file() and pair.public.is_file():
        return pair
    key = ec.generate_private_key(_CURVE())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    _write_secret(pair.private, private)
    _write(pair.public, public + b"\n")
    return pair


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_secret(path: Path, content: bytes) -> None:
    """Write a file that nobody else could read at any moment."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise StorageError("The deployment's folder must be writable", str(path), fix=str(error)) from None


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StorageError("The deployment's folder must be writable", str(path), fix=str(error)) from None
