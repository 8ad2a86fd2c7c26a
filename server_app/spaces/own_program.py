"""An own space as a row of questions, each asked only where what was answered before makes it one.

A network is what comes of the answers. What may be answered, whether two networks differ, and how many there are, all
follow from the questions, so conditions are understood in one place. Conditions have the meaning that they have in
M. Lindauer et al., "BOAH: A Tool Suite for Multi-Fidelity Bayesian Optimization & Analysis of Hyperparameters", 2019
(ConfigSpace): what is not active has no value. A layer that is repeated is asked for each time, and a shared choice
only where something needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from common.architecture.kinds.layered import LayeredSpec
from common.architecture.kinds.layers import LAYERS, FrontEnd
from common.errors import SpecError
from server_app.spaces.domains import Choices
from server_app.spaces.own_network import Network
from server_app.spaces.own_questions import ABSENT, Answers, Question, Slot
from server_app.spaces.own_slots import SHARED, Condition
from server_app.spaces.priors import restricted

_FRONT_ENDS = {op for op, cls in LAYERS.items() if issubclass(cls, FrontEnd)}


class Program:
    """The questions of a network.

    Parameters
    ----------
    network : Network
        What may vary.
    spatial : bool
        Whether inputs have places, so that it matters how features are reduced, and examples normalised.
    """

    def __init__(self, network: Network, spatial: bool) -> None:
        self.shared = {name: Slot(name, "", sources) for name, sources in network.shared.items()}
        self.repeats = [Slot(f"{part.name}.repeat", "repeat", part.repeat, i) for i, part in enumerate(network.parts)]
        self.places = {
            (i, turn): {
                key: Slot(f"{part.name}{f'.{turn}' if part.most > 1 else ''}.{key}", key, sources, i, turn)
                for key, sources in part.fields.items()
            }
            for i, part in enumerate(network.parts)
            for turn in range(part.most)
        }
        self._ends = [Slot(key, key, sources) for key, sources in network.ends.items() if spatial or key == "join"]
        self.slots: list[Slot] = []
        for i, part in enumerate(network.parts):
            self.slots.append(self.repeats[i])
            for turn in range(part.most):
                self.slots += self.places[i, turn].values()
        self.slots += self._ends
        self._most = [part.most for part in network.parts]
        self._maybe_front = [
            place["op"].name
            for place in self.places.values()
            if any(source.shared or {*source.domain.values} & _FRONT_ENDS for source in place["op"].sources)
        ]

    # ------------------------------------------------------------ what a slot holds

    def settle(self, i: int, answers: Answers) -> Any:
        """Return the value of a slot, kept with the answers, or the `Question` that must be answered before."""
        value = self.resolve(self.slots[i], answers)
        if not isinstance(value, Question):
            answers.settled[self.slots[i].name] = value
        return value

    def resolve(self, slot: Slot, answers: Answers) -> Any:
        """Return the value of a slot, `ABSENT` where it has none, or the `Question` that must be answered before."""
        if slot.name in answers.settled:
            return answers.settled[slot.name]
        active = self._is_active(slot, answers)
        if active is not True:
            return replace(active, direct=False) if isinstance(active, Question) else ABSENT
        for source in slot.sources:
            held = self._hold(source.when, slot, answers)
            if isinstance(held, Question):
                return replace(held, direct=False)
            if held:
                shared = self.shared.get(source.shared)
                value = self._own(slot, source.domain, answers) if shared is None else self.resolve(shared, answers)
                return ABSENT if self._is_too_far(slot, value, answers) else value
        return ABSENT

    def _own(self, slot: Slot, domain: Choices, answers: Answers) -> Any:
        """Return the answer to the slot's own question, if there is anything to ask."""
        if slot.name in answers.given:
            return answers.given[slot.name]
        left = tuple(value for value in domain.values if not self._is_too_far(slot, value, answers))
        if len(left) < 2:
            return left[0] if left else ABSENT
        return Question(slot.name, restricted(domain, left))

    def _is_too_far(self, slot: Slot, value: Any, answers: Answers) -> bool:
        """Tell whether a skip connection would start before the input."""
        return slot.field == "skip" and isinstance(value, int) and value > self.index(slot, answers) + 1

    def _is_active(self, slot: Slot, answers: Answers) -> Any:
        """Tell whether a slot is one of the network's, its own conditions aside."""
        if slot.part >= 0 and slot.field != "repeat":
            return self._is_there(slot, answers)
        return slot.field != "reduce" or not self.is_fronted(answers)

    def _is_there(self, slot: Slot, answers: Answers) -> Any:
        """Tell whether a layer is repeated so often, and has the field."""
        repeats = self.resolve(self.repeats[slot.part], answers)
        if repeats is ABSENT or slot.turn >= repeats:
            return False
        if slot.field == "op":
            return True
        place = self.places[slot.part, slot.turn]
        cls = LAYERS[self.resolve(place["op"], answers)]
        if slot.field not in cls.__dataclass_fields__:
            return False
        if slot.field not in cls.idle:
            return True
        deciding, idle = cls.idle[slot.field]
        return deciding in place and self.resolve(place[deciding], answers) not in (ABSENT, idle)

    def _hold(self, when: tuple[Condition, ...], slot: Slot, answers: Answers) -> Any:
        for condition in when:
            shared = condition.name.startswith(SHARED)
            named = self.shared[condition.name] if shared else self.places[slot.part, slot.turn][condition.name]
            value = self.resolve(named, answers)
            if isinstance(value, Question) or value not in condition.values:
                return value if isinstance(value, Question) else False
        return True

    def is_fronted(self, answers: Answers) -> bool:
        """Tell whether one of the layers that are known is a front end; then nothing is reduced."""
        return any(answers.settled.get(name) in _FRONT_ENDS for name in self._maybe_front)

    def index(self, slot: Slot, answers: Answers) -> int:
        """Return which layer of the spec a slot is of; all that comes before it must be settled."""
        return slot.turn + self._depth(answers, self.repeats[: slot.part])

    def _depth(self, answers: Answers, repeats: Sequence[Slot]) -> int:
        counts = (answers.settled[repeat.name] for repeat in repeats)
        return sum(count for count in counts if count is not ABSENT)

    # ------------------------------------------------------------ from answers to a network and back

    def offered(self, slot: Slot) -> tuple[Any, ...]:
        """Return all values that a slot may have, those of shared choices included."""
        slots = [slot, *(self.shared[source.shared] for source in slot.sources if source.shared)]
        return tuple(dict.fromkeys(value for one in slots for value in one.offered))

    def answered(self, answer: Callable[[Question], Any]) -> Answers:
        """Return the answers to all questions, each asked once."""
        answers = Answers()
        for i in range(len(self.slots)):
            while isinstance(question := self.settle(i, answers), Question):
                answers.given[question.name] = answer(question)
        return answers

    def spec(self, answers: Answers) -> LayeredSpec:
        """Return the network that all answers make."""
        layers = [
            {
                key: self._written(slot, answers)
                for key, slot in place.items()
                if answers.settled[slot.name] is not ABSENT
            }
            for place in self.places.values()
        ]
        ends = {slot.field: answers.settled[slot.name] for slot in self._ends}
        return LayeredSpec(
            tuple(LAYERS[layer.pop("op")](**layer) for layer in layers if layer),
            **{key: value for key, value in ends.items() if value is not ABSENT},
        )

    def answers(self, spec: LayeredSpec) -> Answers:
        """Return the first answers, in the order of `every`, that make this network.

        Raises
        ------
        SpecError
            There are none; the message tells what stood in the way of those that came furthest.
        """
        furthest, reason = -1, SpecError("The space holds other networks", spec.describe(), fix="Change space.layers")
        branches = [(0, Answers())]
        while branches:
            start, answers = branches.pop()
            for i in range(start, len(self.slots)):
                value = self.settle(i, answers)
                fitting = self._fitting(self.slots[i], value, answers, spec)
                if isinstance(value, Question):
                    branches += [(i, answers.but(value.name, one)) for one in reversed(fitting)]
                if not fitting and i > furthest:
                    furthest, reason = i, self._reason(self.slots[i], value, answers, spec)
                if isinstance(value, Question) or not fitting:
                    break
            else:
                if self._depth(answers, self.repeats) == len(spec.layers) and self.spec(answers) == spec:
                    return answers
        raise reason

    def every(self) -> Iterator[Answers]:
        """Yield all answers, what comes last changing first."""
        branches = [(0, Answers())]
        while branches:
            start, answers = branches.pop()
            for i in range(start, len(self.slots)):
                value = self.settle(i, answers)
                if isinstance(value, Question):
                    branches += [(i, answers.but(value.name, one)) for one in reversed(value.domain.values)]
                    break
            else:
                yield answers

    def _fitting(self, slot: Slot, value: Any, answers: Answers, spec: LayeredSpec) -> tuple[Any, ...]:
        """Return what of a value, or of the answers to a question, does not contradict the spec."""
        values = value.domain.values if isinstance(value, Question) else (value,)
        if isinstance(value, Question) and not value.direct:
            return values
        if slot.field == "repeat":
            left = len(spec.layers) - self.index(slot, answers)
            least = left - sum(self._most[slot.part + 1 :])
            return tuple(count for count in values if least <= (0 if count is ABSENT else count) <= left)
        wanted = self._wanted(slot, answers, spec)
        return tuple(one for one in values if one is ABSENT or one == wanted)

    def _wanted(self, slot: Slot, answers: Answers, spec: LayeredSpec) -> Any:
        """Return what the spec has there, as a space writes it."""
        if slot.part < 0:
            return getattr(spec, slot.field)
        index = self.index(slot, answers)
        value = getattr(spec.layers[index] if index < len(spec.layers) else None, slot.field, ABSENT)
        return index - value if slot.field == "skip" and isinstance(value, int) else value

    def _written(self, slot: Slot, answers: Answers) -> Any:
        """Return a value as a spec has it."""
        value = answers.settled[slot.name]
        return self.index(slot, answers) - value if slot.field == "skip" and value is not None else value

    def _reason(self, slot: Slot, value: Any, answers: Answers, spec: LayeredSpec) -> SpecError:
        offered = value.domain if isinstance(value, Question) else value
        if slot.field == "repeat":
            depth = len(spec.layers)
            return SpecError("The space holds networks of other depths", depth, fix=f"Change space.{slot.name}")
        where = "The spec" if slot.part < 0 else f"Layer {self.index(slot, answers)}"
        wanted = self._wanted(slot, answers, spec)
        got = None if wanted is ABSENT else wanted
        return SpecError(f"{where}: the space offers {slot.field} {offered}", got, fix=f"Change space.{slot.name}")
