"""Hydra's own flags: which of them go together, and which make no sense for this command."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from common.errors import ConfigError
from common.overrides import for_hydra

_MODES = ("run", "multirun", "cfg", "info")
_SWITCHES = ("help", "hydra_help", "run", "multirun", "resolve")
_OPTIONS = ("cfg", "package", "info", "config_path", "config_name", "config_dir")


def arguments(parser: ArgumentParser, argv: Sequence[str]) -> list[str]:
    """Return what people typed as Hydra takes it; ends the process for ``--version`` and for what is no flag.

    Parameters
    ----------
    parser : ArgumentParser
        Hydra's own, so that its flags and their short forms mean the same here and there.
    argv : sequence of str
        What was typed.

    Raises
    ------
    ConfigError
        As of `check`.
    """
    parser.prog = "flwr-nas search"
    parsed = parser.parse_intermixed_args(list(argv))
    check(parsed)
    sweep = parsed.multirun or any(override.upper() == "HYDRA.MODE=MULTIRUN" for override in parsed.overrides)
    return written(parsed, for_hydra(parsed.overrides, sweep))


def check(flags: Namespace) -> None:
    """Raise `ConfigError` where Hydra would end in a traceback, or leave a flag out without a word.

    Parameters
    ----------
    flags : Namespace
        What Hydra's parser made of the command line.
    """
    if flags.experimental_rerun is not None:
        raise ConfigError(
            "--experimental-rerun reads a pickle, which this command neither writes nor trusts",
            flags.experimental_rerun,
            fix="Repeat a search with the same options; its config.yaml has them all",
        )
    if flags.shell_completion:
        raise ConfigError(
            "--shell-completion does not reach the search of a command with several",
            fix="See flwr-nas search --help for what can be set",
        )
    if flags.help or flags.hydra_help:
        return
    modes = [_written(name) for name in _MODES if getattr(flags, name)]
    if len(modes) > 1:
        raise ConfigError(
            "Only one of --run, --multirun (-m), --cfg and --info can be given",
            " ".join(modes),
            fix="To see a configuration, leave out --multirun and give each option one value",
        )
    if flags.resolve and flags.cfg is None:
        raise ConfigError("--resolve belongs to --cfg or --help", fix="Add --cfg job, or leave it out")
    if flags.package is not None and flags.cfg is None:
        raise ConfigError("--package belongs to --cfg", flags.package, fix="Add --cfg job, or leave it out")


def written(flags: Namespace, overrides: list[str]) -> list[str]:
    """Return the command line again, as Hydra's parser needs it: no flag between two overrides.

    A folder of configurations is found from the working directory; Hydra would look beside our sources. Help is help
    whatever stands beside it, so a sweep, which could not be composed, is left out there.
    """
    words = [_written(name) for name in _SWITCHES if getattr(flags, name)]
    for name in _OPTIONS:
        if (value := getattr(flags, name)) is not None:
            if name == "config_path" and "://" not in value:
                value = str(Path(value).absolute())
            words += [_written(name), value]
    without = flags.hydra_help or (flags.help and flags.multirun)
    return words if without else [*words, *overrides]


def _written(name: str) -> str:
    return "--" + name.replace("_", "-")
