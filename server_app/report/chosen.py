"""What each trial chose: its answers to the questions of the space and of the recipes, as numbers or texts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from numbers import Real
from typing import Any

from common.errors import FlwrNasError
from common.settings import TrainingSettings
from server_app.build import build_space
from server_app.report.folder import RunFiles
from server_app.report.history import History, number_of
from server_app.spaces.recipes import RecipeSpace

Chosen = dict[int, dict[str, Any]]
"""By trial and by question the answer: None, a number or a text."""

_RECIPE = "training."


def chosen_of(run: RunFiles, history: History) -> Chosen:
    """Return by trial what it chose; nothing where the space cannot be built here, as it is of a package that is not.

    Of a trial that was given, and that the space or the recipes do not offer, only what they do offer is told.
    """
    if run.config is None or run.task is None:
        return {}
    try:
        space, recipes = build_space(run.config, run.task), RecipeSpace.of(run.config.training, run.task)
    except (FlwrNasError, ImportError, OSError):
        return {}
    found: Chosen = {}
    for event in run.events:
        number = number_of(event.get("trial"))
        if number is None or event["event"] != "proposed" or number not in history.specs:
            continue
        answers: dict[str, Any] = {}
        with suppress(FlwrNasError):
            answers |= space.answers(history.specs[number])
        with suppress(FlwrNasError, KeyError, TypeError):
            recipe = TrainingSettings.from_json(event["recipe"])
            answers |= {
                name: answer
                for name, answer in recipes.answers(recipe).items()
                if getattr(recipe, name.removeprefix(_RECIPE)) == answer
            }
        found[number] = {name: _plain(answer) for name, answer in answers.items()}
    return found


def questions_of(chosen: Mapping[int, Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[int, list[int]]]:
    """Return what was answered in several ways, and by trial the place of each of its answers.

    Returns
    -------
    list of dict
        ``name``, and ``answers`` as texts: none, then numbers, then texts.
    dict of int to list of int
        By trial and question a place in ``answers``; -1 where it was not asked.
    """
    rows = list(chosen.values())
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if len({_key(row[name]) if name in row else None for row in rows}) > 1
    ]
    answers = {name: _ordered({_key(row[name]): row[name] for row in rows if name in row}) for name in names}
    place = {name: {_key(answer): place for place, answer in enumerate(own)} for name, own in answers.items()}
    return (
        [{"name": name, "answers": [in_words(answer) for answer in own]} for name, own in answers.items()],
        {
            number: [place[name][_key(row[name])] if name in row else -1 for name in names]
            for number, row in chosen.items()
        },
    )


def in_words(answer: Any) -> str:
    """Return an answer for people."""
    return "none" if answer is None else f"{answer:g}" if isinstance(answer, float) else str(answer)


def _plain(answer: Any) -> Any:
    if answer is None or isinstance(answer, (str, Real)):
        return answer
    return "+".join(map(str, answer)) or "none" if isinstance(answer, tuple) else str(answer)


def _key(answer: Any) -> tuple[bool, Any]:
    return isinstance(answer, str), answer


def _ordered(answers: Mapping[Any, Any]) -> list[Any]:
    return sorted(answers.values(), key=lambda one: (one is not None, isinstance(one, str), 0 if one is None else one))
