"""The two sides: the sources of a commit, and those of the working tree."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Self

from common.digest import digest_of
from common.errors import ConfigError, SearchError

_PACKAGES = ("common", "server_app", "client_app")
_PROBE = f"import {', '.join(_PACKAGES)}; print(*({', '.join(f'{name}.__file__' for name in _PACKAGES)}), sep='\\n')"


class Side(ABC):
    """What searches: sources, and the name that tables have for them.

    Parameters
    ----------
    label : str
        Names the side in tables, and its folder.
    sources : str
        Tells these sources from others.
    """

    def __init__(self, label: str, sources: str) -> None:
        self.label, self.sources = label, sources

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder that holds the sources."""

    @cached_property
    def environment(self) -> dict[str, str]:
        """Variables with which this Python imports these sources, in the processes that Flower starts too.

        The launcher makes Flower's bundle, and the path of its processes, from where its own module lies; nodes with
        other sources than the server are refused in the handshake. So it suffices that the command has the right ones.

        Raises
        ------
        SearchError
            It imports others.
        """
        environment = {**os.environ, "PYTHONPATH": str(self.root), "PYTHONSAFEPATH": "1"}
        probe = [sys.executable, "-c", _PROBE]
        found = subprocess.run(probe, env=environment, capture_output=True, text=True, check=False)
        modules = [Path(line).resolve() for line in found.stdout.splitlines()]
        wanted = [self.root.resolve() / package / "__init__.py" for package in _PACKAGES]
        if modules != wanted:
            raise SearchError(f"{self.label} must import its own sources", found.stderr or [str(m) for m in modules])
        return environment


class WorkingTree(Side):
    """The sources as they lie here."""

    def __init__(self, root: Path) -> None:
        configuration = hashlib.sha256(digest_of(root, ("server_app",)).encode())
        for path in sorted(root.glob("conf/**/*.yaml")):
            configuration.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
        super().__init__("new", configuration.hexdigest())
        self._root = root

    @property
    def root(self) -> Path:
        """The repository."""
        return self._root


class Commit(Side):
    """The sources of a commit, checked out once somebody asks where they are; gone when it is left.

    Parameters
    ----------
    repository : Path
        A working tree of it.
    name : str
        Of the commit, as git takes it.
    folder : Path
        Where to check it out.

    Raises
    ------
    ConfigError
        There is no such commit.
    """

    def __init__(self, repository: Path, name: str, folder: Path) -> None:
        self._git = ["git", "-C", str(repository)]
        self._folder = folder / "old"
        try:
            commit = self._call("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
            super().__init__(self._call("rev-parse", "--short", commit), commit)
        except subprocess.CalledProcessError:
            raise ConfigError(
                "--old must name a commit of this repository", name, fix="See git log --oneline"
            ) from None

    @cached_property
    def root(self) -> Path:
        """The checkout."""
        self._call("worktree", "add", "--detach", str(self._folder), self.sources)
        return self._folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "root" in self.__dict__:
            self._call("worktree", "remove", "--force", str(self._folder))

    def _call(self, *arguments: str) -> str:
        return subprocess.run([*self._git, *arguments], capture_output=True, text=True, check=True).stdout.strip()
