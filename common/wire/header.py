"""What every message carries: a header that proves the same code, and on the way back limits or a refusal."""

from __future__ import annotations

from flwr.app import ConfigRecord, RecordDict

from common import __version__
from common.errors import ConfigError, ProtocolError
from common.limits import Limits
from common.wire.fields import record_of

PROTOCOL = 8

MAX_REASON = 1000
"""Characters of a reason that travel."""


def header_of(digest: str) -> ConfigRecord:
    """Return the header of a message of this side."""
    return ConfigRecord({"protocol": PROTOCOL, "version": __version__, "digest": digest})


def check_header(content: RecordDict, digest: str, sender: str) -> None:
    """Raise `ProtocolError` unless `sender` runs the same protocol, version and code as we do."""
    header = content.config_records.get("header")
    if header is None:
        raise ProtocolError(f"A message of {sender} must have a header", fix="Run flwr-nas on both sides")
    for key, ours in (("protocol", PROTOCOL), ("version", __version__), ("digest", digest)):
        if header.get(key) != ours:
            raise ProtocolError(
                f"{sender} must run the same {key} as this side ({ours!r})",
                header.get(key),
                fix="Install the same version of flwr-nas on the server and on every node, then restart both",
            )


def decode_limits(content: RecordDict) -> Limits:
    """Return the limits that a node's reply carries; raises `ProtocolError` where they make no sense."""
    try:
        return Limits.from_dict(record_of(content, "limits"))
    except ConfigError as error:
        raise ProtocolError("The limits of a node must be readable", fix=str(error)) from None


def limits_record(limits: Limits) -> ConfigRecord:
    """Return the limits that a reply carries."""
    return ConfigRecord(dict(limits.to_dict()))


def encode_refusal(digest: str, reason: str) -> RecordDict:
    """Say why a message cannot be served at all, or to a node why it is left out."""
    return RecordDict({"header": header_of(digest), "refusal": ConfigRecord({"reason": reason[:MAX_REASON]})})


def refusal(content: RecordDict) -> str | None:
    """Return the reason of a refusal, or None for any other message."""
    record = content.config_records.get("refusal")
    return None if record is None else str(record.get("reason", "no reason given"))
