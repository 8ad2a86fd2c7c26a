"""Messages out, replies in, over Flower's own grid."""

from __future__ import annotations

import threading
import time

import pytest
from flwr.app import Message, MessageType, RecordDict

from server_app import exchange as module
from server_app.exchange import EXPIRED, Exchange, StopRequested
from server_app.outcome import Counts
from server_app.post import Letter, Post

FOREVER = 60.0


def echo(message, context):
    return Message(message.content, reply_to=message)


def silent(message, context):
    return None


def message_to(node_id: int) -> Message:
    return Message(RecordDict(), node_id, MessageType.QUERY)


def later(seconds: float) -> float:
    return time.monotonic() + seconds


class Written(Exchange):
    """An exchange whose messages are written to the post, and whose replies let their letters go."""

    def __init__(self, grid, **options):
        self.post, self.counts = Post(), Counts()
        super().__init__(grid, self.post, self.counts, poll=0.001, **options)

    def send(self, messages):
        return [letter.message for letter in super().send([self.post.write(Letter(m, "order")) for m in messages])]

    def receive(self, until):
        replies = super().receive(until)
        assert all(self.post.answered(reply.metadata.reply_to_message_id) for reply in replies)
        return replies


@pytest.fixture
def exchange(grid):
    return Written(grid)


def test_each_reply_comes_once_and_answers_its_message(grid, exchange):
    ids = [grid.join(echo) for _ in range(3)]
    messages = [message_to(node_id) for node_id in ids]
    assert exchange.send(messages) == []
    replies = exchange.receive(later(FOREVER))
    assert {reply.metadata.reply_to_message_id for reply in replies} == {m.metadata.message_id for m in messages}
    assert exchange.receive(later(0)) == []
    assert exchange.counts.messages == 3


def test_the_nodes_that_are_there_come_sorted(grid, exchange):
    ids = [grid.join(echo) for _ in range(4)]
    grid.leave(ids[1])
    assert exchange.node_ids() == sorted(set(ids) - {ids[1]})


def test_what_flower_does_not_accept_is_returned_and_not_counted(grid, exchange):
    here = message_to(grid.join(echo))
    nobody = message_to(12345)
    assert exchange.send([nobody, here]) == [nobody]
    assert exchange.counts.messages == 1
    (reply,) = exchange.receive(later(FOREVER))
    assert reply.metadata.reply_to_message_id == here.metadata.message_id


def test_a_deadline_ends_the_wait_and_a_late_reply_still_comes(grid, exchange):
    node_id = grid.join(echo)
    grid.nodes[node_id].holding = True
    exchange.send([message_to(node_id)])
    assert exchange.receive(later(0.02)) == []
    grid.release(node_id)
    assert len(exchange.receive(later(FOREVER))) == 1


def test_replies_do_not_wait_for_each_other(grid, exchange):
    quick, slow = grid.join(echo), grid.join(silent)
    exchange.send([message_to(slow), message_to(quick)])
    (reply,) = exchange.receive(later(FOREVER))
    assert reply.metadata.src_node_id == quick


def test_an_error_that_the_superlink_makes_is_known_by_what_it_answers(grid, exchange):
    node_id = grid.join(silent)
    message = message_to(node_id)
    exchange.send([message])
    grid.leave(node_id)
    (reply,) = exchange.receive(later(FOREVER))
    assert reply.has_error()
    assert reply.metadata.src_node_id != node_id
    assert reply.metadata.reply_to_message_id == message.metadata.message_id


def test_a_client_that_raises_gives_an_error_reply(grid, exchange):
    def broken(message, context):
        raise ValueError("no such layer")

    exchange.send([message_to(grid.join(broken))])
    (reply,) = exchange.receive(later(FOREVER))
    assert reply.has_error()
    assert "no such layer" in reply.error.reason


def test_a_request_to_stop_ends_the_wait_with_its_reason(grid):
    asked = iter([None, None, "Ctrl-C."])
    exchange = Written(grid, stop=lambda: next(asked))
    exchange.send([message_to(grid.join(silent))])
    with pytest.raises(StopRequested, match=r"^Ctrl-C\.$"):
        exchange.receive(later(FOREVER))


def test_a_reply_that_is_there_comes_before_a_request_to_stop(grid):
    exchange = Written(grid, stop=lambda: "Ctrl-C.")
    exchange.send([message_to(grid.join(echo))])
    assert len(exchange.receive(later(FOREVER))) == 1
    with pytest.raises(StopRequested):
        exchange.pause()


def test_a_message_that_expired_is_answered_by_an_error(grid, exchange):
    message = Message(RecordDict(), grid.join(silent), MessageType.QUERY, ttl=0.02)
    exchange.send([message])
    (reply,) = exchange.receive(later(FOREVER))
    assert reply.error.code in EXPIRED
    assert reply.metadata.reply_to_message_id == message.metadata.message_id
    assert exchange.receive(later(0)) == []


def test_a_message_that_expired_and_that_flower_says_nothing_of_is_given_up(grid, exchange, monkeypatch):
    monkeypatch.setattr(module, "_GRACE", 0.0)
    monkeypatch.setattr(grid, "pull_messages", lambda _: [])
    message = Message(RecordDict(), grid.join(silent), MessageType.QUERY, ttl=0.02)
    exchange.send([message])
    (reply,) = exchange.receive(later(FOREVER))
    assert (reply.error.code in EXPIRED, reply.error.reason) == (True, "no reply within 0.02 s")
    assert reply.metadata.reply_to_message_id == message.metadata.message_id
    assert exchange.receive(later(0)) == []


def test_a_reply_that_cannot_be_fetched_is_given_up_after_the_deadline(grid, monkeypatch, flower_log):
    exchange = Written(grid, deadline=1.0, one_by_one=True)
    huge, quick = message_to(grid.join(echo)), message_to(grid.join(echo))
    tries, pull = [], grid.pull_messages

    def pull_with_a_limit(message_ids):
        if huge.metadata.message_id in message_ids:
            tries.append(1)
            raise RuntimeError("413 Content Too Large")
        return pull(message_ids)

    monkeypatch.setattr(grid, "pull_messages", pull_with_a_limit)
    exchange.send([huge, quick])
    replies = []
    while len(replies) < 2:
        replies += exchange.receive(later(FOREVER))
    exchange.close()
    (error,) = [reply for reply in replies if reply.has_error()]
    assert error.metadata.reply_to_message_id == huge.metadata.message_id
    assert error.error.reason == "for 1 s its reply could not be fetched: 413 Content Too Large"
    assert len(tries) > 1
    assert flower_log.text.count("could not be fetched, trying again") == 1
    assert exchange.receive(later(0)) == []


def test_one_by_one_gives_the_same_replies(grid):
    exchange = Written(grid, one_by_one=True)
    ids = {grid.join(echo) for _ in range(5)}
    exchange.send([message_to(node_id) for node_id in ids])
    answered = []
    while len(answered) < 5:
        answered += [reply.metadata.src_node_id for reply in exchange.receive(later(FOREVER))]
    assert sorted(answered) == sorted(ids)
    assert exchange.receive(later(0.01)) == []
    exchange.close()


def test_one_by_one_a_pull_that_hangs_holds_up_nobody(grid, monkeypatch):
    exchange = Written(grid, one_by_one=True)
    slow, quick = grid.join(echo), grid.join(echo)
    hanging = message_to(slow)
    arrived, pull = threading.Event(), grid.pull_messages

    def pull_over_a_bad_line(message_ids):
        if hanging.metadata.message_id in message_ids:
            arrived.wait(FOREVER)
        return pull(message_ids)

    monkeypatch.setattr(grid, "pull_messages", pull_over_a_bad_line)
    try:
        exchange.send([hanging, message_to(quick)])
        (first,) = exchange.receive(later(FOREVER))
        assert first.metadata.src_node_id == quick
        arrived.set()
        (second,) = exchange.receive(later(FOREVER))
        assert second.metadata.src_node_id == slow
    finally:
        arrived.set()
        exchange.close()


def test_a_pull_that_fails_once_is_no_reason_to_give_up_on_a_slow_node(grid, monkeypatch, flower_log):
    exchange = Written(grid, deadline=0.05, one_by_one=True)
    ready, tries, pull = time.monotonic() + 0.3, [], grid.pull_messages

    def pull_after_a_blip(message_ids):
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("connection reset")
        return pull(message_ids) if time.monotonic() > ready else []

    monkeypatch.setattr(grid, "pull_messages", pull_after_a_blip)
    exchange.send([message_to(grid.join(echo))])
    (reply,) = exchange.receive(time.monotonic() + 60)
    assert not reply.has_error()
    exchange.close()
