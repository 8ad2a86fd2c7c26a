"""Notes when each process of a deployment does what, from outside: nothing of Flower's or ours knows of it.

With this folder on ``PYTHONPATH``, Python imports this module at the start of every process. It appends lines
``{"t", "session", "event", ...}`` to a file of its own in the folder ``$TRACE_FOLDER``, `t` on the machine's clock.
A SuperNode and all it starts share a session (as tests/support starts them), and a node does one message after the
other, so session and time tell which message an event belongs to.
"""

import functools
import importlib.abc
import importlib.util
import json
import os
import sys
import time

_FOLDER = os.environ.get("TRACE_FOLDER")
_ORIGIN = os.path.basename(sys.orig_argv[1]) if len(sys.orig_argv) > 1 else ""  # noqa: PTH119 - pathlib costs 5 ms
_importing: list[float] = []
_nested: list[float] = []


def _note(event: str, **fields: object) -> None:
    line = json.dumps({"t": time.time(), "session": os.getsid(0), "pid": os.getpid(), "event": event, **fields})
    descriptor = os.open(f"{_FOLDER}/{os.getpid()}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode() + b"\n")
    os.close(descriptor)


def _timed(module, *names: str, event: str = "") -> None:
    """Note the beginning and the end of functions of a module, those that it has."""
    for name in names:
        function = getattr(module, name, None)
        if function is not None:
            setattr(module, name, _timing(function, event or name))


def _timing(function, event: str):
    @functools.wraps(function)
    def timed(*args, **kwargs):
        began, cpu = time.time(), time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            _note(event, began=began, cpu_before=cpu, cpu=time.process_time() - cpu)

    return timed


def _supernode(module) -> None:
    pull, push = module._pull_and_store_message, module._push_messages

    def pulling(*args, receive, **kwargs):
        def received():
            found = receive()
            if found is not None:
                _note("polled", message=found[0].metadata.message_id)
            return found

        run = pull(*args, receive=received, **kwargs)
        if run is not None:
            _note("received")
        return run

    def pushing(*args, send, **kwargs):
        def sent(message, *rest):
            _note("noticed", message=message.metadata.reply_to_message_id)
            return send(message, *rest)

        push(*args, send=sent, **kwargs)
        _note("uploaded")

    module._pull_and_store_message, module._push_messages = pulling, pushing


def _grid(module) -> None:
    push, pull, exchange = (
        getattr(module.HttpGrid, name) for name in ("push_messages", "pull_messages", "send_and_receive")
    )

    def pushing(self, messages):
        began = time.time()
        messages = list(messages)
        kinds = [message.metadata.message_type for message in messages]
        nodes = [message.metadata.dst_node_id for message in messages]
        ids = list(push(self, messages))
        _note("pushed", began=began, messages=ids, kinds=kinds, nodes=nodes)
        return ids

    def pulling(self, ids):
        began = time.time()
        replies = list(pull(self, ids))
        if replies:
            _note("pulled", began=began, messages=[reply.metadata.reply_to_message_id for reply in replies])
        return replies

    def exchanging(self, messages, *, timeout=None):
        began, messages = time.time(), list(messages)
        replies = exchange(self, messages, timeout=timeout)
        if messages:
            _note("exchange", began=began, kind=messages[0].metadata.message_type, replies=len(replies))
        return replies

    module.HttpGrid.push_messages, module.HttpGrid.pull_messages = pushing, pulling
    module.HttpGrid.send_and_receive = exchanging


def _executor(module) -> None:
    launch = module.SubprocessExecutor.launch

    def launching(self, spec):
        _note("launched")
        return launch(self, spec)

    module.SubprocessExecutor.launch = launching


def _clientapp(module) -> None:
    _timed(module, "pull_task_input", "install_from_fab", "push_message", "push_task_output")
    load, exit_ = module.get_load_client_app_fn, module.flwr_exit

    def loading(*args, **kwargs):
        return _timing(load(*args, **kwargs), "load_app")

    def exiting(*args, **kwargs):
        _note("exiting", cpu=time.process_time())
        exit_(*args, **kwargs)

    module.get_load_client_app_fn, module.flwr_exit = loading, exiting


_HOOKS = {
    "flwr.supernode.start_client_internal": _supernode,
    "flwr.superlink.grid.http_grid": _grid,
    "flwr.supercore.superexec.executor.subprocess_executor": _executor,
    "flwr.supernode.runtime.run_clientapp": _clientapp,
    "client_app.app": lambda module: _timed(module, "decode_order", "do_jobs", "encode_results", "code_digest"),
    "client_app.jobs": lambda module: _timed(module, "load_node_data", "build", "train", "evaluate", "flat_state"),
    "stock_client": lambda module: _timed(module, "load", "network", "fit", "score", "to_reply"),
}
_IMPORTS = ("numpy", "torch", "torch._dynamo", "client_app.app", "stock_client", "flwr.supernode.cli.flwr_clientapp")


class _Loader(importlib.abc.Loader):
    def __init__(self, name: str, loader) -> None:
        self.name, self.loader = name, loader

    def __getattr__(self, name: str):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module) -> None:
        module.__spec__.loader = module.__loader__ = self.loader
        began, cpu = time.time(), time.process_time()
        _nested.append(0.0)
        _importing.append(0.0)
        try:
            self.loader.exec_module(module)
        finally:
            took, took_cpu = time.time() - began, time.process_time() - cpu
            inner, inner_cpu = _nested.pop(), _importing.pop()
            if _nested:
                _nested[-1] += took
                _importing[-1] += took_cpu
            if self.name in _IMPORTS:
                _note("import", module=self.name, seconds=took - inner, cpu=took_cpu - inner_cpu)
        if self.name in _HOOKS:
            _HOOKS[self.name](module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in _HOOKS and name not in _IMPORTS:
            return None
        rest = sys.meta_path[sys.meta_path.index(self) + 1 :]
        for finder in rest:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(name, spec.loader)
                return spec
        return None


if _FOLDER and _ORIGIN.startswith(("flwr-clientapp", "flwr-serverapp", "flower-supernode", "flower-superexec")):
    _note("started", process=_ORIGIN)
    sys.meta_path.insert(0, _Finder())
