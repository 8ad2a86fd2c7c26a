"""What a node reaches through the deployment's reverse proxy: the Fleet API, and nothing else."""

from __future__ import annotations

import pytest

from common.errors import FederationError
from server_app.deployment.certificates import make_node_key
from server_app.launcher.control import SuperLink
from tests.support.federation import Federation
from tests.support.proxy import available, proxy

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.skipif(not available(), reason="nginx is not installed; the tests of the containers have it"),
]


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    with Federation(tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture(scope="module")
def address(federation):
    with proxy(federation) as where:
        yield where


@pytest.fixture
def outside(federation, address):
    """What somebody who holds the certificate authority's certificate sees through the proxy."""
    with SuperLink(address, federation.authority.public) as superlink:
        yield superlink


def test_a_node_joins_through_the_proxy(federation, address):
    assert federation.node("behind", address=address, partition_id=0, num_partitions=1).joined()


def test_the_proxy_is_healthy_when_the_superlink_is(outside):
    assert outside.healthy()


@pytest.mark.parametrize("api", ["register a key", "stop a run", "list runs", "take a task"])
def test_the_control_and_runtime_apis_are_refused(federation, outside, tmp_path, api):
    def use(superlink):
        return {
            "register a key": lambda: superlink.register_node(make_node_key(tmp_path).public),
            "stop a run": lambda: superlink.stop(1),
            "list runs": lambda: superlink.ending(1),
            "take a task": superlink.take_simulation,
        }[api]()

    with pytest.raises(FederationError, match="403"):
        use(outside)


def test_what_the_proxy_refuses_the_superlink_would_do(federation, tmp_path):
    with federation.superlink() as superlink:
        superlink.register_node(make_node_key(tmp_path).public)
        assert superlink.take_simulation() is None
