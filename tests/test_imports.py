"""Who may import whom: ``server_app -> common <- client_app``, and what each layer stays clear of."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [path for package in ("common", "server_app", "client_app") for path in sorted((ROOT / package).rglob("*.py"))]

IDEAS = ("spaces", "controllers", "surrogates", "fidelity", "placement", "weights", "transfer", "objectives")
"""Packages of the server that see trials, specs and generators, and nothing of the world outside."""

WORLD = ("flwr", "torch", "hydra", "omegaconf", "ray", "sklearn")
DISK = ("os", "io", "pathlib", "shutil", "tempfile", "glob", "sqlite3", "subprocess", "socket", "safetensors")

RULES = [
    # where, what may not be imported there, except in these modules
    ("common", ("server_app", "client_app"), ()),
    ("server_app", ("client_app",), ()),
    ("client_app", ("server_app",), ()),
    ("", ("server_app.app", "client_app.app"), ()),
    ("", ("hydra", "omegaconf"), ("common.config",)),
    ("client_app", ("common.config",), ()),
    ("", ("pickle", "cloudpickle", "dill", "joblib"), ("common.data.formats.npz",)),  # it catches pickle's error
    ("", ("random",), ()),  # numbers come from common.seeding
    ("common.architecture", (*WORLD, *DISK), ()),
    *[(f"server_app.{package}", (*WORLD, *DISK), ()) for package in IDEAS],
]


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source, package=""):
    """Yield every module that `source` imports, anywhere in it, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*home, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def within(name, roots):
    return any(root in ("", name) or name.startswith(root + ".") for root in roots)


def offences(rule, path, source):
    where, banned, exempt = rule
    module = module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    if not within(module, [where]) or module in exempt:
        return []
    return [f"{path}:{line} imports {name}" for name, line in imported(source, package) if within(name, banned)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule[0] or 'all'}-not-{rule[1][0]}")
def test_imports_obey(rule):
    assert [offence for path in FILES for offence in offences(rule, path, path.read_text())] == []


@pytest.mark.parametrize("package", IDEAS)
def test_ideas_do_not_touch_the_disk(package):
    calls = [
        f"{path}:{node.lineno}"
        for path in FILES
        if within(module_of(path), [f"server_app.{package}"])
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id in ("open", "exec", "eval", "print", "input", "__import__")
    ]
    assert calls == []


def test_ideas_do_not_load_the_world_through_others_either():
    names = [module_of(path) for path in FILES if within(module_of(path), [f"server_app.{idea}" for idea in IDEAS])]
    code = f"import sys, {', '.join(names)}; print(*(name for name in {WORLD!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import server_app.app", True),
        ("from server_app import app", True),
        ("from server_app.app import app", True),
        ("def f():\n    from server_app import app", True),
        ("from . import app", True),
        ("from .app import app", True),
        ("from ..server_app import app", True),
        ("import server_app.application", False),
        ("from server_app import strategy", False),
    ],
)
def test_every_way_of_importing_is_seen(source, found):
    rule = ("", ("server_app.app",), ())
    assert bool(offences(rule, ROOT / "server_app" / "strategy.py", source)) is found


def test_a_rule_holds_where_it_says():
    rule = ("common.architecture", ("torch",), ("common.architecture.free",))
    for path, found in (("common/architecture/spec.py", True), ("common/models/a.py", False)):
        assert bool(offences(rule, ROOT / path, "import torch.nn as nn")) is found
    assert offences(rule, ROOT / "common/architecture/free.py", "import torch") == []
