"""What every message carries."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flwr.app import ConfigRecord, RecordDict

from common import __version__
from common.errors import ProtocolError
from common.limits import NO_LIMITS
from common.wire.handshake import encode_report
from common.wire.header import PROTOCOL, check_header, decode_limits, encode_refusal, refusal, refused_by
from common.wire.results import decode_results, encode_results
from tests.support.wire import DIGEST, LIMITS, REPORT, RESULTS, encoded, over_the_wire


def test_a_refusal_is_told_from_other_replies():
    assert refusal(over_the_wire(encode_refusal(DIGEST, "no data"))) == "no data"
    assert refusal(encode_results(DIGEST, RESULTS)) is None
    assert refusal(RecordDict({"refusal": ConfigRecord()})) == "no reason given"


@pytest.mark.parametrize(("said", "heard"), [("attic", "attic"), ("", ""), ("a\nb", ""), ("a" * 201, "")])
def test_a_refusal_says_whose_it_is(said, heard):
    assert refused_by(over_the_wire(encode_refusal(DIGEST, "no data", said))) == heard
    assert refused_by(RecordDict({"refusal": ConfigRecord({"name": 7})})) == ""
    assert refused_by(RecordDict()) == ""


def test_the_same_code_passes():
    for content in (encoded(), encode_results(DIGEST, ()), encode_report(DIGEST, REPORT), encode_refusal(DIGEST, "")):
        check_header(over_the_wire(content), DIGEST, "The node 'attic'")


@pytest.mark.parametrize(("key", "value"), [("protocol", 99), ("version", "9.9"), ("digest", "e" * 64)])
def test_other_code_is_refused_by_name(key: str, value: object):
    content = encoded()
    content.config_records["header"][key] = value
    with pytest.raises(ProtocolError, match=f"attic' must run the same {key}") as error:
        check_header(content, DIGEST, "The node 'attic'")
    assert repr(value) in str(error.value)
    del content.config_records["header"][key]
    with pytest.raises(ProtocolError, match="got None"):
        check_header(content, DIGEST, "The node 'attic'")


def test_a_stranger_has_no_header():
    with pytest.raises(ProtocolError, match="must have a header"):
        check_header(RecordDict(), DIGEST, "The server")


def test_the_header_says_what_we_run():
    header = encode_results(DIGEST, ()).config_records["header"]
    assert dict(header) == {"protocol": PROTOCOL, "version": __version__, "digest": DIGEST}


def test_limits_come_with_every_answer():
    for content in (encode_report(DIGEST, REPORT), encode_results(DIGEST, RESULTS, LIMITS)):
        assert decode_limits(over_the_wire(content)) == LIMITS
    assert decode_limits(encode_results(DIGEST, ())) == NO_LIMITS
    for values in ({"max_macs": -1}, {"max_macs": "5"}, {"depth": 5}):
        with pytest.raises(ProtocolError, match="limits of a node must be readable"):
            decode_limits(RecordDict({"limits": ConfigRecord(values)}))


def test_a_long_reason_is_cut():
    content = encode_results(DIGEST, [replace(RESULTS[1], reason="x" * 100_000)])
    assert len(decode_results(content)[0].reason) == 1000
    assert len(refusal(encode_refusal(DIGEST, "x" * 100_000)) or "") == 1000
