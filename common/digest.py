"""The digest of the code that the server and the nodes must have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("client_app", "common")


@cache
def code_digest(*more: str) -> str:
    """Return the digest of this installation, whether a checkout, a wheel or a Flower bundle; computed once.

    Parameters
    ----------
    more : str
        Packages beside ``client_app`` and ``common``.
    """
    return digest_of(_ROOT, more)


def digest_of(root: Path, more: Sequence[str] = ()) -> str:
    """Hash the sources that decide how a node reads, trains and answers.

    Parameters
    ----------
    root : Path
        Folder that holds the packages ``client_app`` and ``common``.
    more : sequence of str
        Packages beside these two.

    Returns
    -------
    str
        SHA-256, hexadecimal, over the names and contents of all their ``.py`` files. Line ends do not count:
        a checkout on Windows agrees with a node on Linux.
    """
    digest = hashlib.sha256()
    packages = (*_PACKAGES, *more)
    names = {
        path.relative_to(root).as_posix(): path for package in packages for path in root.glob(f"{package}/**/*.py")
    }
    for name, path in sorted(names.items()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
