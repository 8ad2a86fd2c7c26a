"""The `own` space: a file says what of a network is fixed, what may vary, when, and what an expert expects.

The file is a layered spec with choices in place of values; ``conf/space/examples/residual.yaml`` shows how it is
written. A space that no file can say is a class; see CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from common.architecture.kinds.layered import LayeredSpec
from common.errors import ConfigError, SpecError
from server_app.spaces.base import LISTED, Ask, SearchSpace
from server_app.spaces.domains import Domain, check_limits
from server_app.spaces.own_count import count
from server_app.spaces.own_network import Network, parse_network
from server_app.spaces.own_program import Program
from server_app.spaces.own_questions import Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.architecture.spec import ArchitectureSpec
    from common.tasks import Task


class OwnSpace(SearchSpace):
    """What a file offers; see `Options`.

    Fresh draws follow the priors. A mutation changes one answer, each as likely, to another one, each as likely; what
    becomes active by that is drawn afresh. A child has each answer from one of its parents, each as likely, where that
    parent has it.

    Parameters
    ----------
    task : Task
        Input shape and classes.
    options : Options
        The file.
    """

    @dataclass(frozen=True)
    class Options:
        """What the file says.

        Parameters
        ----------
        choices : dict, optional
            By name, values that layers share: wherever ``$name`` stands for a value it is the same one.
        layers : list of dict, optional
            Layers as in a layered spec, from the input on, with choices in place of values. Each may have a `repeat`,
            how often it is there, and a `when`. A `skip` is how many layers back the connection starts, 1 for the
            layer just before.
        reduce, join, normalise
            As in a layered spec, or choices.
        max_parameters, max_macs, max_message_bytes : int, optional
            Hard constraints on a spec.
        """

        choices: dict[str, Any] | None = None
        layers: list[Any] | None = None
        reduce: Any = None
        join: Any = None
        normalise: Any = None
        max_parameters: int | None = None
        max_macs: int | None = None
        max_message_bytes: int | None = None

        def __post_init__(self) -> None:
            check_limits(self.max_parameters, self.max_macs, self.max_message_bytes)
            self.network()

        def network(self) -> Network:
            """Return what may vary; raises `ConfigError` for any mistake."""
            if self.layers is None:
                raise ConfigError(
                    "space.layers must say what the networks are made of, and nothing does",
                    fix="Write FOLDER/space/mine.yaml, as conf/space/examples/residual.yaml is written, and add "
                    "--config-dir FOLDER space=mine",
                )
            ends = {"reduce": self.reduce, "join": self.join, "normalise": self.normalise}
            given = {name: value for name, value in ends.items() if value is not None}
            return parse_network(self.choices or {}, self.layers, **given)

    def __init__(self, task: Task, options: Options) -> None:
        super().__init__(
            task,
            max_parameters=options.max_parameters,
            max_macs=options.max_macs,
            max_message_bytes=options.max_message_bytes,
        )
        self._network = options.network()
        self._program = Program(self._network, spatial=task.kind != "vector")

    # ------------------------------------------------------------ draws

    def _made(self, ask: Ask) -> LayeredSpec:
        return self._spec(lambda question: ask(question.name, question.domain))

    def answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return the answers to the file's questions, such as ``layers.1.0.kernel`` or ``$width``."""
        return dict(self._answers(spec))

    def _mutant(self, spec: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        before = self._answers(spec)
        if not before:
            return _layered(spec)
        changed = list(before)[int(rng.integers(len(before)))]

        def answer(question: Question) -> Any:
            if question.name == changed:
                return question.domain.other(before[changed], rng)
            return _kept(question, before, rng)

        return self._spec(answer)

    def _child(self, a: ArchitectureSpec, b: ArchitectureSpec, rng: np.random.Generator) -> LayeredSpec:
        parents = self._answers(a), self._answers(b)

        def answer(question: Question) -> Any:
            first = int(rng.integers(2))
            return _kept(question, {**parents[1 - first], **parents[first]}, rng)

        return self._spec(answer)

    def _spec(self, answer: Any) -> LayeredSpec:
        return self._program.spec(self._program.answered(answer))

    # ------------------------------------------------------------ what belongs

    def _check_membership(self, spec: ArchitectureSpec) -> None:
        self._answers(spec)

    def _answers(self, spec: ArchitectureSpec) -> dict[str, Any]:
        """Return the answers that make a spec; raises `SpecError` where there are none."""
        spec = _layered(spec)
        if self._ways <= LISTED and spec in self._list:
            return self._list[spec]
        return self._program.answers(spec).given

    def size(self) -> float:
        """Count the specs before constraints.

        Where there are more than 10,000 ways to make one, these are counted: a spec that can be made in two ways, such
        as with a layer more of one part or of the next, then counts twice.
        """
        return float(self._ways if self._ways > LISTED else len(self._list))

    @cached_property
    def _ways(self) -> int:
        return count(self._program)

    @cached_property
    def _list(self) -> dict[LayeredSpec, dict[str, Any]]:
        """All specs with the answers that make them; the first of several, as `Program.answers` has them."""
        listed: dict[LayeredSpec, dict[str, Any]] = {}
        for answers in self._program.every():
            listed.setdefault(self._program.spec(answers), answers.given)
        return listed

    def _enumerate(self) -> Iterator[LayeredSpec]:
        """Yield specs in the order of the file, what comes last changing first."""
        if self._ways <= LISTED:
            yield from self._list
            return
        met = set()
        for spec in map(self._program.spec, self._program.every()):
            if spec not in met:
                met.add(spec)
                yield spec

    def choices(self) -> dict[str, Domain]:
        """Return what the file offers, each with the conditions under which it does."""
        network = self._network
        named = [*network.shared.items(), *network.ends.items()]
        named += [
            (f"{part.name}.{key}", one)
            for part in network.parts
            for key, one in (("repeat", part.repeat), *part.fields.items())
        ]
        return {
            " and ".join([name, *map(str, source.when)]).replace(" and ", " where ", 1): source.domain
            for name, sources in named
            for source in sources
            if source.domain.size > 1
        }

    def encode(self, spec: ArchitectureSpec) -> NDArray[np.float64]:
        """Return `spec` as a vector of fixed length, equal only for equal specs of the space.

        It has a part for each question, all 0 where that is not asked: numbers over the greatest that is offered, all
        else one-hot.
        """
        answers = self._answers(spec)
        slots = (*self._program.shared.values(), *self._program.slots)
        row = [number for slot in slots for number in _encoded(slot.offered, answers.get(slot.name, _NOTHING))]
        return np.array(row, dtype=np.float64)


_NOTHING = object()


def _kept(question: Question, answers: dict[str, Any], rng: np.random.Generator) -> Any:
    """Return the answer that there is, or a fresh one."""
    kept = answers.get(question.name, _NOTHING)
    return kept if kept in question.domain.values else question.domain.draw(rng)


def _encoded(values: tuple[Any, ...], value: Any) -> list[float]:
    if len(values) < 2:
        return []
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return [0.0 if value is _NOTHING else value / (max(values) or 1)]
    return [float(value is not _NOTHING and value == one) for one in values]


def _layered(spec: ArchitectureSpec) -> LayeredSpec:
    if not isinstance(spec, LayeredSpec):
        raise SpecError("The space holds layered specs", spec.kind, fix="Choose another space")
    return spec
