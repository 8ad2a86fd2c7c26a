"""A document as one HTML file that needs no other: no script, style, font or picture is fetched from anywhere.

Whatever comes from a run (names of nodes and classes, reasons of failures) is data in the page and becomes text only.
The page says so to the browser, too: it may run this one script, whose hash it names, and may send no request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from common import __version__
from common.errors import StorageError

_STATIC = Path(__file__).parent / "static"
_STYLE = "report.css"
_SCRIPTS = (
    "drawing.js",
    "charts.js",
    "table.js",
    "sections.js",
    "evidence.js",
    "comparison.js",
    "events.js",
    "report.js",
)
"""In this order, since the last one begins."""
_FOLLOWING = "follow.js"
"""After them."""
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""What could end a script, or begin a tag, in JSON that stands in HTML."""


def page_of(document: Mapping[str, Any], *, follows: bool = False) -> str:
    """Return the page of a document; raises `StorageError` where a part of the installation is missing.

    Parameters
    ----------
    document : mapping
        See `server_app.report.document`.
    follows : bool
        Whether it asks the server that it came from for what is new; see `server_app.report.serve`.
    """
    script, asks = _script(*([_FOLLOWING] if follows else [])), "connect-src 'self'; " if follows else ""
    policy = (
        f"default-src 'none'; script-src 'sha256-{_digest(script)}'; style-src 'unsafe-inline'; img-src data:; {asks}"
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="flwr-nas {escape(__version__)}">
<title>{escape(_title(document))}</title>
<style>{_static(_STYLE)}</style>
</head>
<body>
<noscript><p>This page draws itself with a script of its own, and the browser runs none. The run folder has the same
facts in result.json, history.json and journal.jsonl.</p></noscript>
<div id="page"></div>
<script type="application/json" id="document">{in_html(document)}</script>
<script>{script}</script>
</body>
</html>
"""


def in_html(document: Mapping[str, Any]) -> str:
    """Return JSON that can stand in a script element: none of its letters means anything to HTML."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return "".join(_UNSAFE.get(letter, letter) for letter in text) if any(one in text for one in _UNSAFE) else text


def _title(document: Mapping[str, Any]) -> str:
    if document["kind"] == "run":
        return f"{document['run']['name']}, {document['run']['status']} · flwr-nas"
    return f"{len(document['runs'])} runs · flwr-nas"


@cache
def _static(name: str) -> str:
    try:
        return (_STATIC / name).read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"The installation must hold {name} ({error.strerror})", str(_STATIC), fix="Install flwr-nas again"
        ) from None


@cache
def _script(*more: str) -> str:
    return '(() => {\n"use strict";\n' + "\n".join(map(_static, (*_SCRIPTS, *more))) + "\n})();"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
