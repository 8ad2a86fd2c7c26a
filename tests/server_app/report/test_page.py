"""The page as text: what a parser finds in it, and that nothing of a run becomes markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from common.errors import StorageError
from server_app.report import page
from server_app.report.document import document_of
from server_app.report.page import in_html, page_of

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028&amp;"
VOID = {"meta", "br", "img", "link", "input"}


class Parsed(HTMLParser):
    """Elements with their attributes and texts; tags that do not match are an error."""

    def __init__(self, text):
        super().__init__()
        self.found, self._open = [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.found.append([tag, dict(attrs), ""])
        if tag not in VOID:
            self._open.append(self.found[-1])

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        if self._open:
            self._open[-1][2] += data

    def all(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


@pytest.fixture
def document(searched, tmp_path):
    searched.begin(HOSTILE).add("absent", node=HOSTILE, trial="trial-0000", round=1, reason=HOSTILE)
    return document_of(searched.folder(tmp_path / "run"))


def test_the_page_parses_and_has_its_document_as_it_was(document):
    parsed = Parsed(page_of(document))
    (_, text) = next(one for one in parsed.all("script") if one[0].get("type") == "application/json")
    assert json.loads(text) == document
    assert [tag for tag, _, _ in parsed.found if tag in ("html", "head", "title", "style", "body", "noscript")] == [
        "html",
        "head",
        "title",
        "style",
        "body",
        "noscript",
    ]
    assert parsed.all("html")[0][0] == {"lang": "en"}
    assert parsed.all("title")[0][1] == "by hand, running · flwr-nas"


def test_nothing_of_a_run_becomes_markup(document):
    document["run"]["name"] = HOSTILE
    parsed = Parsed(page_of(document))
    assert [attributes for attributes, _ in parsed.all("script")] == [
        {"type": "application/json", "id": "document"},
        {},
    ]
    assert parsed.all("img") == []
    assert parsed.all("title")[0][1].startswith(HOSTILE)


def test_json_in_html_has_no_letter_that_means_something_there():
    text = in_html({"name": HOSTILE, "more": "<!-- ]]>"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text)["name"] == HOSTILE


def test_nothing_is_fetched_from_anywhere(document):
    text = page_of({**document, "graph": None})
    parsed = Parsed(text)
    assert parsed.all("link") == parsed.all("iframe") == parsed.all("object") == []
    assert not any({"src", "href"} & attributes.keys() for _, attributes, _ in parsed.found)
    for style in (style for _, style in parsed.all("style")):
        assert "@import" not in style
        assert "url(" not in style
    addresses = set(re.findall(r"\bhttps?://[^\s\"'`]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a namespace, which is no place


def test_the_browser_may_run_this_script_and_ask_nobody(document):
    parsed = Parsed(page_of(document))
    policy = next(a["content"] for a, _ in parsed.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    script = parsed.all("script")[-1][1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    assert not any(name in script for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "fetch("))


def test_what_an_installation_lacks_is_named(document, monkeypatch, tmp_path):
    monkeypatch.setattr(page, "_STATIC", tmp_path)
    monkeypatch.setattr(page, "_static", page._static.__wrapped__)
    with pytest.raises(StorageError, match=r"The installation must hold report\.css"):
        page_of(document)
