"""Reads what `sitecustomize` noted, and says where the time of a message goes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

Event = dict[str, Any]

STEPS = {
    "push": "server hands the message to the SuperLink",
    "supernode_poll": "wait for the SuperNode's poll (every 3 s)",
    "superexec_poll": "it is fetched; wait for the SuperExec's poll (every 1 s)",
    "start": "start of a process",
    "flwr": "import flwr",
    "numpy": "import numpy",
    "input": "the process fetches message and bundle",
    "bundle": "unpack and check the bundle",
    "torch": "import torch",
    "optim": "import what torch.optim needs",
    "app": "import the app and load it",
    "digest": "digest of the code",
    "decode": "decode",
    "data": "load the data",
    "build": "build the models",
    "train": "train",
    "score": "score",
    "encode": "encode",
    "reply": "the process hands the reply to the SuperNode",
    "notice": "wait for the SuperNode to see it (every 0.5 s)",
    "upload": "upload, once all of it is there",
    "server_poll": "wait for the server's poll, and download",
}
_CALLS = {  # step: functions, as sitecustomize names them
    "input": ("pull_task_input",),
    "bundle": ("install_from_fab",),
    "digest": ("code_digest",),
    "decode": ("decode_order",),
    "data": ("load_node_data", "load"),
    "build": ("build", "network"),
    "train": ("train", "fit"),
    "score": ("evaluate", "score"),
    "encode": ("flat_state", "encode_results", "to_reply"),
    "reply": ("push_message",),
}
_MODULES = {"numpy": "numpy", "torch": "torch", "optim": "torch._dynamo"}


@dataclass
class Message:
    """One message and what was noted of it."""

    id: str
    kind: str
    node: int
    pushed: Event
    events: list[Event] = field(default_factory=list)
    pulled: Event | None = None

    def of(self, name: str) -> list[Event]:
        """All events of a name."""
        return [event for event in self.events if event["event"] == name]

    def at(self, name: str) -> float:
        """When an event was noted; NaN where it was not."""
        return next((float(event["t"]) for event in self.events if event["event"] == name), float("nan"))

    def seconds(self, names: Iterable[str]) -> float:
        """Seconds spent in functions."""
        return sum(event["t"] - event["began"] for name in names for event in self.of(name))

    def steps(self) -> dict[str, float]:
        """Seconds of each step."""
        found = {step: self.seconds(names) for step, names in _CALLS.items()}
        for step, module in _MODULES.items():
            found[step] = sum(event["seconds"] for event in self.of("import") if event["module"] == module)
        (running,) = self.of("pull_task_input") or [{"began": float("nan")}]
        handed = min(self.pushed["t"], self.at("polled"))  # one may be fetched while others are still handed over
        found["push"] = handed - self.pushed["began"]
        found["supernode_poll"] = self.at("polled") - handed
        found["superexec_poll"] = self.at("launched") - self.at("polled")
        found["start"] = self.at("started") - self.at("launched")
        found["flwr"] = running["began"] - self.at("started") - found["numpy"]
        found["app"] = self.seconds(["load_app"]) - found["torch"]
        (replying,) = self.of("push_message") or [{"t": float("nan"), "began": float("nan")}]
        replied = min(replying["t"], self.at("noticed"))  # its arrays may still be on their way
        found["reply"] = replied - replying["began"]
        found["notice"] = self.at("noticed") - replied
        found["upload"] = self.at("uploaded") - self.at("noticed")
        found["server_poll"] = (self.pulled or self.pushed)["t"] - self.at("uploaded")
        found["train"] -= found["optim"]  # the optimizer imports it where it is made
        return found

    def cpu_steps(self) -> dict[str, float]:
        """Seconds of CPU of each step of its process; unlike those of the clock, a busy machine hardly changes them."""
        found = {step: sum(event["cpu"] for name in names for event in self.of(name)) for step, names in _CALLS.items()}
        for step, module in _MODULES.items():
            found[step] = sum(event["cpu"] for event in self.of("import") if event["module"] == module)
        found["flwr"] = sum(event["cpu_before"] for event in self.of("pull_task_input")) - found["numpy"]
        found["app"] = sum(event["cpu"] for event in self.of("load_app")) - found["torch"]
        found["train"] -= found["optim"]
        return found

    @property
    def total(self) -> float:
        """Seconds from the first byte handed over until the server has the reply."""
        return float(self.pulled["t"] - self.pushed["began"]) if self.pulled else float("nan")

    @property
    def cpu(self) -> float:
        """Seconds of CPU that its process took until it began to end."""
        return sum(float(event["cpu"]) for event in self.of("exiting"))


def read(folder: Path) -> list[Event]:
    """Return all events, by time."""
    events = [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    return sorted(events, key=lambda event: event["t"])


def messages_of(events: list[Event], began: float, ended: float) -> list[Message]:
    """Return the messages that the server sent between two times."""
    sent = [event for event in events if event["event"] == "pushed" and began <= event["t"] <= ended]
    found = {
        id_: Message(id_, kind, node, event)
        for event in sent
        for id_, kind, node in zip(event["messages"], event["kinds"], event["nodes"], strict=True)
    }
    current: dict[int, Message | None] = {}  # by session
    owner: dict[int, Message | None] = {}  # by process
    for event in events:
        name, session = event["event"], event["session"]
        if name == "pulled":
            for message in filter(None, map(found.get, event["messages"])):
                message.pulled = event
        elif name == "polled":
            current[session] = found.get(event["message"])
        elif name == "started":
            owner[event["pid"]] = current.get(session)
        owned = owner.get(event["pid"]) or current.get(session)
        if owned is not None:
            owned.events.append(event)
    return list(found.values())


def mean_steps(messages: Iterable[Message]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean seconds of each step, and those of CPU, over the messages that were answered."""
    clock: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    for message in messages:
        if message.pulled is None:
            continue
        for rows, steps, total in ((clock, message.steps(), message.total), (cpu, message.cpu_steps(), message.cpu)):
            for step, seconds in {**steps, "total": total}.items():
                rows[step].append(seconds)
    means = [{step: fmean(values) for step, values in rows.items()} for rows in (clock, cpu)]
    return means[0], means[1]
