"""Proxies that the environment names: none for this machine, and for others the usual rules.

Flower's clients and ours are httpx's. It reads the environment whenever a client is made, knows no loopback, and
fails even where it would not use what it cannot: a SOCKS proxy without the package for it, a malformed address, an
exception such as ``[::1]``. So each client is made in an environment that holds the one proxy it may use, or none.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.request import getproxies, proxy_bypass

from common.errors import ConfigError, FederationError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""What stands in NO_PROXY for this machine; httpx understands no ranges there."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_OVERRULES = "no_grpc_proxy"
"""Where it is set, gRPC does not look at no_proxy."""
_ADDRESS = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^\s:/@\[\]]+)):(?P<port>[0-9]{1,5})")
_SHORT_LOOPBACK = re.compile(r"127(\.\d+){1,3}")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SOCKS_PORT = 1080


@dataclass(frozen=True)
class Proxy:
    """A proxy that is used for some address.

    Parameters
    ----------
    url : str
        As the environment says, a password included.
    variable : str
        Where it says so.
    """

    url: str
    variable: str

    def __str__(self) -> str:
        return shown(self.url)

    def check(self, host: str, limit: float) -> None:
        """Raise `FederationError` where nobody listens; `host` is what it should lead to, `limit` is in seconds."""
        import httpx

        url = httpx.URL(self.url)
        port = url.port or _DEFAULT_PORTS.get(url.scheme, _SOCKS_PORT)
        try:
            socket.create_connection((url.host, port), limit).close()
        except (OSError, OverflowError, UnicodeError) as error:  # no such port, no such name
            raise FederationError(
                f"The proxy of {self.variable} must answer ({error})", str(self), fix=_way_out(self.variable, host)
            ) from None


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, an IPv6 address without its brackets.

    Raises
    ------
    ConfigError
        It is none.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) < 65536 or (found["name"] is None and not _is_v6(found["v6"])):
        raise ConfigError(
            "The address of a SuperLink must be host:port",
            address,
            fix="Write it like nas.example:8000, 127.0.0.1:8000 or [::1]:8000",
        )
    return found["v6"] or found["name"], int(found["port"])


def proxy_for(address: str, scheme: str) -> Proxy | None:
    """Return the proxy through which an address is reached, None for directly.

    Parameters
    ----------
    address : str
        ``host:port``.
    scheme : str
        ``http`` or ``https``.

    Raises
    ------
    ConfigError
        This is no address.
    FederationError
        The proxy cannot be used.
    """
    host, _ = split_address(address)
    proxies = getproxies()
    kind = scheme if proxies.get(scheme) else "all"
    if not proxies.get(kind) or is_loopback(host) or _excepted(host, address, proxies.get("no", "")):
        return None
    url = _with_scheme(proxies[kind])
    variable = next((name for name in os.environ if name.lower() == f"{kind}_proxy"), "the system's settings")
    if (flaw := flaw_of(url)) is not None:
        raise FederationError(
            f"The proxy of {variable} must be one that can be used ({flaw})", shown(url), fix=_way_out(variable, host)
        )
    return Proxy(url, variable)


@contextmanager
def environment_of(proxy: Proxy | None) -> Iterator[None]:
    """Have the clients that are made meanwhile use this proxy and no other."""
    saved = {name: value for name, value in os.environ.items() if _matters(name)}
    for name in saved:
        del os.environ[name]
    wanted = {"no_proxy": "*"} if proxy is None else {"all_proxy": proxy.url}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            del os.environ[name]
        os.environ.update(saved)


def for_this_machine(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for processes that talk to each other on this machine.

    What a process may want to reach besides, it reaches as before; what no client of Flower could use is left out.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name.lower() != _OVERRULES
        and not (name.lower() in _PROXIES and value and flaw_of(_with_scheme(value)) is not None)
    }
    listed = [name for name in kept if name.lower() == "no_proxy"]
    text = kept["no_proxy" if "no_proxy" in listed else listed[0]] if listed else ""
    exceptions = [entry for entry in _entries(text) if _understood(entry)]
    no_proxy = ",".join([*exceptions, *(name for name in LOOPBACK if name not in exceptions)])
    return {name: value for name, value in kept.items() if name not in listed} | {
        "no_proxy": no_proxy,  # most programs read this one, a few the other
        "NO_PROXY": no_proxy,
    }


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        address = ip_address(host)
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost") or _SHORT_LOOPBACK.fullmatch(name) is not None
    return address.is_loopback or address.is_unspecified


def flaw_of(url: str) -> str | None:
    """Return why httpx cannot use a proxy, None if it can."""
    import httpx

    try:
        httpx.HTTPTransport(proxy=httpx.Proxy(url), verify=False).close()
        host = httpx.URL(url).host  # what no name can hold is a percent sign in it
        return None if host and "%" not in host else "It names no host"
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        return shown(str(error).split(". ")[0].rstrip("."))


def shown(text: str) -> str:
    """Return a text without the names and passwords that its URLs hold."""
    return re.sub(r"//[^/@\s]*@", "//...@", text)


def _is_v6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _excepted(host: str, address: str, exceptions: str) -> bool:
    return proxy_bypass(host) != 0 or proxy_bypass(address) != 0 or _in_network(host, exceptions)


def _in_network(host: str, exceptions: str) -> bool:
    for entry in _entries(exceptions):
        try:
            if ip_address(host) in ip_network(entry.strip("[]"), strict=False):
                return True
        except ValueError:
            continue
    return False


def _understood(entry: str) -> bool:
    """Return whether httpx can live with an exception; beside one that it cannot read, it refuses to work at all."""
    import httpx

    try:
        ip_address(entry)
        return True
    except ValueError:
        pass
    try:
        httpx.URL(entry if "://" in entry else f"all://*{entry}")
    except httpx.InvalidURL:
        return False
    return True


def _entries(exceptions: str) -> list[str]:
    return [entry for part in exceptions.split(",") if (entry := part.strip())]


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _matters(name: str) -> bool:
    return name.lower() in (*_PROXIES, "no_proxy")


def _way_out(variable: str, host: str) -> str:
    return f"Correct or unset {variable}, or add {host} to NO_PROXY"
