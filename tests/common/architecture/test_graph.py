import pytest

from common.architecture.cost import Cost, cost_of
from common.architecture.graph import HEAD, INPUT, MAX_OPERATIONS, Graph, GraphBuilder, Node
from common.architecture.layout import layout
from common.architecture.operations import Activation, Add, Concatenate, Flatten, Linear
from common.errors import SpecError
from tests.support.graphs import branched

RELU = Activation("relu")


def graph_of(*nodes, shape=(4,)):
    return Graph(shape, tuple(Node(*node) for node in nodes))


def test_a_chain_reads_what_is_before_and_nothing_else():
    chain = graph_of(("a", Linear(3), (INPUT,), (3,)), (HEAD, RELU, (0,), (3,)))
    assert chain.is_chain
    assert chain.released() == ((INPUT,), (0,))
    assert not graph_of(("a", RELU, (INPUT,), (4,)), (HEAD, Add(), (INPUT, 0), (4,))).is_chain
    assert not branched().is_chain


def test_equal_graphs_are_one_key():
    assert branched() == branched()
    assert len({branched(), branched()}) == 1


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((), "must be read, and its last node is the output"),
        ((("a", Linear(3), (INPUT,), (4,)),), r"Node a gives \(3,\), got \(4,\)"),
        ((("a", Linear(3), (0,), (3,)),), "Node a must read the input or earlier nodes"),
        ((("a", Linear(3), (-2,), (3,)),), "Node a must read the input or earlier nodes"),
        ((("a", RELU, (1,), (4,)), ("b", RELU, (INPUT,), (4,))), "Node a must read the input or earlier nodes"),
        ((("a", RELU, (INPUT,), (4,)), ("a", RELU, (0,), (4,))), "must differ in their names"),
        ((("a", RELU, (INPUT,), (4,)), ("b", RELU, (INPUT,), (4,))), r"must be read.*got \[0\]"),
        ((("a", RELU, (INPUT, INPUT), (4,)),), "activation takes 1 inputs, got 2"),
        ((("a", RELU, (), (4,)),), "activation takes 1 inputs, got 0"),
        ((("a", Add(), (), (4,)),), "add takes one input or more, got 0"),
        (
            (("a.b", RELU, (INPUT,), (4,)), (HEAD, RELU, (0,), (4,))),
            r"must not be empty, nor have a dot, got \['a.b'\]",
        ),
        ((("", RELU, (INPUT,), (4,)), (HEAD, RELU, (0,), (4,))), r"must not be empty, nor have a dot, got \[''\]"),
        (
            ((HEAD, RELU, (INPUT,), (4,)), ("a", RELU, (0,), (4,))),
            r"named classifier and give a vector, got \('a', \(4,\)\)",
        ),
    ],
)
def test_what_is_no_sound_graph_is_refused(nodes, message):
    with pytest.raises(SpecError, match=message):
        graph_of(*nodes)


def test_a_graph_has_so_many_operations_and_no_more():
    network, x = GraphBuilder((4,)), INPUT
    for index in range(MAX_OPERATIONS - 1):
        x = network.add(f"a{index}", RELU, x)
    network.add(HEAD, RELU, x)
    graph = network.graph()
    assert len(graph.nodes) == MAX_OPERATIONS
    with pytest.raises(SpecError, match=r"4,096 operations at most, got 4097"):
        network.add("more", RELU, x)
    with pytest.raises(SpecError, match=r"4,096 operations at most, got 4097"):
        Graph((4,), (*graph.nodes, graph.nodes[-1]))


def test_what_passes_through_a_graph_is_bounded_before_there_is_any_of_it():
    half = 2**30
    network = GraphBuilder((1,))
    wide = network.add("wide", Linear(half), INPUT)
    with pytest.raises(SpecError, match=r"What both gives has 2,147,483,647 numbers at most .*got \(2147483648,\)"):
        network.add("both", Concatenate(), wide, wide)
    with pytest.raises(SpecError, match="What classifier gives has"):
        graph_of((HEAD, Linear(2 * half), (INPUT,), (2 * half,)))
    with pytest.raises(SpecError, match="What enters a graph has"):
        graph_of((HEAD, Linear(3), (INPUT,), (3,)), shape=(2 * half,))
    assert graph_of((HEAD, Linear(3), (INPUT,), (3,)), shape=(2 * half - 1,)).input_shape == (2**31 - 1,)


def test_what_gives_no_vector_is_refused():
    with pytest.raises(SpecError, match=r"named classifier and give a vector, got \('classifier', \(4, 3\)\)"):
        graph_of((HEAD, RELU, (INPUT,), (4, 3)), shape=(4, 3))


def test_a_builder_knows_shapes_on_the_way():
    network = GraphBuilder((2, 3))
    assert network.shape(INPUT) == (2, 3)
    flat = network.add("flat", Flatten(), INPUT)
    assert network.shape(flat) == (6,)
    with pytest.raises(SpecError, match="linear works on a vector"):
        network.add("classifier", Linear(2), INPUT)
    network.add("classifier", Linear(2), flat)
    assert network.graph() == graph_of(
        ("flat", Flatten(), (INPUT,), (6,)), ("classifier", Linear(2), (flat,), (2,)), shape=(2, 3)
    )


def test_what_is_read_for_the_last_time_is_released():
    graph = branched()
    names = [node.name for node in graph.nodes]
    released = {
        name: {names[index] if index != INPUT else "input" for index in done}
        for name, done in zip(names, graph.released(), strict=True)
    }
    assert released["large"] == set()
    assert released["plain"] == {"input"}
    assert released["total"] == {"small", "large", "plain"}
    assert released["norm"] == set()  # the sum is read again
    assert released["joined"] == {"gate", "total"}
    assert released["residual"] == {"hidden", "mean"}
    assert released["classifier"] == {"residual"}


def test_branches_cost_what_they_hold():
    parameters = 16 * 3 * (9 + 25 + 1) + 2 * 16 + 2 * 16 + 16 * 16 + 16 + 5 * 16 + 5
    macs = 36 * 16 * 3 * (9 + 25 + 1) + 16 * 16 + 16 * 5
    assert cost_of(branched()) == Cost(parameters, 0, macs, 4 * parameters)
    assert [tensor.name for tensor in layout(branched())] == [
        *("small.weight", "small.bias", "large.weight", "large.bias", "plain.weight", "norm.weight", "norm.bias"),
        *("hidden.weight", "hidden.bias", "classifier.weight", "classifier.bias"),
    ]
