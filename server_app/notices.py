"""Notices: what nodes are told that have no part in the search."""

from __future__ import annotations

from flwr.app import Message, MessageType

from common.wire.header import encode_refusal
from server_app.post import Letter, Post


class Notices:
    """Reasons that wait until the node to which they go is not busy.

    Parameters
    ----------
    post : Post
        Where to write letters.
    digest : str
        Of this side's code.
    ttl : float
        Seconds that a message lives.
    """

    def __init__(self, post: Post, digest: str, ttl: float) -> None:
        self._post = post
        self._digest = digest
        self._ttl = ttl
        self._reasons: dict[int, str] = {}

    def add(self, node_id: int, reason: str) -> None:
        """Take note of why a node is left out."""
        self._reasons[node_id] = reason

    def messages(self) -> list[Message]:
        """Return messages that tell nodes why they are left out, each once."""
        ready = [node_id for node_id in self._reasons if self._post.to(node_id) is None]
        contents = {node_id: encode_refusal(self._digest, self._reasons.pop(node_id)) for node_id in ready}
        messages = [Message(contents[node_id], node_id, MessageType.QUERY, ttl=self._ttl) for node_id in ready]
        return [self._post.write(Letter(message, "notice")) for message in messages]
