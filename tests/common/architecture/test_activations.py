"""By hand; tests/contracts/test_kinds.py compares with torch, for samples of every space."""

from common.architecture import operations as ops
from common.architecture.activations import live_bytes, live_numbers, saved_bytes
from common.architecture.graph import HEAD, INPUT, Graph, GraphBuilder


def network(*nodes: tuple[str, ops.Operation, tuple[int, ...]], shape=(3, 8)) -> Graph:
    builder = GraphBuilder(shape)
    for name, operation, inputs in nodes:
        builder.add(name, operation, *inputs)
    return builder.graph()


HEADED = (HEAD, ops.Linear(2))


def test_a_tensor_that_several_keep_counts_once():
    # relu keeps what it gives, and the linear map what it reads: the same 5 numbers; and the loss its 2, and a sum
    graph = network(
        ("flat", ops.Flatten(), (INPUT,)),
        ("first", ops.Linear(5), (0,)),
        ("relu", ops.Activation("relu"), (1,)),
        (*HEADED, (2,)),
    )
    assert saved_bytes(graph, 7) == 4 * (7 * (5 + 2) + 1)


def test_the_input_is_not_among_them_nor_a_view_of_it():
    assert saved_bytes(network(("flat", ops.Flatten(), (INPUT,)), (*HEADED, (0,))), 7) == 4 * (7 * 2 + 1)


def test_what_depends_on_no_parameter_keeps_nothing():
    # example norm and log energies would keep much; the head keeps the 3 x 4 energies that it reads
    graph = network(("norm", ops.ExampleNorm(), (INPUT,)), ("energy", ops.LogEnergy(2), (0,)), (*HEADED, (1,)))
    assert saved_bytes(graph, 7) == 4 * (7 * (3 * 4 + 2) + 1)


def test_statistics_of_a_batch_do_not_grow_with_it():
    # The norm keeps its input and two numbers for each of 5 channels, the pool nothing, the head its mean.
    graph = network(
        ("first", ops.Convolution(5, 3), (INPUT,)),
        ("norm", ops.BatchNorm(), (0,)),
        ("mean", ops.GlobalPool("avg"), (1,)),
        (*HEADED, (2,)),
    )
    assert [saved_bytes(graph, batch) for batch in (2, 20)] == [
        4 * (batch * (5 * 8 + 5 + 2) + 2 * 5 + 1) for batch in (2, 20)
    ]


def test_flattening_copies_what_lies_in_another_order():
    # the convolution's output for the norm, with mean and deviation at 8 places; relu's output, and for the head a copy
    nodes = [
        ("first", ops.Convolution(5, 3), (INPUT,)),
        ("norm", ops.LayerNorm(), (0,)),
        ("relu", ops.Activation("relu"), (1,)),
        ("flat", ops.Flatten(), (2,)),
        (*HEADED, (3,)),
    ]
    assert saved_bytes(network(*nodes), 7) == 4 * (7 * (40 + 2 * 8 + 40 + 40 + 2) + 1)
    nodes[1] = ("norm", ops.GroupNorm(1), (0,))
    assert saved_bytes(network(*nodes), 7) == 4 * (7 * (40 + 2 + 40 + 2) + 1)


def test_what_waits_lives_until_its_last_reader_is_done():
    # first 5 x 8 waits beside second while third is computed, and is gone once both are added to it
    graph = network(
        ("first", ops.Convolution(5, 3), (INPUT,)),
        ("second", ops.Convolution(5, 3), (0,)),
        ("third", ops.Convolution(5, 3), (1,)),
        ("sum", ops.Add(), (0, 2)),
        ("mean", ops.GlobalPool("avg"), (3,)),
        (*HEADED, (4,)),
    )
    assert live_numbers(graph) == (40, 80, 120, 120, 45, 7)
    assert live_bytes(graph, 7) == 4 * 7 * 120


def test_dropout_passes_on_what_it_reads_in_scoring_and_keeps_a_mask_in_training():
    graph = network(
        ("flat", ops.Flatten(), (INPUT,)),
        ("first", ops.Linear(5), (0,)),
        ("dropout", ops.Dropout(0.5), (1,)),
        (*HEADED, (2,)),
    )
    assert live_numbers(graph) == (0, 5, 5, 7)
    assert saved_bytes(graph, 7) == 4 * (7 * (5 + 5 + 2) + 1)  # mask, product, loss
