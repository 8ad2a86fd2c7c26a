"""Plain settings that travel to the nodes; no hydra here, a node never imports it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from common.errors import ConfigError

AUGMENTATIONS: dict[str, tuple[str, ...]] = {
    "vector": ("jitter",),
    "sequence": ("jitter", "scale", "rotate", "shift"),
    "image": ("flip", "crop"),
}
"""By the kind of input that `common.tasks.Task` tells, what `client_app.augmentation` can do to it."""


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ConfigError(f"{name} must be above 0", value, fix=f"Set {name} to a positive number")


def _fraction(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ConfigError(f"{name} must lie in [0, 1)", value, fix="Use a part of 1, such as 0.2")


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a JSON value is of a field's type; a bool is no number, and a whole number is a float."""
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin is UnionType:
        return any(_fits(value, option) for option in get_args(hint))
    if origin is tuple:  # of any length; JSON has lists only
        return isinstance(value, list) and all(_fits(item, get_args(hint)[0]) for item in value)
    kind = (int, float) if hint is float else origin or hint
    return isinstance(value, kind) and isinstance(value, bool) == (hint is bool)


def _wanted(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    if get_origin(hint) is tuple:
        return f"a list of type {get_args(hint)[0].__name__}"
    return f"of type {getattr(hint, '__name__', hint)}"


class _Wire:
    """JSON there and back for a flat settings dataclass."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Build from plain JSON values; unknown keys raise `ConfigError`."""
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"{cls.__name__} knows only {sorted(known)}",
                unknown,
                fix="Run the same version of flwr-nas on the server and the nodes",
            )
        for name, hint in get_type_hints(cls).items():
            if name in values and not _fits(values[name], hint):
                group = cls.__name__.removesuffix("Settings").lower()
                raise ConfigError(f"{group}.{name} must be {_wanted(hint)}", values[name])
            if name in values and get_origin(hint) is tuple:
                values = {**values, name: tuple(values[name])}
        return cls(**values)


@dataclass(frozen=True)
class DatasetSettings(_Wire):
    """Which data a node trains on and how it splits them.

    Parameters
    ----------
    name : str
        A module of ``common.data``: ``digits``, ``synthetic``, ``diabetes`` or ``local``.
    path : str, optional
        The file or folder of ``local``. In a deployment the node config's ``data`` wins.
    partition : {"iid", "dirichlet", "natural", "files"}
        How simulated nodes share one pool.
    alpha : float
        Concentration of the Dirichlet partition.
    validation_fraction, test_fraction : float
        Parts of a node's own data; `test_fraction` is used where the data come without a test split.
    split : {"random", "block"}
        ``block`` keeps a contiguous stretch of each class aside (time series with overlapping windows).
    gap : int
        With ``block``: examples dropped between the training and the held-out stretch.
    people : bool
        Each node is a person, so some are held out of the search to score it; a node makes nothing of it.
    options : dict
        What only one data set knows (the sizes of ``synthetic``).
    """

    name: str = "digits"
    path: str | None = None
    partition: Literal["iid", "dirichlet", "natural", "files"] = "iid"
    alpha: float = 0.5
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    split: Literal["random", "block"] = "random"
    gap: int = 0
    people: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _positive("dataset.alpha", self.alpha)
        _fraction("dataset.validation_fraction", self.validation_fraction)
        _fraction("dataset.test_fraction", self.test_fraction)
        if self.gap < 0:
            raise ConfigError("dataset.gap must be 0 or more", self.gap, fix="Use 1 for windows that overlap by half")

    def at(self, folder: Path) -> Self:
        """Return the settings with the files that they name taken from `folder`, where they are not absolute."""
        schema = self.options.get("schema")
        options = {**self.options, "schema": str(folder / schema)} if schema else self.options
        return replace(self, path=None if self.path is None else str(folder / self.path), options=options)


@dataclass(frozen=True)
class TrainingSettings(_Wire):
    """How a node trains one job.

    Parameters
    ----------
    optimizer : {"adam", "sgd"}
        Fused, stateless between rounds.
    learning_rate, weight_decay, momentum : float
        As in torch.optim; `momentum` is for ``sgd``.
    batch_size, epochs : int
        Local mini-batches and local epochs of one round.
    proximal_mu : float
        FedProx's pull towards the received weights (Li et al., MLSys 2020); 0 turns it off.
    label_smoothing : float
        Part of each target that is spread evenly over all classes (Szegedy et al., CVPR 2016, section 7), in training
        only; for heads with classes.
    schedule : {"constant", "cosine"}
        The learning rate from round to round; see `in_round`.
    augmentation : tuple of str
        What is done to each mini-batch, in this order, drawn anew each time: names from `AUGMENTATIONS`.
    average : int
        Of so many of a trial's last rounds the server takes the mean of the weights for what is scored and exported
        (Izmailov et al., UAI 2018; between rounds as in Caldarola et al., ECCV 2022); it trains on from the last one.
        0 and 1 are the last one alone.
    class_weights : {"none", "balanced"}
        Whether examples of rare classes weigh more in training; for heads with classes, see `Head.weights_of`.
    """

    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 0.001
    batch_size: int = 32
    epochs: int = 1
    momentum: float = 0.0
    weight_decay: float = 0.0
    proximal_mu: float = 0.0
    label_smoothing: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    augmentation: tuple[str, ...] = ()
    average: int = 0
    class_weights: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        for name in ("learning_rate", "batch_size", "epochs"):
            _positive(f"training.{name}", getattr(self, name))
        for name in ("momentum", "weight_decay", "proximal_mu", "average"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"training.{name} must be 0 or more", getattr(self, name), fix="0 turns it off")
        _fraction("training.label_smoothing", self.label_smoothing)
        known = dict.fromkeys(name for names in AUGMENTATIONS.values() for name in names)
        if not set(self.augmentation) <= set(known) or len(set(self.augmentation)) < len(self.augmentation):
            raise ConfigError(
                f"training.augmentation is a list of different names among {', '.join(known)}",
                list(self.augmentation),
                fix="Correct the names, or leave it empty",
            )

    def in_round(self, number: int, rounds: int) -> Self:
        """Return the recipe with the learning rate of one round.

        With ``cosine`` that of round r of R is ``learning_rate (1 + cos(pi (r - 1) / R)) / 2``: Loshchilov & Hutter,
        ICLR 2017, equation 5, down to 0, without restarts, and by rounds instead of steps. The first round has the
        whole rate, and the last one is still above 0.

        Parameters
        ----------
        number : int
            The trial's round, from 1.
        rounds : int
            Rounds in all, of a trial that goes all the way.

        Raises
        ------
        ConfigError
            There is no such round.
        """
        if self.schedule == "constant":
            return self
        if not 1 <= number <= rounds:
            raise ConfigError(f"training.schedule={self.schedule} needs a round from 1 to {rounds}", number)
        return replace(self, learning_rate=self.learning_rate * (1 + math.cos(math.pi * (number - 1) / rounds)) / 2)


@dataclass(frozen=True)
class BilevelSettings(_Wire):
    """How a node steps architecture weights beside the weights of a mixed spec, in one round.

    Parameters
    ----------
    order : {"first", "second", "mixed"}
        Which gradient the architecture weights follow; see `client_app.architecture_gradient`.
    mixing : {"softmax", "gumbel"}
        How shares follow from architecture weights: their softmax, or that of their sums with noise that is drawn for
        each step (E. Jang, S. Gu & B. Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017).
    temperature : float
        What they are divided by before that: the lower, the sharper.
    learning_rate, weight_decay : float
        Of the architecture weights. Adam's beta1 is 0.5 with them, as in the code of DARTS.
    fraction : float
        Part of a node's training examples, in (0, 1), that steps architecture weights alone, and no weights.
    steps_alphas : bool
        Whether they are stepped at all, or weights alone.
    blend : float
        With ``mixed``, what the loss on the architecture's examples counts beside that on the others.
    """

    order: Literal["first", "second", "mixed"] = "first"
    mixing: Literal["softmax", "gumbel"] = "softmax"
    temperature: float = 1.0
    learning_rate: float = 0.003
    weight_decay: float = 0.001
    fraction: float = 0.5
    steps_alphas: bool = True
    blend: float = 1.0

    def __post_init__(self) -> None:
        for name in ("temperature", "learning_rate", "fraction", "blend"):
            _positive(f"bilevel.{name}", getattr(self, name))
        _fraction("bilevel.fraction", self.fraction)
        if not self.weight_decay >= 0:
            raise ConfigError("bilevel.weight_decay must be 0 or more", self.weight_decay, fix="0 turns it off")


@dataclass(frozen=True)
class PersonalSettings(_Wire):
    """How a node comes to a model of its own.

    Parameters
    ----------
    method : {"head", "all", "mix"}
        What is fine-tuned: the last layer, all weights, or all weights that are then mixed with the common ones; see
        `client_app.personal`.
    epochs : int
        Of fine-tuning.
    learning_rate : float
        Of fine-tuning.
    checkpoints : tuple of int
        After which rounds training on the node's examples alone is scored, the last of them after all rounds.
    folder : str
        Where a simulated node writes the model that it keeps, in a folder of its name; empty for nowhere. A deployed
        node writes where its own config says, and opens no folder that the server names.
    """

    method: Literal["head", "all", "mix"] = "all"
    epochs: int = 10
    learning_rate: float = 0.001
    checkpoints: tuple[int, ...] = ()
    folder: str = ""

    def __post_init__(self) -> None:
        for name in ("epochs", "learning_rate"):
            _positive(f"personal.{name}", getattr(self, name))


@dataclass(frozen=True)
class PreprocessingSettings(_Wire):
    """What is done to inputs before a network sees them.

    Parameters
    ----------
    scope : {"federation", "node", "none"}
        Each feature or channel is scaled to mean 0 and deviation 1: over all nodes that are there at the start, or on
        each node over its own training examples; or not at all.
    scale : {"moments", "quantiles"}
        By mean and deviation; or, of the columns whose range a schema declares, by median and quartiles, which few
        extreme values do not move.
    min_examples : int
        A node with fewer training examples sends no sums for that, and no counts of classes; others round theirs
        down to a multiple of it.
    """

    scope: Literal["federation", "node", "none"] = "federation"
    min_examples: int = 10
    scale: Literal["moments", "quantiles"] = "moments"

    def __post_init__(self) -> None:
        if self.scale == "quantiles" and self.scope != "federation":
            raise ConfigError(
                "preprocessing.scale=quantiles is fitted over the federation",
                self.scope,
                fix="Set preprocessing.scope=federation, or preprocessing.scale=moments",
            )
        if self.min_examples < 1:
            raise ConfigError("preprocessing.min_examples must be 1 or more", self.min_examples, fix="Use 10")

    @property
    def statistics(self) -> tuple[str, ...]:
        """Names of the statistics that the nodes are asked for."""
        if self.scope != "federation":
            return ()
        return ("moments",) if self.scale == "moments" else ("moments", "quantiles")
