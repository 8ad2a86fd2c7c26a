"""The files of this app, found from where this module lies: a checkout, an editable install or a wheel."""

from __future__ import annotations

from pathlib import Path

from common.errors import FederationError

ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the packages; on the path of every process that imports them."""


def app_files(root: Path = ROOT) -> dict[str, Path]:
    """Return what a Flower App Bundle is built from.

    Parameters
    ----------
    root : Path
        Folder with ``server_app``, ``client_app``, ``common`` and ``conf``. In a checkout it also holds
        pyproject.toml and README.md; a wheel carries them in ``conf``, because site-packages is shared.

    Returns
    -------
    dict of str to Path
        Files by their name in the bundle.

    Raises
    ------
    FederationError
        Something is missing: a broken installation.
    """
    files: dict[str, Path] = {}
    for package in ("server_app", "client_app", "common"):
        files |= {path.relative_to(root).as_posix(): path for path in root.glob(f"{package}/**/*.py")}
    files |= {path.relative_to(root).as_posix(): path for path in root.glob("conf/**/*.yaml")}
    for name in ("pyproject.toml", "README.md"):
        inside = root / "conf" / name
        files[name] = inside if inside.is_file() else root / name
    for name in ("pyproject.toml", "README.md", "conf/config.yaml", "client_app/app.py", "server_app/app.py"):
        if name not in files or not files[name].is_file():
            raise FederationError(f"The installation must hold {name}", str(root), fix="Install flwr-nas again")
    return files
