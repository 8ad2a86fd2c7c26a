"""The ClientApp: decodes a message, has it done, encodes the reply."""

from __future__ import annotations

from collections.abc import Callable
from logging import WARNING

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.logger import log

from client_app.startup import uncollected
from common.digest import code_digest
from common.errors import DataError, FlwrNasError
from common.wire.handshake import decode_question, encode_name, encode_report, is_call
from common.wire.header import check_header, encode_refusal, refusal
from common.wire.order import decode_order
from common.wire.results import encode_results

with uncollected():  # these import torch
    from client_app.jobs import do_jobs
    from client_app.node import Node, node_of, report

app = ClientApp()


@app.query()
def handshake(message: Message, context: Context) -> Message:
    """Answer who this node is and what it has; or hear why the server leaves it out, for this node's own log."""
    reason = refusal(message.content)
    if reason is not None:
        log(WARNING, "The server leaves this node out: %s", reason)
        return Message(message.content, reply_to=message)
    return _reply(message, context, _name if is_call(message.content) else _report)


@app.train()
@app.evaluate()
def work(message: Message, context: Context) -> Message:
    """Do an order's jobs, whatever they are: one order may both train and score."""
    return _reply(message, context, _do)


def _name(content: RecordDict, node: Node) -> RecordDict:  # noqa: ARG001 - as of `_report`
    return encode_name(code_digest(), node.name)


def _report(content: RecordDict, node: Node) -> RecordDict:
    return encode_report(code_digest(), report(node, *decode_question(content)))


def _do(content: RecordDict, node: Node) -> RecordDict:
    order, refused = decode_order(content, node.limits)
    results = (*do_jobs(order, node), *refused) if order.jobs else refused
    for result in results:
        if result.status in ("failed", "refused"):
            log(WARNING, "%s: %s: %s", result.job, result.status, result.reason)
    return encode_results(code_digest(), results, node.limits, order.precision)


def _reply(message: Message, context: Context, serve: Callable[[RecordDict, Node], RecordDict]) -> Message:
    """Reply with what `serve` makes of the message, or refuse it with the reason, which the node's log shows too."""
    name = ""
    try:
        check_header(message.content, code_digest(), "The server")
        node = node_of(context.node_config)
        name = node.name
        content = serve(message.content, node)
    except FlwrNasError as error:
        # the log is this machine's own: it may show what the reply must not tell
        log(
            WARNING,
            "A message of the server is refused: %s",
            error.in_full() if isinstance(error, DataError) else error,
        )
        content = encode_refusal(code_digest(), str(error), name)
    except Exception as error:  # its text may tell of the data, and Flower would send it
        log(WARNING, "A message of the server could not be served", exc_info=True)
        reason = f"This node met an error that nobody foresaw ({type(error).__name__}); its log tells more"
        content = encode_refusal(code_digest(), reason, name)
    return Message(content, reply_to=message)
