"""A folder with one folder for each class, which is called as the class is: what of it are examples.

::

    cats/001.png  cats/002.png  dogs/001.png ...              all for training, or
    train/cats/...  train/dogs/...  test/cats/...             with a test part

What lies deeper in the folder of a class is of that class. What file managers and archives leave behind is left out,
and so is what lies beside the folders of the classes, unless it looks like an example: which class it is of, nobody
said.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import DataError

SOME = 10
"""How many of many are named."""

Wrong = dict[tuple[str, str], list[str]]
"""By a rule with its way out: the files that break it, each with what it has."""

_PARTS = ("train", "test")
_OTHER_PARTS = ("val", "valid", "validation", "dev")
_LEFT_BEHIND = ("Thumbs.db", "desktop.ini", "__MACOSX")  # besides what begins with a dot


@dataclass(frozen=True)
class Example:
    """A file, the folder of its class and its part: 0 train, 1 test."""

    path: Path
    home: Path
    part: int

    @property
    def label(self) -> str:
        """What its class is called."""
        return self.home.name


@dataclass(frozen=True)
class Listing:
    """What is in a folder.

    Parameters
    ----------
    examples : tuple of Example
        By part, class and path.
    notes : tuple of str
        What was left out, and what was taken that lies deeper, in sentences.
    """

    examples: tuple[Example, ...]
    notes: tuple[str, ...]


def list_classes(root: Path, suffixes: Collection[str], kind: str) -> Listing:
    """Return the files in the folders of the classes.

    Parameters
    ----------
    root : Path
        A folder.
    suffixes : collection of str
        What examples end in, in small letters: a file that does may not lie beside the folders.
    kind : str
        What examples are called, in the plural.

    Raises
    ------
    DataError
        There are none, or it is not clear of which class they are.
    OSError
        It cannot be read.
    """
    layout = f"Put the {kind} of each class into a folder that is called as the class is"
    left: list[Path] = []
    folders, beside = _inside(root, left)
    _refuse_other_parts(folders)
    if folders and all(folder.name in _PARTS for folder in folders):
        parts = {_PARTS.index(folder.name): _inside(folder, left) for folder in reversed(folders)}
        beside += [path for _, files in parts.values() for path in files]
    else:
        parts = {0: (folders, [])}
    for path in beside:
        if path.suffix.lower() in suffixes:
            raise DataError(
                f"A folder of {kind} must hold one folder for each class, and no {kind} beside them",
                fix=layout,
                detail=f"{path.relative_to(root)} lies beside them",
            )
    left += beside
    found: list[Example] = []
    for part, (classes, _) in parts.items():
        _refuse_one_level_more(root, classes, kind)
        found += [Example(path, home, part) for home in classes for path in sorted(_below(home, left))]
    if not found:
        raise DataError(f"A folder of {kind} must hold {kind}", fix=layout)
    return Listing(tuple(found), tuple(_notes(root, left, found)))


def some(names: Iterable[object], between: str = ", ") -> str:
    """Name the first of many, and say how many more there are."""
    texts = [str(name) for name in names]
    more = len(texts) - SOME
    return between.join(texts[:SOME]) + (f" and {more:,} more" if more > 0 else "")


def skipped(names: Sequence[object]) -> str:
    """Tell how many files were left out, as they cannot be read, and which."""
    told = "1 file cannot be read, and is" if len(names) == 1 else f"{len(names):,} files cannot be read, and are"
    return f"{told} left out: {some(names)}"


def refusal(wrong: Wrong) -> DataError:
    """Return one error for all that is wrong with the files of a folder."""
    rules, fixes = (dict.fromkeys(texts) for texts in zip(*wrong, strict=True))
    named_ones = "; ".join(some(names, "; ") for names in wrong.values())
    return DataError(". ".join(rules), fix=". ".join(fixes), detail=named_ones)


def visible_files(folder: Path) -> list[Path]:
    """Return all files below a folder, sorted, but what file managers and archives leave behind."""
    return sorted(_below(folder, []))


def _is_left(path: Path) -> bool:
    return path.name[0] == "." or path.name in _LEFT_BEHIND


def _inside(folder: Path, left: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, sorted; what is no data goes to `left`."""
    entries = sorted(folder.iterdir())
    left += [entry for entry in entries if _is_left(entry)]
    kept = [entry for entry in entries if not _is_left(entry)]
    return [entry for entry in kept if entry.is_dir()], [entry for entry in kept if not entry.is_dir()]


def _below(folder: Path, left: list[Path]) -> Iterable[Path]:
    """Yield the files of a class, however deep they lie."""
    for at, folders, files in os.walk(folder, onerror=_raise):
        home = Path(at)
        hidden = {name for name in (*folders, *files) if _is_left(home / name)}
        linked = {name for name in folders if (home / name).is_symlink()}  # it may lead back to here
        left += [home / name for name in sorted(hidden | linked)]
        folders[:] = [name for name in folders if name not in hidden | linked]
        yield from (home / name for name in files if name not in hidden)


def _raise(error: OSError) -> None:
    raise error


def _refuse_other_parts(folders: list[Path]) -> None:
    """Raise `DataError` where all folders are called as parts are, and one as a part that nodes draw themselves."""
    others = [folder.name for folder in folders if folder.name.lower() in _OTHER_PARTS]
    if others and all(folder.name.lower() in (*_PARTS, *_OTHER_PARTS) for folder in folders):
        raise DataError(
            "The parts of a folder are train and test, for a node draws its validation part itself",
            fix="Put what is for validation into train",
            detail=f"there is also {some(others)}",
        )


def _refuse_one_level_more(root: Path, classes: list[Path], kind: str) -> None:
    """Raise `DataError` where the one folder at the top holds nothing but folders: these are the classes."""
    if len(classes) != 1:
        return
    within, files = _inside(classes[0], [])
    if len(within) > 1 and not files:
        raise DataError(
            "The folders of the classes must lie at the top",
            fix=f"Name the folder that holds them, or put the {kind} of a class right into one",
            detail=f"they seem to be in {classes[0].relative_to(root)}: {some(path.name for path in within)}",
        )


def _notes(root: Path, left: list[Path], found: Iterable[Example]) -> Iterable[str]:
    if left:
        number = "1 entry is" if len(left) == 1 else f"{len(left):,} entries are"
        yield f"{number} left out as no data: {some(path.relative_to(root) for path in sorted(left))}."
    deeper = {one.path.parent for one in found if one.path.parent != one.home}
    if deeper:
        number = "1 folder lies" if len(deeper) == 1 else f"{len(deeper):,} folders lie"
        names = some(path.relative_to(root) for path in sorted(deeper))
        yield f"{number} within the folder of a class, and what is there is taken for that class: {names}."
