"""What the comments of a YAML file say of its options.

    name: evolution
    sample_size: 5    # S: members in a tournament; its winner
                      # is the parent

A comment stands behind its option, and goes on in the lines below where these begin in the same column. One behind a
key that has others below it speaks for all of them, unless each of these has one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml


@dataclass(frozen=True)
class Option:
    """One option of a YAML file.

    Parameters
    ----------
    path : tuple of str
        Its keys, the outermost first.
    comment : str
        What is said of it, in one line; empty where nothing is.
    """

    path: tuple[str, ...]
    comment: str


def header_of(text: str) -> str:
    """Return what the lines of comment before the first option say, in one line; directives (``# @...``) left out."""
    words = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        words.append(line.lstrip("# "))
    return " ".join(word for word in words if not word.startswith("@"))


def options_in(text: str) -> list[Option]:
    """Return the options of a YAML file, in their order; a mapping is one where it has a comment, or is empty.

    What is in a mapping with a comment follows it where all of that has comments too, and is left out otherwise.

    Parameters
    ----------
    text : str
        Of the file; YAML that Hydra has read already.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return list(_options(root, text.splitlines(), ())) if isinstance(root, yaml.MappingNode) else []


def _options(node: yaml.MappingNode, lines: Sequence[str], path: tuple[str, ...]) -> Iterator[Option]:
    for key, value in node.value:
        inner = (*path, str(key.value))
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        end = key.end_mark if block else value.end_mark
        comment = _comment(lines, end.line, end.column)
        below = list(_options(value, lines, inner)) if block and isinstance(value, yaml.MappingNode) else []
        if comment or not below:
            yield Option(inner, comment)
        if not comment or all(option.comment for option in below):
            yield from below


def _comment(lines: Sequence[str], row: int, column: int) -> str:
    """Return the comment behind a place, and below in the same column."""
    rest = lines[row][column:] if row < len(lines) else ""
    if "#" not in rest:
        return ""
    start = column + rest.index("#")
    words = [lines[row][start:]]
    for line in lines[row + 1 :]:
        if not line[start:].startswith("#") or line[:start].strip():
            break
        words.append(line[start:])
    return " ".join(word.lstrip("#").strip() for word in words)
