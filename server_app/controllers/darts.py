"""Differentiable search: a network of all options learns by gradients which of them it needs, and is then made plain.

H. Liu, K. Simonyan & Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019; in a federation as in C. He,
M. Annavaram & S. Avestimehr, "FedNAS", 2020: nodes step weights and architecture weights in turn, each on examples of
their own, and the server averages both. That is a stage before the search (`server_app.stages.bilevel`), which goes by
the options here; the controller proposes what it came to, after whatever is tried first, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from common.errors import ConfigError
from common.seeding import generator
from server_app.controllers.base import Controller
from server_app.controllers.observations import Suggestion

if TYPE_CHECKING:
    import numpy as np

    from common.architecture.spec import ArchitectureSpec
    from server_app.trials import Recipe

ORIGIN = "discretized"
"""Of what is proposed."""
ORDERS = ("first", "second", "mixed")
MIXINGS = ("softmax", "gumbel")


class Darts(Controller):
    """Proposes what a bilevel search found.

    Attributes
    ----------
    found : list of Suggestion
        In the order in which they are proposed.
    """

    why_no_table: ClassVar[str] = (
        "controller=darts finds what it proposes by training a network of all options on nodes, and a table has none"
    )

    @dataclass(frozen=True)
    class Options:
        """Options of the bilevel search.

        Parameters
        ----------
        rounds, warm_up : int
            Rounds of the mixed network, and how many of them, the first, step its weights only.
        order : {"first", "second", "mixed"}
            Of the architecture's gradient: where the weights stand, or after their next step (DARTS, equations 7 and
            8); or of both losses together (C. He et al., "MiLeNAS", CVPR 2020), with `blend` for the architecture's.
        blend : float
            Above 0.
        learning_rate, weight_decay : float
            Of the architecture weights, which Adam steps.
        fraction : float
            Of a node's training examples, what the architecture weights alone learn from.
        mixing : {"softmax", "gumbel"}
            How the weights of a place become those of a sum: as they are, or with noise (E. Jang, S. Gu & B. Poole,
            "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017).
        temperature, last_temperature : float
            By which they are divided, in the first round that steps them and in the last one.
        levels : int
            Networks, one after the other, each for as many rounds.
        shrink : int
            Options that each place loses from one level to the next one, as long as two are left.
        max_skips : int, optional
            Skip connections in a cell with which the search has collapsed, and ends, if there are more; None: never.
        partial_channels : int
            One of so many channels goes through the operations of a cell, the others go by (Y. Xu et al., "PC-DARTS",
            ICLR 2020); 1: all.
        discretized, recipes : int
            Networks that are proposed, and recipes with each: the default, and others that are drawn, where there are
            any.
        part : float
            Of a budget, what the bilevel search may spend.
        """

        rounds: int = 40
        warm_up: int = 10
        order: str = "first"
        blend: float = 1.0
        learning_rate: float = 0.003
        weight_decay: float = 0.001
        fraction: float = 0.5
        mixing: str = "softmax"
        temperature: float = 1.0
        last_temperature: float = 1.0
        levels: int = 3
        shrink: int = 1
        max_skips: int | None = 2
        partial_channels: int = 1
        discretized: int = 2
        recipes: int = 3
        part: float = 0.5

        def __post_init__(self) -> None:
            for name, least in (
                *(("rounds", 1), ("warm_up", 0), ("levels", 1), ("shrink", 1), ("max_skips", 0)),
                *(("partial_channels", 1), ("discretized", 1), ("recipes", 1), ("weight_decay", 0)),
            ):
                if (value := getattr(self, name)) is not None and not value >= least:
                    raise ConfigError(f"controller.{name} must be {least} or more", value, fix="Leave it out")
            for name in ("learning_rate", "temperature", "last_temperature", "blend"):
                if not (value := getattr(self, name)) > 0:
                    raise ConfigError(f"controller.{name} must be above 0", value, fix="Leave it out")
            for name in ("fraction", "part"):
                if not 0 < (value := getattr(self, name)) < 1:
                    raise ConfigError(f"controller.{name} must be between 0 and 1", value, fix="Leave it out")
            for name, known in (("order", ORDERS), ("mixing", MIXINGS)):
                if (word := getattr(self, name)) not in known:
                    raise ConfigError(f"controller.{name} must be one of {', '.join(known)}", word)
            if self.rounds - self.warm_up < self.levels:
                raise ConfigError(
                    f"controller.rounds must have one for each of controller.levels={self.levels} after "
                    f"controller.warm_up={self.warm_up}",
                    self.rounds,
                    fix=f"Set controller.rounds={self.warm_up + self.levels} or more, or fewer levels",
                )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.found: list[Suggestion] = []
        self._most = self.max_trials
        if self._most <= len(self.start):
            raise ConfigError(
                "With controller=darts search.trials must leave room for what it finds, "
                f"after {len(self.start)} that are tried first",
                self._most,
                fix=f"Set search.trials={len(self.start) + self.options.discretized} or more, or search.start=[]",
            )
        self._count()

    def find(self, found: Sequence[ArchitectureSpec]) -> None:
        """Take the networks that are to be proposed, the best first: all with one recipe, then all with another one.

        Raises `SpecError` where one is not legal.
        """
        for spec in found:
            self.space.space.check(spec)
        self.found = [Suggestion((spec, recipe), ORIGIN) for recipe in self._recipes() for spec in found]

    def _recipes(self) -> list[Recipe]:
        """Return the recipes with which each network is tried: all have the same ones."""
        recipes, rng = self.space.recipes, generator(self.seed, "recipes")
        found = [recipes.default]
        while len(found) < self.options.recipes and (other := recipes.sample_other(set(found), rng)) is not None:
            found.append(other)
        return found

    @property
    def done(self) -> bool:
        """Whether there will be no further proposal: the start, and all that was found, was proposed."""
        return super().done or not (self._queue or self._put_off or self._next_found())

    def suggest(self, rng: np.random.Generator) -> Suggestion | None:  # noqa: ARG002 - nothing is drawn
        """Return the first of what was found that was not proposed, what can be paid before all else."""
        return self._next_found()

    def extra_state(self) -> dict[str, Any]:
        """Return what was found."""
        return {"found": [one.to_json() for one in self.found]}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take back what `extra_state` returned."""
        self.found = [Suggestion.from_json(row) for row in state["found"]]
        self._count()

    def _count(self) -> None:
        """Set how many proposals there are: those of the start, which a resume knows better, and what is found."""
        recipes = min(self.options.recipes, self.space.recipes.size)
        self.max_trials = int(min(self._most, len(self.start) + self.options.discretized * recipes))

    def _next_found(self) -> Suggestion | None:
        left = [one for one in self.found if one.tried not in self._seen]
        return min(left, key=lambda one: self.too_dear(one.tried), default=None)
