"""What is printed of a search space: what there is to choose from, how large it is, and what its networks cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from common.architecture.kinds.layers import Layer
from common.architecture.spec import ArchitectureSpec
from server_app.reporting.bars import Bar
from server_app.reporting.words import counted, listed
from server_app.show.operations import shape_words
from server_app.show.survey import Survey, histogram, landmarks
from server_app.spaces.domains import Choices, Domain, Sources
from server_app.spaces.priors import Expected

if TYPE_CHECKING:
    from common.architecture.cost import Cost
    from common.tasks import Task
    from server_app.spaces.base import SearchSpace

_SAMPLES = 5
_VALUES = 20
"""Values of an option that are told: a list of specs may be long."""
_DESCRIBED = (Layer, ArchitectureSpec)
_BAR = 40
_EXACT = 10**9
"""Sizes below it are written out."""


def render(name: str, space: SearchSpace, survey: Survey) -> Iterator[RenderableType]:
    """Yield what is printed.

    Parameters
    ----------
    name : str
        Of the space.
    space : SearchSpace
        For its task.
    survey : Survey
        A sample of it.
    """
    yield Text(f"space={name}{_purpose(space)}", "bold")
    yield ""
    domains = space.choices()
    if domains:
        yield _choices(domains)
    yield Text(f"size     {_size(space.size(), domains)}, before constraints")
    yield Text(f"limits   {_limits(space)}")
    yield Text(f"draws    {_draws(survey)}")
    if not survey.found:
        yield Text("None of them is legal: loosen the limits, or offer smaller networks.", "red")
        return
    yield ""
    yield Text("samples", "bold")
    yield from (_sample(*pair) for pair in survey.different[:_SAMPLES])
    costs = [cost for _, cost in survey.found]
    for title, values in (("parameters", [c.parameters for c in costs]), ("MACs", [c.macs for c in costs])):
        yield ""
        yield _histogram(title, values)


def _purpose(space: SearchSpace) -> str:
    """Return for which task a space is; of one that is for none, why."""
    return (
        f": {space.why_offline[:1].lower()}{space.why_offline[1:]}"
        if space.why_offline
        else f" for {_task(space.task)}"
    )


def _task(task: Task) -> str:
    outputs = counted(task.head.output_width, "output")
    return f"{shape_words(task.input_shape)} ({task.kind}), {task.head.kind} with {outputs}"


def _choices(domains: Mapping[str, Domain]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, domain in domains.items():
        table.add_row(name, Text(_domain(domain)))
    return Group(Text("choices", "bold"), Padding(table, (0, 0, 1, 2), expand=False))


def _domain(domain: Domain) -> str:
    if isinstance(domain, Sources):
        return f"from the input or any earlier layer, with probability {domain.probability:g}"
    if isinstance(domain, Expected) or not isinstance(domain, Choices):
        return str(domain)
    values = [_value(value) for value in domain.values[:_VALUES]]
    more = [f"and {len(domain.values) - _VALUES:,} more"] if len(domain.values) > _VALUES else []
    return ("\n" if isinstance(domain.values[0], ArchitectureSpec) else ", ").join([*values, *more])


def _value(value: Any) -> str:
    return "none" if value is None else value.describe() if isinstance(value, _DESCRIBED) else str(value)


def _size(size: float, domains: Mapping[str, Domain]) -> str:
    if math.isinf(size):
        continuous = [name for name, domain in domains.items() if math.isinf(domain.size)]
        return "infinite" + (f", as {listed(continuous)} can be any number in a range" if continuous else "")
    if size < _EXACT:
        return counted(round(size), "architecture")
    exponent = math.floor(math.log10(size))
    return f"about {size / 10**exponent:.1f} x 10^{exponent} architectures"


def _limits(space: SearchSpace) -> str:
    limits = {name: getattr(space, name) for name in ("max_parameters", "max_macs", "max_message_bytes")}
    return ", ".join(f"space.{name}={limit}" for name, limit in limits.items() if limit is not None) or "none"


def _draws(survey: Survey) -> str:
    kept = f"{survey.draws:,}, of which {len(survey.found):,} are legal, {len(survey.different):,} of them different"
    return "\n         ".join([kept, *(f"{count:,} {reason}" for reason, count in survey.broken.items())])


def _sample(spec: ArchitectureSpec, cost: Cost) -> RenderableType:
    costs = Text(f"{cost.parameters:>9,} parameters  {cost.macs:>12,} MACs  {spec.id}")
    return Group(Padding(costs, (0, 0, 0, 2)), Padding(Text(spec.describe()), (0, 0, 0, 4)))


def _histogram(title: str, values: list[int]) -> RenderableType:
    least, median, most_of_them, greatest = landmarks(values)
    bins = histogram(values)
    most = max(each.count for each in bins)
    table = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    for each in bins:
        table.add_row(f"from {each.low:,}", f"to {each.high - 1:,}", f"{each.count:,}", Bar(each.count / most, _BAR))
    told = f"least {least:,}, median {median:,}, 95 % up to {most_of_them:,}, greatest {greatest:,}"
    return Group(Text.assemble((title, "bold"), f"  {told}"), Padding(table, (0, 0, 0, 2), expand=False))
