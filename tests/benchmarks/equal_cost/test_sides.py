import subprocess
from pathlib import Path

import pytest

from common.errors import ConfigError, SearchError
from tests.benchmarks.equal_cost.sides import Commit, WorkingTree


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose first commit has the three packages, and whose second one lacks one of them."""
    folder = tmp_path / "repository"
    for package in ("common", "server_app", "client_app"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "whole")
    git(folder, "rm", "--quiet", "-r", "client_app")
    git(folder, "commit", "--quiet", "--message", "without nodes")
    return folder


def test_a_commit_is_checked_out_while_it_is_needed(repository: Path, tmp_path: Path) -> None:
    with Commit(repository, "HEAD~1", tmp_path) as side:
        assert side.sources == git(repository, "rev-parse", "HEAD~1")
        assert side.sources.startswith(side.label)
        assert not (tmp_path / "old").exists()
        assert (side.root / "client_app" / "__init__.py").is_file()
        assert side.environment["PYTHONPATH"] == str(side.root)
    assert not (tmp_path / "old").exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_installed_sources_never_stand_in_for_those_of_a_side(repository: Path, tmp_path: Path) -> None:
    with Commit(repository, "HEAD", tmp_path) as side, pytest.raises(SearchError, match="its own sources"):
        side.environment  # noqa: B018


@pytest.mark.parametrize("name", ["nothing", "--help", ""])
def test_a_commit_must_be_there(name: str, repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--old must name a commit"):
        Commit(repository, name, tmp_path)


def test_a_working_tree_is_told_from_another_by_code_and_options(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "server_app").mkdir()
    seen = set()
    for path, text in (("conf/config.yaml", "a: 1"), ("conf/config.yaml", "a: 2"), ("server_app/app.py", "a = 1")):
        (tmp_path / path).write_text(text)
        seen |= {WorkingTree(tmp_path).sources, WorkingTree(tmp_path).sources}
    (tmp_path / "README.md").write_text("no part of it")
    assert WorkingTree(tmp_path).sources in seen
    assert len(seen) == 3
