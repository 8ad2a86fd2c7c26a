"""What other people's errors say, in one sentence."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    """Return the text of an error without line breaks, a full stop, or where Hydra looked for files."""
    text = str(error).split("Config search path")[0]
    return " ".join(text.split()).rstrip(".")


def place_of(error: Exception) -> str:
    """Return what is wrong with YAML, and where."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return one_line(error) if mark is None or problem is None else f"line {mark.line + 1}: {problem}"
