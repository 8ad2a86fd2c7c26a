"""Times what the server itself does in an exchange with many nodes.

    python tests/benchmarks/many_nodes.py [--nodes 10000] [--rounds 4] [--order arrival] [--per-look 16]

The nodes are pretended: each answers at once, with the weights that it got, and nothing is computed or sent. What is
left is ours: names, letters, orders, folding. One trial trains for so many rounds on all nodes; printed are the
seconds of the handshake, of the search, and of one exchange.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import uuid4

from flwr.app import Message, RecordDict
from flwr.common.constant import SUPERLINK_NODE_ID
from flwr.supercore.task_identity import TaskIdentity

from common.config import compose_config
from common.digest import code_digest
from common.jobs import NodeReport, Result
from common.preprocessing.base import Sums
from common.settings import DatasetSettings
from common.tasks import Classification
from common.wire.handshake import encode_name, encode_report
from common.wire.order import decode_order
from common.wire.results import encode_results
from server_app import handshake
from server_app.build import build_strategy

HELD = 10
SUMS = {"moments": Sums(HELD, {"sum": (0.0,) * 8, "square": (float(HELD),) * 8})}


class PretendedGrid:
    """Nodes that answer at once; so many of the answers are there in one look."""

    def __init__(self, nodes: int, per_look: int | None) -> None:
        self._per_look = per_look
        self._digest = code_digest()
        self._replies: dict[str, Message] = {}
        self._last: tuple[Any, RecordDict] = None, RecordDict()
        self.nodes = range(1, nodes + 1)

    def get_node_ids(self) -> Iterable[int]:
        """Return all of them."""
        return list(self.nodes)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Take messages, and have the replies ready."""
        accepted = []
        for message in messages:
            message_id = str(uuid4())
            message.metadata.__dict__["_message_id"] = message_id
            self._replies[message_id] = Message(self._answer(message), reply_to=message)
            accepted.append(message_id)
        return accepted

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """Return the replies."""
        there = [message_id for message_id in message_ids if message_id in self._replies]
        return [self._replies.pop(message_id) for message_id in there[: self._per_look]]

    def _answer(self, message: Message) -> RecordDict:
        if "order" in message.content:
            asked, reply = self._last
            if asked is not message.content["order"]:
                asked, reply = self._last = message.content["order"], self._do(message.content)
            return reply
        name = f"node-{message.metadata.dst_node_id:05d}"
        if "call" in message.content:
            return encode_name(self._digest, name)
        report = NodeReport(name, [8], Classification(3), HELD, HELD, 1, 1024, "cpu", num_test=HELD, sums=SUMS)
        return encode_report(self._digest, report)

    def _do(self, content: RecordDict) -> RecordDict:
        order, _ = decode_order(content)
        results = [
            Result(
                job.id,
                "done",
                num_examples=HELD,
                metrics={"loss": 1.0} if job.work.kind == "train" else {"accuracy": 0.5, "loss": 1.0},
                arrays=job.arrays if job.work.kind == "train" else {},
            )
            for job in order.jobs
        ]
        return encode_results(self._digest, results)


def main() -> None:
    """Run one trial on so many nodes and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--order", choices=["rounds", "arrival"], default="rounds")
    parser.add_argument("--per-look", type=int, help="replies that are there at a time (default: all)")
    arguments = parser.parse_args()
    for name, value in (("_task_id", 1), ("_run_id", 1), ("_node_id", SUPERLINK_NODE_ID)):
        setattr(TaskIdentity, name, value)
    handshake.AT_ONCE = arguments.nodes  # all of them, as in a round that needs them all
    config = compose_config(["controller=random", "fidelity=full", f"fidelity.max_rounds={arguments.rounds}"])
    config = replace(
        config,
        dataset=DatasetSettings(name="local"),
        search=replace(config.search, trials=1, concurrency=1),
        federation=replace(config.federation, nodes=arguments.nodes, order=arguments.order),
    )
    strategy = build_strategy(config)
    strategy._closing = None
    began = time.perf_counter()
    strategy.start(grid=PretendedGrid(arguments.nodes, arguments.per_look))  # type: ignore[arg-type]
    whole = time.perf_counter() - began
    outcome = strategy.outcome
    assert outcome is not None
    exchanges = outcome.counts.exchanges
    print(
        f"{arguments.nodes} nodes: handshake {outcome.seconds['handshake']:.2f} s, {exchanges} exchanges in "
        f"{outcome.seconds['search']:.2f} s, {outcome.seconds['search'] / exchanges:.2f} s each ({whole:.2f} s in all)"
    )


if __name__ == "__main__":
    main()
