"""A federation inside this process: Flower's own grid and state, our own ClientApp, and no Ray.

Flower's simulation registers nodes in an in-memory LinkState, hands the messages that wait there to workers and
stores their replies; see `_main_loop` and `_register_nodes` in flwr.simulation and flwr.server.superlink.fleet.vce.
Here the nodes compute whenever the server looks for replies, in the server's own thread: nothing depends on the
clock, but for what a test makes late.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from flwr.app import Context, Error, Message, RecordDict
from flwr.common.constant import HEARTBEAT_INTERVAL_INF, NOOP_ACCOUNT_NAME, NOOP_FLWR_AID, SUPERLINK_NODE_ID, ErrorCode
from flwr.proto.task_pb2 import Task
from flwr.server.superlink.linkstate import LinkStateFactory
from flwr.server.superlink.linkstate.in_memory_linkstate import RunRecord
from flwr.supercore.constant import FLWR_IN_MEMORY_DB_NAME, NOOP_FEDERATION_ID
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager
from flwr.superlink.grid.inmemory_grid import InMemoryGrid

from client_app.app import app
from common.config import Config, compose_config
from common.errors import FlwrNasError
from common.seeding import generator
from common.settings import DatasetSettings
from server_app.build import build_strategy
from server_app.exchange import StopRequested
from server_app.journal import Journal
from server_app.strategy import FedNASStrategy

Answer = Callable[[Message, Context], Message | None]
Event = dict[str, Any]

RUN_ID = 1
WIDTHS = (3, 5, 8)


@dataclass
class Node:
    """A node: what it is started with, and how it answers (never, where that gives None)."""

    context: Context
    answer: Answer
    there: bool = True
    holding: bool = False
    held: list[Message] = field(default_factory=list)


class LocalGrid(InMemoryGrid):
    """Flower's grid, with nodes that compute when replies are looked for.

    Attributes
    ----------
    sent : list of Message
        All that was accepted.
    backwards : bool
        The nodes compute in the reverse order.
    per_pull : int, optional
        So many nodes compute in one look for replies; None for all that have a message.
    """

    def __init__(self, files: Path) -> None:
        factory = LinkStateFactory(FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), ObjectStoreFactory())
        super().__init__(factory)
        run = Run.create_empty(RUN_ID)
        run.primary_task_id, run.federation_id = 1, NOOP_FEDERATION_ID
        self.state.run_ids[RUN_ID] = RunRecord(run=run)
        self.state.task_store[1] = Task(task_id=1, run_id=RUN_ID)
        self.set_run(run)
        self.nodes: dict[int, Node] = {}
        self.sent: list[Message] = []
        self.backwards = False
        self.per_pull: int | None = None
        self._files = files
        self._unanswered: dict[str, int] = {}
        self._lock = threading.RLock()

    # ------------------------------------------------------------ the nodes

    def join(self, answer: Answer = app, **node_config: Any) -> int:
        """Start a node; ``partition_id=0`` stands for ``partition-id=0``."""
        node_id = self.state.create_node(
            NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, secrets.token_bytes(32), heartbeat_interval=HEARTBEAT_INTERVAL_INF
        )
        self.state.acknowledge_node_heartbeat(node_id=node_id, heartbeat_interval=HEARTBEAT_INTERVAL_INF)
        config = {key.replace("_", "-"): value for key, value in node_config.items()}
        self.nodes[node_id] = Node(Context(RUN_ID, node_id, config, RecordDict(), {}), answer)
        return node_id

    def person(self, name: str, answer: Answer = app, features: int = 4, classes: int = 3) -> int:
        """Start a node with a name and a small file of its own."""
        path = self._files / f"{name}-{features}-{classes}.npz"
        if not path.exists():
            rng = generator(0, "person", name)
            y = np.arange(40) % classes
            x = rng.normal(0, 0.5, (40, features)).astype(np.float32)
            x[np.arange(40), y] += 1
            np.savez(path, x=x, y=y)
        return self.join(answer, name=name, data=str(path))

    def people(self, names: Iterable[str]) -> dict[str, int]:
        """Start one node for each name."""
        return {name: self.person(name) for name in names}

    def leave(self, node_id: int) -> None:
        """Let a node say goodbye, and answer no more."""
        self.nodes[node_id].there = False
        self.state.deactivate_node(node_id)

    def come_back(self, node_id: int) -> None:
        """Let a node that left come back under its id, as one with a key of its own does."""
        self.nodes[node_id].there = True
        self.state.activate_node(node_id, HEARTBEAT_INTERVAL_INF)

    def release(self, node_id: int) -> None:
        """Let a node that held its replies back send them, and hold none from now on."""
        node = self.nodes[node_id]
        node.holding = False
        while node.held:
            self._store(node.held.pop(0))

    def work(self) -> None:
        """Let the nodes compute what waits for them."""
        with self._lock:
            worked = 0
            for node_id, node in sorted(self.nodes.items(), key=_name_of, reverse=self.backwards):
                if not node.there or worked == self.per_pull:
                    continue
                for message in self.state.get_message_ins(node_id, limit=1):
                    worked += 1
                    reply = _answer(node, message)
                    if reply is not None and node.holding:
                        node.held.append(reply)
                    elif reply is not None:
                        self._store(reply)

    def _store(self, reply: Message) -> None:
        reply.metadata.__dict__["_message_id"] = str(uuid4())
        self.state.store_message_res(reply)

    # ------------------------------------------------------------ the server's side

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Send messages; a node has one unanswered message at most."""
        accepted: list[str] = []
        for message in messages:
            node_id = message.metadata.dst_node_id
            assert node_id not in self._unanswered.values(), "a second message to a node that has not answered"
            for message_id in super().push_messages([message]):
                accepted.append(message_id)
                self._unanswered[message_id] = node_id
                self.sent.append(message)
        return accepted

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Let the nodes compute, then return the replies that are there."""
        self.work()
        replies = list(super().pull_messages(message_ids))
        for reply in replies:
            self._unanswered.pop(reply.metadata.reply_to_message_id, None)
        return replies

    def name(self, message: Message) -> str:
        """Return the name of the node that a message is for."""
        node_id = message.metadata.dst_node_id
        return _name_of((node_id, self.nodes[node_id]))

    def sent_to(self, node_id: int) -> list[str]:
        """Return the types of the messages that a node was sent."""
        return [m.metadata.message_type for m in self.sent if m.metadata.dst_node_id == node_id]


def _asks(message: Message, trial: str, number: int) -> bool:
    """Tell whether a message asks to train a trial in this round."""
    if "order" not in message.content:
        return False
    order = message.content["order"]
    return (trial, "train", number) in zip(order["trial"], order["kind"], order["round"], strict=True)


def _name_of(item: tuple[int, Node]) -> str:
    config = item[1].context.node_config
    return str(config.get("name", config.get("partition-id")))


def _answer(node: Node, message: Message) -> Message | None:
    """Compute as a worker of the simulation does: an exception becomes an error reply."""
    try:
        return node.answer(message, node.context)
    except Exception as error:  # whatever a ClientApp raises
        return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, repr(error)), reply_to=message)


@dataclass
class Played:
    """A search that was run to its end: what it journalled, and what it raised."""

    strategy: FedNASStrategy
    events: list[Event]
    grid: LocalGrid
    weights: Any = None
    error: Exception | None = None

    def kinds(self, kind: str, **fields: Any) -> list[Event]:
        return [event for event in self.events if matches(event, {"event": kind, **fields})]

    @property
    def counts(self) -> Counter[str]:
        return Counter(event["event"] for event in self.events)

    @property
    def search(self) -> Any:
        assert self.strategy.outcome is not None
        return self.strategy.outcome.search

    def trainers(self, trial: str = "trial-0000") -> list[list[str]]:
        """Return who trained a trial, round by round: who was sent the job, but for whom the journal left out."""
        rounds = []
        for event in self.kinds("round", trial=trial):
            left_out = {
                other["node"]
                for kind in ("absent", "refused")
                for other in self.kinds(kind, trial=trial, round=event["round"])
            }
            asked = {self.grid.name(m) for m in self.grid.sent if _asks(m, trial, event["round"])}
            names = sorted(asked - left_out)
            assert len(names) == event["num_nodes"]
            assert event["nodes"] == names[:20]
            rounds.append(names)
        return rounds

    @property
    def history(self) -> list[dict[str, Any]]:
        return [trial.to_json() for trial in self.search.ranking]


def matches(event: Event, wanted: Mapping[str, Any]) -> bool:
    """Tell whether an event has all these fields."""
    return all(event.get(name) == value for name, value in wanted.items())


def _play(
    grid: LocalGrid,
    config: Config,
    when: Sequence[tuple[Mapping[str, Any], Callable[[], Any]]] = (),
    stop: Callable[[], str | None] = lambda: None,
    final: bool = True,
) -> Played:
    """Run a search; the first event with the given fields triggers what stands beside them."""
    events: list[Event] = []
    waiting = list(when)

    def react(event: Event) -> None:
        for pair in list(waiting):
            if matches(event, pair[0]):
                waiting.remove(pair)
                pair[1]()

    strategy = build_strategy(config, Journal(None, events.append, react), stop)
    if not final:
        strategy._closing = None
    played = Played(strategy, events, grid)
    try:
        result = strategy.start(grid=grid)
        played.weights = result.arrays["weights"].numpy()
    except (FlwrNasError, StopRequested) as error:
        played.error = error
    assert not waiting, f"never happened: {[pair[0] for pair in waiting]}"
    return played


@pytest.fixture(scope="session", autouse=True)
def identity() -> Iterator[None]:
    """Be the ServerApp of the run: Flower's messages ask who is speaking."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_task_id", 1), ("_run_id", RUN_ID), ("_node_id", SUPERLINK_NODE_ID)):
            patch.setattr(TaskIdentity, name, value)
        yield


@pytest.fixture(scope="session")
def people_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("people")


@pytest.fixture
def grid(people_files: Path) -> LocalGrid:
    """A grid without nodes."""
    return LocalGrid(people_files)


@pytest.fixture(scope="session")
def make_grid(people_files: Path) -> Callable[[], LocalGrid]:
    """For tests that compare runs."""
    return lambda: LocalGrid(people_files)


@pytest.fixture
def play() -> Callable[..., Played]:
    return _play


@pytest.fixture(scope="session")
def base_config() -> Config:
    return compose_config(["training=adam", "search.start=[]"])


@pytest.fixture(scope="session")
def configure(base_config: Config) -> Callable[..., Config]:
    """A function from changes to the configuration of a tiny search: three nodes with a file each, three specs.

    A change of a section names its fields: ``federation={"deadline": 1}``, and one of ``training`` its settings; any
    other value replaces what is there.
    """

    def make(**changes: Any) -> Config:
        specs = [{"version": 1, "kind": "layered", "layers": [_layer(width)]} for width in WIDTHS]
        config = replace(
            base_config,
            dataset=DatasetSettings(name="local"),
            space={"name": "listed", "specs": specs},
            controller={"name": "random"},
            fidelity={"name": "full", "max_rounds": 2},
            search=replace(base_config.search, trials=3, concurrency=3),
            final=replace(
                base_config.final,
                rounds=1,
                finalists=1,
                checkpoints=1,
                seeds=1,
                baseline={"version": 1, "kind": "layered", "layers": []},
            ),
            training={**base_config.training, "learning_rate": 0.03, "batch_size": 16},
            federation=replace(base_config.federation, nodes=3, poll=0.001),
        )
        for name, change in changes.items():
            section = getattr(config, name)
            value = replace(section, **change) if is_dataclass(section) and isinstance(change, dict) else change
            value = {**section, **change} if name == "training" else value
            config = replace(config, **{name: value})
        return config

    return make


def _layer(width: int) -> dict[str, Any]:
    return {"op": "linear", "width": width, "activation": "relu", "norm": "none", "dropout": 0.0}
