"""Proxies of the environment: which leads where, and what is done about those that cannot be used."""

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from common.errors import ConfigError, FederationError
from server_app.launcher.control import SuperLink
from server_app.launcher.deployment import _connect
from server_app.launcher.proxies import (
    environment_of,
    flaw_of,
    for_this_machine,
    is_loopback,
    proxy_for,
    shown,
    split_address,
)

UNUSABLE = {
    "socks5://127.0.0.1:9": "socksio",
    "ftp://proxy.example:21": "Unknown scheme",
    "http://proxy.example:many": "Invalid port: 'many'",
    "garbage:::": "Invalid port",
    "http://": "names no host",
    "http://[": "names no host",
    "http:// proxy.example": "names no host",
}
KINDS = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No proxies but those of the test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def proxy():
    """A proxy that answers everything itself; its address, and what it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


# ---------------------------------------------------------------- this machine


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.5", "127.1", "::1", "localhost", "LocalHost.", "a.localhost", "0.0.0.0", "::"]
)
def test_loopback_has_many_names(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "128.0.0.1", "127.example.org", "localhost.example.org", "::2", "nas"])
def test_other_machines_are_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("variable", KINDS)
@pytest.mark.parametrize("value", ["http://127.0.0.1:9", *UNUSABLE])
@pytest.mark.parametrize("address", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.3.2.1:8000"])
def test_a_superlink_on_this_machine_is_asked_directly_whatever_the_environment_says(
    monkeypatch, variable, value, address
):
    monkeypatch.setenv(variable, value)
    assert proxy_for(address, "http") is None
    assert proxy_for(address, "https") is None


def test_clients_reach_this_machine_past_proxies_that_cannot_be_used(monkeypatch, proxy):
    address, asked = proxy
    for name, value in zip(KINDS, UNUSABLE, strict=False):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_PROXY", "[::1],fd00::/8")
    with SuperLink(address.removeprefix("http://")) as superlink:
        assert superlink.healthy()
    assert asked == ["/health"]


def test_making_clients_leaves_the_environment_as_it_was(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    monkeypatch.setenv("no_proxy", "localhost")
    before = dict(os.environ)
    with environment_of(None):
        assert os.environ != before
    with pytest.raises(httpx.InvalidURL), environment_of(proxy_for("nas.example:1", "http")):
        httpx.Client(base_url="http://no:port")
    assert os.environ == before


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("nas.example:8000", ("nas.example", 8000)),
        ("[::1]:8000", ("::1", 8000)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
        ("127.0.0.1:65535", ("127.0.0.1", 65535)),
    ],
)
def test_an_address_is_host_and_port(address, expected):
    assert split_address(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("", "127.0.0.1", ":80", "::1:8000", "[::1]", "[zz]:80", "[127.0.0.1]:80", "[]:80", "a b:80", "u@h:80", "h:x"),
        *("http://127.0.0.1:8000", "127.0.0.1:99999", "127.0.0.1:0", "h:٣", "h:-1", "h:80/x"),
    ],
)
def test_what_is_no_address_is_one_sentence(address):
    for ask in (lambda: SuperLink(address), lambda: _connect(address, "http")):
        with pytest.raises(ConfigError, match="must be host:port") as error:
            ask()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("address", ["a..b:80", f"{'x' * 70}.example:80"])
def test_a_name_that_none_can_be_is_one_sentence(address):
    with pytest.raises(FederationError, match=r"must listen at federation\.address"):
        _connect(address, "http")


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:99999", "http://a..b:80"])
def test_a_proxy_that_is_nowhere_is_one_sentence(monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(FederationError, match="The proxy of HTTP_PROXY must"):
        _connect("nas.example:8000", "http")


# ---------------------------------------------------------------- processes that talk on this machine


def routes(environment, urls):
    """Return through which proxy an httpx client of a process with this environment asks for each URL."""
    program = (
        "import httpx, sys\n"
        "client = httpx.Client(verify=False)\n"
        "for url in sys.argv[1:]:\n"
        "    pool = client._transport_for_url(httpx.URL(url))._pool\n"
        "    print(getattr(pool, '_proxy_url', None) and pool._proxy_url.host.decode())\n"
    )
    base = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-c", program, *urls]
    done = subprocess.run(command, env=base | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [None if line == "None" else line for line in done.stdout.split()]


HERE = ("http://127.0.0.1:1", "https://127.0.0.1:1", "http://localhost:1", "http://[::1]:1")


@pytest.mark.parametrize(
    "proxies",
    [
        {"HTTP_PROXY": "http://there"},
        {"http_proxy": "there:3128", "https_proxy": "http://there"},
        {"ALL_PROXY": "http://there", "no_proxy": "one.example, 10.0.0.0/8"},
        {"ALL_PROXY": "http://there", "NO_PROXY": "[::1],fd00::/8,::1/128,h:port,one.example"},
        {"ALL_PROXY": "http://there", "NO_PROXY": "other", "no_proxy": "one.example"},
    ],
)
def test_children_never_ask_a_proxy_for_this_machine_and_others_as_before(proxies):
    environment = for_this_machine(proxies)
    assert routes(environment, HERE) == [None] * 4
    (there,) = routes(environment, ["http://two.example"])
    assert there == "there"
    if "one.example" in str(proxies):
        assert routes(environment, ["http://one.example"]) == [None]


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_children_are_spared_a_proxy_that_cannot_be_used(variable, value):
    environment = for_this_machine({variable: value, "KEPT": value})
    assert variable not in environment
    assert environment["KEPT"] == value


def test_an_environment_without_proxies_gets_exceptions_only():
    names = "localhost,127.0.0.1,::1"  # also keeps macOS from asking its system's settings
    assert for_this_machine({"A": "b"}) == {"A": "b", "no_proxy": names, "NO_PROXY": names}
    assert for_this_machine({"NO_PROXY": "*"})["no_proxy"] == f"*,{names}"


# ---------------------------------------------------------------- other machines


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_another_machine_is_asked_through_the_proxy(monkeypatch, proxy, variable):
    url, asked = proxy
    monkeypatch.setenv(variable, url)
    with SuperLink("superlink.example:8000") as superlink:
        assert superlink.healthy()
    assert asked == ["http://superlink.example:8000/health"]


def test_the_proxy_is_that_of_the_scheme(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://plain.example:1")
    monkeypatch.setenv("HTTPS_PROXY", "tls.example:2")
    assert proxy_for("nas.example:8000", "http").url == "http://plain.example:1"
    assert proxy_for("nas.example:8000", "https").url == "http://tls.example:2"
    assert proxy_for("nas.example:8000", "https").variable == "HTTPS_PROXY"


@pytest.mark.parametrize(
    ("no_proxy", "address", "direct"),
    [
        ("*", "nas.example:8000", True),
        ("nas.example", "nas.example:8000", True),
        (".example", "nas.example:8000", True),
        ("other.example, nas.example:8000", "nas.example:8000", True),
        ("nas.example:9000", "nas.example:8000", False),
        ("s.example", "nas.example:8000", False),
        ("192.168.1.7", "192.168.1.7:8000", True),
        ("192.168.0.0/16", "192.168.1.7:8000", True),
        ("10.0.0.0/8", "192.168.1.7:8000", False),
        ("fd00::7", "[fd00::7]:8000", True),
        ("[fd00::7]", "[fd00::7]:8000", True),
        ("fd00::/8", "[fd00::7]:8000", True),
        ("fe80::/8", "[fd00::7]:8000", False),
        ("", "nas.example:8000", False),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_exceptions_follow_the_usual_rules(monkeypatch, variable, no_proxy, address, direct):
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv(variable, no_proxy)
    assert (proxy_for(address, "https") is None) is direct


def test_an_excepted_machine_is_reached_beside_a_proxy_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "nas.example,[::1]")
    with SuperLink("nas.example:8000") as superlink:
        assert not superlink._http._mounts


@pytest.mark.parametrize(("value", "reason"), UNUSABLE.items())
def test_a_proxy_that_cannot_be_used_is_one_sentence(monkeypatch, value, reason):
    monkeypatch.setenv("HTTP_PROXY", value)
    with pytest.raises(FederationError) as error:
        SuperLink("nas.example:8000")
    text = str(error.value)
    assert "\n" not in text
    assert "The proxy of HTTP_PROXY must be one that can be used" in text
    assert reason in text
    assert "add nas.example to NO_PROXY" in text


def test_a_dead_proxy_is_one_sentence_at_once(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = "127.0.0.1:{1}".format(*probe.getsockname())
    monkeypatch.setenv("https_proxy", f"http://somebody:secret@{dead}")
    with pytest.raises(FederationError, match="The proxy of https_proxy must answer") as error:
        _connect("nas.example:8000", "https")
    assert "secret" not in str(error.value)
    assert dead in str(error.value)


def test_a_superlink_behind_a_proxy_is_not_looked_for_past_it(monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", proxy[0])
    _connect("nas.invalid:8000", "http")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://somebody:secret@proxy.example:1", "http://...@proxy.example:1"),
        ("http://proxy.example:1/a@b", "http://proxy.example:1/a@b"),
        ("proxy", "proxy"),
    ],
)
def test_passwords_are_not_shown(text, expected):
    assert shown(text) == expected


@pytest.mark.parametrize("url", ["http://proxy.example", "https://a:b@proxy.example:3128", "http://[::1]:9"])
def test_what_httpx_can_use_has_no_flaw(url):
    assert flaw_of(url) is None
    with httpx.Client(proxy=url, verify=False):
        pass
