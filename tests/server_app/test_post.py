"""Which message went to whom: one letter a node, known by the id that Flower gave its message."""

from __future__ import annotations

import time

import pytest
from flwr.app import Message, MessageType, RecordDict

from server_app.post import Letter, Post


def written(post: Post, node_id: int, kind="order", ttl=60.0) -> Message:
    return post.write(Letter(Message(RecordDict(), node_id, MessageType.QUERY, ttl=ttl), kind))


def accepted(post: Post, node_id: int, **options) -> str:
    message = written(post, node_id, **options)
    message.metadata.__dict__["_message_id"] = f"message-{node_id}"
    post.sent(message)
    return message.metadata.message_id


def test_a_reply_lets_its_letter_go_once():
    post = Post()
    message_id = accepted(post, 7)
    assert (post.ids, post.to(7).node_id, post.to(8)) == ([message_id], 7, None)
    letter = post.answered(message_id)
    assert (letter.node_id, letter.kind) == (7, "order")
    assert (post.answered(message_id), post.to(7), post.ids) == (None, None, [])


def test_a_node_has_one_letter_at_most():
    post = Post()
    written(post, 7)
    with pytest.raises(AssertionError, match="one letter"):
        written(post, 7)
    assert post.withdraw(7).node_id == 7
    assert post.withdraw(7) is None
    written(post, 7)


def test_what_somebody_else_sent_is_found_by_the_id_that_flower_gave_it():
    """Flower's own loop sends what the hooks return; it tells us of nothing but the replies."""
    post = Post()
    message, other = written(post, 7), written(post, 8)
    message.metadata.__dict__["_message_id"] = "given"
    assert post.find("given").message is message
    assert post.find("unknown") is None
    assert (post.ids, post.to(8).message) == (["given"], other)


def test_letters_are_known_by_their_kind():
    post = Post()
    for node_id, kind in enumerate(["call", "question", "notice", "order"]):
        written(post, node_id, kind=kind)
    assert [letter.kind for letter in post.of("question", "notice")] == ["question", "notice"]


def test_a_letter_that_died_is_told_once():
    post = Post()
    accepted(post, 7, ttl=0.01)
    accepted(post, 8, ttl=0.01)
    accepted(post, 9, ttl=60.0)
    post.withdraw(8)
    time.sleep(0.02)
    assert post.expired(grace=10.0) == []
    assert [letter.node_id for letter in post.expired(grace=0.0)] == [7]
    assert post.expired(grace=0.0) == []
