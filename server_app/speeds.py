"""How fast nodes compute: by their word at first, and by what their jobs took from then on.

A node says how many multiply-accumulates it does in a second in products of two matrices. Real networks reach a part of
that, which is about the same part on every machine, so before a node has done anything its word counts times the usual
part. After its first job its word counts no more: its speed is the median of its last jobs. What a node says in 20 ms
and does in one job is noisy where a machine has other things to do, so that a word is wrong is said after three jobs,
where it is far from what others make of theirs; nothing else follows from that.

What a message takes beside its jobs (on a deployed node a process starts and imports torch, which is most of what small
networks take) is measured on the server, by its own clock: from when the message was sent until the reply came, less
what the node says that its jobs took. So who says that they took less gains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

NOMINAL = 1e9
"""MACs in a second of a node that did not say how many, and of which nothing is known yet."""
_PART = 0.25
"""Of its word that a node reaches, while nobody has done a job."""
_KEPT = 9
"""Jobs of a node that count."""
_FAR = 8.0
"""How many times less, or more, than others of its word a node must do to be told of: nodes of one busy machine said
numbers that were 5 times apart, and did jobs that were 3 times apart."""
_JOBS = 3
"""Jobs after which a word is judged, once."""
_WITNESSES = 2
"""Other nodes that it takes to say that a node's word is wrong; with one it would be word against word."""


class Contradiction(NamedTuple):
    """A node's word that its jobs do not bear out: what it said, and what would be true by them, in MACs a second."""

    node: str
    said: int
    true: float


@dataclass
class Speeds:
    """What nodes said of their speed, and what their jobs say.

    Attributes
    ----------
    words : dict of str to int
        By name, MACs a second of one thread as the node said first; a resumed run goes by the same, whatever it would
        measure now.
    measured : dict of str to list of float
        By name, MACs a second in its last jobs.
    delays : dict of str to list of float
        By name, seconds that its last messages took beside their jobs.

    Examples
    --------
    Two nodes keep their word: they do a quarter of it, as is usual. The third says the same, and does a fortieth. It is
    known after one job, and told of after three.

    >>> speeds = Speeds()
    >>> for name in ("a", "b", "liar"):
    ...     speeds.hear(name, 4000)
    >>> speeds.of("liar")
    1000.0
    >>> speeds.learn("a", 1000.0)
    >>> speeds.learn("b", 1000.0)
    >>> speeds.learn("liar", 100.0)
    >>> speeds.of("liar")
    100.0
    >>> speeds.learn("liar", 90.0)
    >>> speeds.learn("liar", 110.0)
    Contradiction(node='liar', said=4000, true=400.0)
    """

    words: dict[str, int] = field(default_factory=dict)
    measured: dict[str, list[float]] = field(default_factory=dict)
    delays: dict[str, list[float]] = field(default_factory=dict)
    _parts: dict[str, float] = field(default_factory=dict, init=False)
    _judged: set[str] = field(default_factory=set, init=False)
    _usual: float | None = field(default=None, init=False)
    _usual_delay: float | None = field(default=None, init=False)

    def hear(self, name: str, macs_per_second: int) -> None:
        """Take note of what a node says of itself, the first time; 0 where it did not measure."""
        self.words.setdefault(name, macs_per_second)

    def forget(self, name: str) -> None:
        """Forget a node that was started again: it may be on another machine."""
        for table in (self.words, self.measured, self.delays, self._parts):
            table.pop(name, None)
        self._judged.discard(name)
        self._usual = self._usual_delay = None

    def learn(self, name: str, speed: float) -> Contradiction | None:
        """Take note of the speed of one job, in MACs a second; return what the node said if that turns out wrong."""
        found = self.measured.setdefault(name, [])
        found.append(speed)
        del found[:-_KEPT]
        self._weigh(name)
        return self._judge(name) if len(found) >= _JOBS and name not in self._judged else None

    def wait(self, name: str, seconds: float) -> None:
        """Take note of what a message took beside its jobs."""
        found = self.delays.setdefault(name, [])
        found.append(max(0.0, seconds))
        del found[:-_KEPT]
        self._usual_delay = None

    def delay_of(self, name: str) -> float:
        """Return the seconds that a message is expected to take beside its jobs; of a new node, those of others."""
        if own := self.delays.get(name):
            return median(own)
        if self._usual_delay is None:
            self._usual_delay = median(map(median, self.delays.values())) if self.delays else 0.0
        return self._usual_delay

    def of(self, name: str) -> float:
        """Return how many MACs a second a node is expected to do in jobs; above 0."""
        if own := self.measured.get(name):
            return median(own)
        return (self.words.get(name) or NOMINAL / _PART) * self._usual_part()

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        return {
            "words": dict(sorted(self.words.items())),
            "measured": {name: list(found) for name, found in sorted(self.measured.items())},
            "delays": {name: list(found) for name, found in sorted(self.delays.items())},
            "judged": sorted(self._judged),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.words = dict(state["words"])
        self.measured = {name: list(found) for name, found in state["measured"].items()}
        self.delays, self._usual_delay = {name: list(found) for name, found in state["delays"].items()}, None
        self._judged, self._parts = set(state["judged"]), {}
        for name in self.measured:
            self._weigh(name)

    def _weigh(self, name: str) -> None:
        """Note which part of its word a node does."""
        self._usual = None
        if word := self.words.get(name):
            self._parts[name] = median(self.measured[name]) / word

    def _usual_part(self) -> float:
        if self._usual is None:
            self._usual = median(self._parts.values()) if self._parts else _PART
        return self._usual

    def _judge(self, name: str) -> Contradiction | None:
        """Compare the part that a node does of its word with that of others, once there are some."""
        others = [part for other, part in self._parts.items() if other != name]
        if len(others) < _WITNESSES:
            return None
        self._judged.add(name)
        part, usual = self._parts.get(name), median(others)
        if part is None or usual / _FAR <= part <= usual * _FAR:
            return None
        return Contradiction(name, self.words[name], median(self.measured[name]) / usual)
