"""What the groups of a configuration hold that are no choice of a module."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from common.errors import ConfigError
from common.precision import Precision

PORTFOLIO = "portfolio"
"""Of ``search.start``, and the best of it of ``final.baseline``: what conf/portfolio/ has for the kind of data."""

IMPORTED = "imported"
"""Origin of a trial that is tried first since another search thought best of it."""

UNBOUNDED = 1_000_000
"""Of ``search.trials``: more than any budget pays for, so that it alone ends the search."""


@dataclass(frozen=True)
class BudgetConfig:
    """What a run may cost, its final training included; None is no limit."""

    mac_examples: float | None
    node_seconds: float | None
    bytes: float | None
    seconds: float | None

    @property
    def limits(self) -> dict[str, float]:
        """The limits that there are, by currency."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def part(self, part: float) -> BudgetConfig:
        """Return this part of each limit."""
        return BudgetConfig(**{name: None if value is None else part * value for name, value in asdict(self).items()})

    def __post_init__(self) -> None:
        for name, value in self.limits.items():
            if not value > 0:
                raise ConfigError(f"search.budget.{name} must be above 0", value, fix="Leave it out for no limit")


NO_LIMITS = BudgetConfig(None, None, None, None)


@dataclass(frozen=True)
class SearchConfig:
    """How many trials, how many at once, which known specs come first, what all may cost, and what is known before."""

    trials: int
    concurrency: int
    start: Any
    budget: BudgetConfig
    imports: Any = field(default_factory=list)
    imports_first: int = 3
    priors: Any = None
    confidence: float = 0.5

    def __post_init__(self) -> None:
        _at_least("search.trials", self.trials, 1)
        _at_least("search.concurrency", self.concurrency, 1)
        specs = isinstance(self.start, list) and all(isinstance(entry, dict) for entry in self.start)
        if self.start != PORTFOLIO and not specs:
            raise ConfigError(
                f"search.start must be {PORTFOLIO}, or a list of architecture specs", self.start, fix="[] is none"
            )
        _at_least("search.imports_first", self.imports_first, 0)
        if not isinstance(self.priors, dict | None):
            raise ConfigError(
                "search.priors must name what you expect, by question",
                self.priors,
                fix="Write search.priors={width: 32}",
            )
        if not 0 < self.confidence < 1:
            raise ConfigError(
                "search.confidence must lie between 0 and 1", self.confidence, fix="Set search.confidence=0.5"
            )
        if not isinstance(self.imports, list) or not all(isinstance(name, str) and name for name in self.imports):
            raise ConfigError(
                "search.imports must be a list of run folders and CSV files",
                self.imports,
                fix="Write search.imports=[runs/mine,scores.csv], and names with blanks in quotes",
            )


@dataclass(frozen=True)
class ScoringConfig:
    """Who scores a trial."""

    held_out: float | None
    panel: int | None
    min_nodes: int | None
    folds: int
    weigh: str = "examples"

    def __post_init__(self) -> None:
        _at_least("scoring.folds", self.folds, 1)
        if self.weigh not in ("examples", "nodes"):
            raise ConfigError("scoring.weigh must be examples or nodes", self.weigh, fix="Choose one of them")
        if self.min_nodes is not None:
            _at_least("scoring.min_nodes", self.min_nodes, 1)
        if self.panel is not None:
            _at_least("scoring.panel", self.panel, self.min_nodes or 1)
        if self.held_out is not None and not 0 <= self.held_out < 1:
            raise ConfigError("scoring.held_out must lie in [0, 1)", self.held_out, fix="Use a part of 1, such as 0.2")
        if self.held_out and self.panel is not None:
            raise ConfigError(
                f"scoring.panel is of nodes that train, and with scoring.held_out={self.held_out:g} the panel is "
                "all that are held out",
                self.panel,
                fix="Leave one of them out",
            )
        for name in ("held_out", "panel"):
            if self.folds > 1 and getattr(self, name):
                raise ConfigError(
                    f"With scoring.folds={self.folds} every node trains, and scores what never trained on it, so "
                    f"scoring.{name} has nobody to name",
                    getattr(self, name),
                    fix="Leave one of them out",
                )


@dataclass(frozen=True)
class FinalConfig:
    """The budget of the finalists, the winner among them, and of what it is compared with; which baseline that is."""

    rounds: int | None
    min_steps: int
    finalists: int
    seeds: int
    baseline: Any
    front: int | Literal["knee", "all"] = "knee"
    checkpoints: int = 4
    bootstrap: int = 200

    def __post_init__(self) -> None:
        for name in ("finalists", "seeds", "checkpoints"):
            _at_least(f"final.{name}", getattr(self, name), 1)
        if isinstance(self.front, int):
            _at_least("final.front", self.front, 1)
        if self.rounds is not None:
            _at_least("final.rounds", self.rounds, 1)
        _at_least("final.min_steps", self.min_steps, 0)
        _at_least("final.bootstrap", self.bootstrap, 0)
        if self.baseline != PORTFOLIO and not isinstance(self.baseline, dict):
            raise ConfigError(
                "final.baseline must be portfolio, or an architecture spec", self.baseline, fix="See conf/config.yaml"
            )


@dataclass(frozen=True)
class PersonalConfig:
    """What each node makes of the winner for itself, after the final training.

    The defaults come from the digits in uneven parts: with 10 epochs at 0.1, 0.3 and 1 of the recipe's rate the nodes'
    own tests had an accuracy of 0.9884, 0.9907 and 0.9898, mean over the methods, two seeds and Dirichlet partitions of
    0.1 and 0.5, where the common models had 0.9638 (tests/benchmarks/personal.py --seeds 2).
    """

    method: Literal["head", "all", "mix"] | None = None
    epochs: int = 10
    rate: float = 0.3
    keep: bool = False

    def __post_init__(self) -> None:
        _at_least("personal.epochs", self.epochs, 1)
        if not self.rate > 0:
            raise ConfigError("personal.rate must be above 0", self.rate, fix="Set personal.rate=0.3")


@dataclass(frozen=True)
class FederationConfig:
    """Where the nodes are and how long to wait for them."""

    name: Literal["simulation", "deployment"]
    nodes: int | None
    min_nodes: int
    cpus_per_node: float
    gpus_per_node: float
    order: Literal["rounds", "arrival"]
    deadline: float
    budget: float | None
    patience: float
    poll: float
    precision: Precision
    address: str | None
    root_certificates: str | None

    def __post_init__(self) -> None:
        _at_least("federation.min_nodes", self.min_nodes, 1)
        if self.nodes is not None:
            _at_least("federation.nodes", self.nodes, self.min_nodes)
        if self.budget is not None and not 0 < self.budget <= self.deadline:
            raise ConfigError(
                f"federation.budget must be above 0 and no more than federation.deadline={self.deadline:g}",
                self.budget,
                fix="Leave it out for 0.8 times the deadline",
            )
        for name in ("cpus_per_node", "deadline", "patience", "poll"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"federation.{name} must be above 0", getattr(self, name), fix="Give seconds or cores"
                )


@dataclass(frozen=True)
class RunConfig:
    """What a run is called and where its results go."""

    name: str
    dir: str | None
    launcher_pid: int
    started_at: float
    resume: bool = False

    def __post_init__(self) -> None:
        if self.dir == "":
            raise ConfigError("run.dir must name a folder", self.dir, fix="Leave it out for a new one below runs/")
        if self.resume and self.dir is None:
            raise ConfigError("run.resume needs the folder of the run", fix="Set run.dir")


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} must be {least} or more", value, fix=f"Set {name}={least}")


NOT_PERSONAL = PersonalConfig()
"""Of a run in which nobody makes a model of its own."""
