"""How many answers the questions of an own space have, without asking them one by one."""

from __future__ import annotations

from typing import Any

from server_app.spaces.own_program import Program
from server_app.spaces.own_questions import ABSENT, Answers, Question, Slot
from server_app.spaces.own_slots import SHARED


def count(program: Program) -> int:
    """Count all answers.

    Goes from slot to slot; answers that are alike in all that later questions depend on are counted together.
    """
    deciding = _deciding(program)
    backs = [back or 0 for slot in program.slots if slot.field == "skip" for back in program.offered(slot)]
    farthest = max(backs, default=0)  # a skip connection from further on may start as far back as any
    alike: dict[Any, tuple[Answers, int]] = {None: (Answers(), 1)}
    for i, after in enumerate([*program.slots[1:], None]):
        reached: dict[Any, tuple[Answers, int]] = {}
        pending = list(alike.values())
        while pending:
            answers, ways = pending.pop()
            question = program.settle(i, answers)
            if not isinstance(question, Question):
                key = None if after is None else _seen_from(program, after, answers, farthest)
                reached[key] = (answers, ways + reached.get(key, (answers, 0))[1])
                continue
            values = question.domain.values
            if question.name not in deciding:
                values, ways = values[:1], ways * len(values)
            pending += [(answers.but(question.name, value), ways) for value in values]
        alike = reached
    return sum(ways for _, ways in alike.values())


def _seen_from(program: Program, slot: Slot, answers: Answers, farthest: int) -> Any:
    """Return what the questions from a slot on depend on."""
    names = [*program.shared, *(near.name for near in program.places.get((slot.part, slot.turn), {}).values())]
    before = 0
    if slot.part >= 0:
        names.append(program.repeats[slot.part].name)
        before = min(program.index(slot, answers), farthest)
    seen = tuple(answers.given.get(name, ABSENT) for name in names)
    return seen, before, program.is_fronted(answers)


def _deciding(program: Program) -> set[str]:
    """Return the names of the questions on whose answers others depend."""
    found: set[str] = set()
    for slot in (*program.shared.values(), *program.slots):
        for source in slot.sources:
            for condition in source.when:
                shared = condition.name.startswith(SHARED)
                found.add(condition.name if shared else program.places[slot.part, slot.turn][condition.name].name)
        if slot.field in ("repeat", "op", "skip"):
            found |= {slot.name, *(source.shared for source in slot.sources)}
    return found
