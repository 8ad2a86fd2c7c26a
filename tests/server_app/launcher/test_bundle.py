import io
import shutil
import zipfile

import pytest
from flwr.cli.build import build_fab_from_disk, build_fab_from_files

from common.digest import digest_of
from common.errors import FederationError
from server_app.launcher.bundle import ROOT, app_files

pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")  # flwr asks pathspec for it


def contents(fab):
    with zipfile.ZipFile(io.BytesIO(fab)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def fab():
    return build_fab_from_files(app_files())[0]


def test_the_bundle_holds_the_whole_app(fab):
    sources = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("server_app/**/*.py", "client_app/**/*.py", "common/**/*.py", "conf/**/*.yaml")
        for path in ROOT.glob(pattern)
    }
    assert set(contents(fab)) == sources | {"pyproject.toml", "README.md", ".info/CONTENT"}


def test_flwr_builds_the_same_bundle(fab):
    assert contents(build_fab_from_disk(ROOT)) == contents(fab)


def test_the_code_of_the_bundle_has_our_digest(fab, tmp_path):
    with zipfile.ZipFile(io.BytesIO(fab)) as archive:
        archive.extractall(tmp_path)
    assert digest_of(tmp_path) == digest_of(ROOT)


@pytest.fixture
def installed(tmp_path):
    """The app as a wheel leaves it in site-packages, where somebody else's pyproject.toml lies too."""
    for package in ("server_app", "client_app", "common", "conf"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / "conf" / name)
        (tmp_path / name).write_text("somebody else's")
    return tmp_path


def test_an_installed_wheel_gives_the_same_bundle(installed, fab):
    assert contents(build_fab_from_files(app_files(installed))[0]) == contents(fab)


@pytest.mark.parametrize("name", ["server_app/app.py", "client_app/app.py", "conf/config.yaml"])
def test_a_broken_installation_is_named(installed, name):
    (installed / name).unlink()
    with pytest.raises(FederationError, match=name):
        app_files(installed)
