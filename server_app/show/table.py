"""The table of an architecture: a row for each of its parts, and what all of it costs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from common.architecture.cost import Cost, cost_of
from common.architecture.graph import Graph
from common.architecture.memory import scoring_memory, training_memory
from common.settings import TrainingSettings
from server_app.reporting.bars import Bar
from server_app.reporting.words import size
from server_app.show.operations import shape_words
from server_app.show.parts import INPUT_NAME, Part, parts_of

_BAR = 7


def render(title: str, graph: Graph, training: TrainingSettings, number_bytes: int) -> Iterator[RenderableType]:
    """Yield what is printed of a network.

    Parameters
    ----------
    title : str
        What the network is.
    graph : Graph
        The network, for one task.
    training : TrainingSettings
        Of which mini-batch and optimizer decide about memory.
    number_bytes : int
        Of each number in a message.
    """
    cost = cost_of(graph)
    yield Text(title, "bold")
    yield ""
    yield _table(graph, cost)
    yield ""
    sent = (cost.parameters + cost.buffers) * number_bytes
    buffers = f" ({cost.buffers:,} numbers are not trained)" if cost.buffers else ""
    yield Text(f"message  {size(sent)} each way{buffers}")
    yield Text(
        f"memory   at most about {size(training_memory(graph, training))} to train with {training.optimizer} on "
        f"mini-batches of {training.batch_size},\n         {size(scoring_memory(graph))} to score"
    )


def _table(graph: Graph, cost: Cost) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_footer=True)
    table.add_column("part", "total", no_wrap=True)
    table.add_column("what it does", ratio=1, overflow="fold")
    table.add_column("output", no_wrap=True)
    table.add_column("parameters", f"{cost.parameters:,}", justify="right", no_wrap=True)
    table.add_column("MACs", f"{cost.macs:,}", justify="right", no_wrap=True)
    table.add_column("of MACs", no_wrap=True)
    table.add_row(INPUT_NAME, "", shape_words(graph.input_shape), "", "", "")
    for part in parts_of(graph):
        numbers = (f"{part.parameters:,}", f"{part.macs:,}")
        table.add_row(part.name, Text(part.what), shape_words(part.output_shape), *numbers, _share(part, cost))
    return table


def _share(part: Part, cost: Cost) -> Table:
    share = part.macs / cost.macs if cost.macs else 0.0
    cell = Table.grid(padding=(0, 1, 0, 0))
    cell.add_column(width=4, justify="right", no_wrap=True)
    cell.add_column()
    cell.add_row(f"{share:.0%}", Bar(share, _BAR))
    return cell
