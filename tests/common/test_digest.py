import shutil
from pathlib import Path

import pytest

from common import digest
from common.digest import code_digest, digest_of

ROOT = Path(digest.__file__).parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The two packages elsewhere, as a bundle or a wheel would hold them."""
    for package in ("client_app", "common"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_installation_elsewhere_agrees(copy: Path):
    assert digest_of(copy) == code_digest()
    assert len(code_digest()) == 64


def test_line_ends_do_not_count(copy: Path):
    for path in copy.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert b"\r\n" in (copy / "common" / "digest.py").read_bytes()
    assert digest_of(copy) == code_digest()


def test_what_is_no_source_of_both_sides_does_not_count(copy: Path):
    (copy / "server_app").mkdir()
    (copy / "server_app" / "strategy.py").write_text("x = 1\n")
    (copy / "common" / "notes.md").write_text("x\n")
    (copy / "common" / "__pycache__").mkdir()
    (copy / "common" / "__pycache__" / "digest.cpython-311.pyc").write_bytes(b"x")
    assert digest_of(copy) == code_digest()
    both = digest_of(copy, ["server_app"])
    (copy / "server_app" / "strategy.py").write_text("x = 2\n")
    assert len({digest_of(copy), both, digest_of(copy, ["server_app"])}) == 3


@pytest.mark.parametrize("package", ["client_app", "common", "common/models"])
def test_every_source_counts(copy: Path, package: str):
    (copy / package / "added.py").write_text("")
    added = digest_of(copy)
    (copy / package / "added.py").write_text("x = 1\n")
    changed = digest_of(copy)
    (copy / package / "added.py").rename(copy / package / "renamed.py")
    assert len({code_digest(), added, changed, digest_of(copy)}) == 4


def test_content_cannot_move_between_files_unseen(tmp_path: Path):
    (tmp_path / "common").mkdir()
    first, second = tmp_path / "common" / "a.py", tmp_path / "common" / "b.py"
    digests = set()
    for texts in (("xy", ""), ("x", "y"), ("", "xy")):
        first.write_text(texts[0])
        second.write_text(texts[1])
        digests.add(digest_of(tmp_path))
    assert len(digests) == 3
    second.unlink()
    first.write_text("x" + "common/b.py\0\0" + "y")  # what hashing names and contents without their lengths would see
    assert digest_of(tmp_path) not in digests
