"""Who is there: asked over Flower's own grid, answered by the real ClientApp."""

from __future__ import annotations

import re

import pytest
from flwr.app import Message, RecordDict

from client_app.app import app
from common.digest import code_digest
from common.errors import FederationError
from common.settings import DatasetSettings, PreprocessingSettings
from common.tasks import Classification
from common.wire.arrays import num_bytes
from server_app.exchange import Exchange, StopRequested
from server_app.federation import Facts, Federation
from server_app.handshake import Handshake
from server_app.journal import Journal
from server_app.outcome import Counts
from server_app.post import Post
from server_app.roster import Roster


class Case:
    """A handshake, what it admitted and what it wrote down."""

    def __init__(self, grid, *, digest=None, stop=lambda: None):
        self.grid, self.events = grid, []
        self.roster = Roster()
        journal = Journal(None, self.events.append)
        dataset = DatasetSettings(name="local")
        self.post = Post()
        self.counts = Counts()
        self.exchange = Exchange(grid, self.post, self.counts, poll=0.001, stop=stop)
        facts = Facts(0, dataset, Federation(), PreprocessingSettings(scope="none"), digest or code_digest())
        self.handshake = Handshake(self.roster, self.post, journal, facts)

    def gather(self, nodes, min_nodes=1, patience=60.0):
        self.handshake._patience = patience
        return self.handshake.gather(self.exchange, nodes=nodes, min_nodes=min_nodes)

    def of(self, kind):
        return [event for event in self.events if event["event"] == kind]

    @property
    def names(self):
        return sorted(self.roster.reports)


@pytest.fixture
def case(grid):
    return Case(grid)


def silent(message, context):
    return None


def broken(message, context):
    raise MemoryError("out of memory")


def foreign(message, context):
    """Answer as a node does that runs other code."""
    reply = app(message, context)
    content = reply.content
    content["header"]["digest"] = "0" * 64
    return Message(content, reply_to=message)


def wordless(message, context):
    return Message(RecordDict(), reply_to=message)


def test_nodes_are_admitted_by_name_and_agree_on_the_task(grid, case):
    ids = grid.people("abc")
    task = case.gather(nodes=3)
    assert (task.input_shape, task.head) == ((4,), Classification(3))
    assert {name: case.roster.id_of(name) for name in case.names} == ids


def test_the_journal_says_what_each_node_has_and_nothing_of_its_labels(grid, case):
    grid.person("a")
    case.gather(nodes=1)
    (event,) = case.of("node")
    # 40 examples: a fifth for the test, a fifth of the others for validation
    assert (event["node"], event["examples"], event["validation"], event["test"]) == ("a", 26, 6, 8)
    assert (event["input_shape"], event["num_classes"], event["device"]) == ([4], 3, "cpu")
    known = {"n", "event", "time", "node", "examples", "validation", "test", "input_shape", "num_classes"}
    assert set(event) == known | {"cores", "memory_mb", "device", "classes", "head", "macs_per_second", "limits"}
    assert (event["classes"], event["head"]) == ([], Classification(3).to_dict())
    assert event["macs_per_second"] > 10**6
    assert set(event["limits"]) == {"max_memory_mb"}


def test_a_question_carries_no_arrays_and_each_node_gets_one(grid, case):
    ids = grid.people("abc")
    case.gather(nodes=3)
    assert [num_bytes(message.content) for message in grid.sent] == [0, 0, 0]
    assert all(grid.sent_to(node_id) == ["query"] for node_id in ids.values())
    assert case.counts.messages == 3


def test_nodes_that_come_while_we_wait_are_waited_for(grid):
    moments = []

    def later():
        moments.append(1)
        if len(moments) == 3:
            grid.person("b")

    case = Case(grid, stop=later)
    grid.person("a")
    case.gather(nodes=2)
    assert case.names == ["a", "b"]


def test_without_a_number_the_nodes_that_are_there_take_part(grid, case):
    grid.people("ab")
    case.gather(nodes=None)
    assert case.names == ["a", "b"]


def test_fewer_nodes_than_wanted_are_enough_if_they_are_not_too_few(grid, case):
    grid.people("ab")
    case.gather(nodes=5, min_nodes=2, patience=0.05)
    assert case.names == ["a", "b"]


@pytest.mark.parametrize("people", ["", "a"])
def test_too_few_nodes_are_an_error_in_one_sentence_and_a_way_out(grid, case, people):
    grid.people(people)
    with pytest.raises(FederationError) as raised:
        case.gather(nodes=None, min_nodes=2, patience=0.02)
    number = len(people)
    assert str(raised.value) == (
        f"The search needs 2 nodes within 0.02 s, but {number} were there and {number} of them fit. "
        "Start more nodes, mend those that were refused, or lower federation.min_nodes."
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (foreign, "must run the same digest as this side"),
        (broken, "The node failed: .*out of memory"),
        (wordless, "must have a header"),
    ],
)
def test_a_node_that_does_not_fit_is_refused_and_the_others_go_on(grid, case, answer, reason):
    grid.person("a")
    odd = grid.person("b", answer)
    case.gather(nodes=2)
    assert case.names == ["a"]
    (event,) = case.of("node_refused")
    assert event["node"] == str(odd)
    assert re.search(reason, event["reason"])
    assert case.roster.strangers(case.exchange.node_ids()) == []


def test_where_none_fits_the_error_says_why(grid, case):
    for name in "ab":
        grid.person(name, foreign)
    with pytest.raises(FederationError, match=r"2 were there and 0 of them fit \(.*same digest.*\)\. Start more nodes"):
        case.gather(nodes=2)


def test_nodes_refuse_a_server_that_runs_other_code(grid):
    case = Case(grid, digest="f" * 64)
    grid.person("a")
    with pytest.raises(FederationError, match="The node refused: The server must run the same digest"):
        case.gather(nodes=1)


def test_a_report_that_makes_no_sense_is_refused(grid, case):
    def boastful(message, context):
        content = app(message, context).content
        content["report"]["node"] = content["report"]["node"].replace('"num_train": 26', '"num_train": "many"')
        return Message(content, reply_to=message)

    grid.person("a")
    grid.person("b", boastful)
    case.gather(nodes=2)
    assert case.names == ["a"]
    assert "'num_train' of a node's report must be a int, got 'many'" in case.of("node_refused")[0]["reason"]


def test_a_node_without_data_says_so(grid, case):
    grid.person("a")
    grid.join(name="b", data="/nowhere/b.npz")
    case.gather(nodes=2)
    assert case.names == ["a"]
    assert "The node's data: The file must exist" in case.of("node_refused")[0]["reason"]


def test_a_node_with_other_shapes_is_left_out(grid, case):
    grid.people("ab")
    grid.person("c", features=5)
    task = case.gather(nodes=3)
    assert task.input_shape == (4,)
    assert case.names == ["a", "b"]
    (event,) = case.of("node_refused")
    assert event["node"] == "c"
    assert re.search(r"must have the shape \(4,\), got \(5,\)", event["reason"])


def test_nodes_that_do_not_fit_hear_why_even_where_the_run_ends(grid, case, flower_log):
    grid.person("a")
    grid.person("b", features=5)
    with pytest.raises(FederationError):
        case.gather(nodes=2, min_nodes=2)
    (event,) = case.of("node_refused")
    assert f"The server leaves this node out: {event['reason']}" in flower_log.text
    assert sorted(len(grid.sent_to(node_id)) for node_id in grid.nodes) == [1, 2]


def test_a_node_that_refuses_knows_and_is_not_told(grid, case):
    grid.person("a")
    odd = grid.join(name="b", data="/nowhere/b.npz")
    case.gather(nodes=2)
    case.exchange.send(case.handshake.questions(case.exchange.node_ids()))
    assert grid.sent_to(odd) == ["query"]


def test_two_nodes_of_one_name_are_one_node_and_a_refusal(grid, case):
    grid.person("b")
    first, second = grid.person("a"), grid.person("a")
    case.gather(nodes=3)
    assert case.names == ["a", "b"]
    (event,) = case.of("node_refused")
    assert {event["node"], str(case.roster.id_of("a"))} == {str(first), str(second)}
    assert "Nodes must have different names, got 'a'" in event["reason"]


def test_a_silent_node_costs_patience_and_no_more(grid, case):
    grid.person("a")
    grid.person("b", silent)
    case.gather(nodes=2, patience=0.2)
    assert case.names == ["a"]


def test_a_node_that_left_before_it_was_asked_is_not_waited_for(grid, case):
    grid.person("a")
    node_id = grid.person("b")
    ids = case.exchange.node_ids
    grid.state.delete_node(grid.state.nodes[node_id].owner_aid, node_id)
    case.exchange.node_ids = lambda: sorted({*ids(), node_id})
    case.gather(nodes=2, patience=60.0)
    assert case.names == ["a"]


def test_a_request_to_stop_ends_the_wait_for_nodes(grid):
    case = Case(grid, stop=lambda: "Ctrl-C.")
    with pytest.raises(StopRequested, match="Ctrl-C"):
        case.gather(nodes=1)


def test_an_answer_of_another_code_is_refused_whatever_else_it_says(grid, case):
    """The header is looked at first: what stands behind it may mean something else there."""

    def nonsense(message, context):
        content = app(message, context).content
        content["header"]["protocol"] = 99
        del content["report"]
        return Message(content, reply_to=message)

    grid.person("a")
    grid.person("b", nonsense)
    case.gather(nodes=2)
    assert "must run the same protocol as this side (8), got 99" in case.of("node_refused")[0]["reason"]
