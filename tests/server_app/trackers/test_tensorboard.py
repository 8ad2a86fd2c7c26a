"""Event files, as TensorBoard reads them."""

from __future__ import annotations

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.support.tracked import tensorboard


def test_the_configuration_is_a_table(tracked):
    tracked("tensorboard").finish("finished", ())
    read = EventAccumulator(str(tracked.folder / "tensorboard"))
    read.Reload()
    (text,) = read.Tensors("configuration/text_summary")
    assert b"| search.trials | 3 |\n| space.width | [8, 16] |" in text.tensor_proto.string_val[0]


def test_what_was_cut_away_does_not_count_though_it_does_not_come_again(tracked):
    first = tracked("tensorboard")
    for step in (1, 5, 9):
        first.scalars(step, {"trial/loss": 0.5})
    first.finish("stopped", ())
    again = tracked("tensorboard", step=5)
    again.scalars(7, {"trial/loss": 0.25})
    again.finish("finished", ())
    assert tensorboard(tracked.folder) == {"trial/loss": [(1, 0.5), (7, 0.25)]}
