import io

import pytest
from rich.console import Console

from common.architecture.cost import cost_of
from common.architecture.memory import scoring_memory, training_memory
from common.settings import TrainingSettings
from server_app.reporting.table import size
from server_app.show.parts import parts_of
from server_app.show.table import render


def text_of(graph, training=TrainingSettings(), number_bytes=4, width=80):  # noqa: B008 - frozen
    console = Console(record=True, width=width, file=io.StringIO())
    for line in render("a title", graph, training, number_bytes):
        console.print(line)
    return console.export_text()


def test_each_part_has_a_row_with_its_costs_and_its_share(joined):
    lines = text_of(joined, width=160).splitlines()
    total = cost_of(joined)
    for part in parts_of(joined):
        (row,) = [line.split() for line in lines if line.startswith(part.name)]
        share = f"{part.macs / total.macs:.0%}"
        assert [f"{part.parameters:,}", f"{part.macs:,}", share] == [word for word in row if "█" not in word][-3:]
    (row,) = [line.split() for line in lines if line.startswith("total")]
    assert row[1:] == [f"{total.parameters:,}", f"{total.macs:,}"]


def test_it_fits_80_columns_and_loses_nothing(network):
    text = text_of(network)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    words = set(text.replace("\n", " ").split())
    for part in parts_of(network):
        assert {f"{part.parameters:,}", f"{part.macs:,}", "x".join(map(str, part.output_shape))} <= words


@pytest.mark.parametrize(("number_bytes", "batch"), [(4, 32), (2, 8)])
def test_messages_and_memory_are_those_of_precision_and_mini_batch(joined, number_bytes, batch):
    training = TrainingSettings(batch_size=batch)
    text = text_of(joined, training, number_bytes)
    cost = cost_of(joined)
    assert f"message  {size((cost.parameters + cost.buffers) * number_bytes)} each way" in text
    assert f"{cost.buffers:,} numbers are not trained" in text
    assert f"{size(training_memory(joined, training))} to train with adam on mini-batches of {batch}" in text
    assert f"{size(scoring_memory(joined))} to score" in text
