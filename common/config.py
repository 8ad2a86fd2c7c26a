"""Typed configuration: the only module that imports hydra and omegaconf.

YAML is composed by Hydra, then turned into the dataclasses below. A group with a choice of modules
(`space`, `controller` ...) stays a mapping until `options_of` builds the options of the module that its
`name` says, so that options live beside what they configure. `training` stays one as well: each of its options is a
value or a list of choices, which `server_app.spaces.recipes` reads.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from hydra import compose, initialize_config_dir, main
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf

from common.errors import ConfigError
from common.flags import arguments
from common.groups import FederationConfig, FinalConfig, PersonalConfig, RunConfig, ScoringConfig, SearchConfig
from common.help import help_text
from common.overrides import choosing, for_hydra, no_option, refused_option, unknown, unknown_option, without_dots
from common.sentences import one_line, place_of
from common.settings import DatasetSettings, PreprocessingSettings
from common.typed import typed

CONF = Path(__file__).resolve().parent.parent / "conf"

T = TypeVar("T")
Choice = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """A whole search; one field per group of conf/."""

    seed: int
    control: Literal["random"] | None
    search: SearchConfig
    scoring: ScoringConfig
    final: FinalConfig
    run: RunConfig
    federation: FederationConfig
    dataset: DatasetSettings
    preprocessing: PreprocessingSettings
    training: Choice
    space: Choice
    controller: Choice
    fidelity: Choice
    weights: Choice
    objective: Choice
    placement: Choice
    aggregation: Choice
    personal: PersonalConfig = field(default_factory=PersonalConfig)
    tracker: Choice = field(default_factory=lambda: {"name": "none"})

    def to_json(self) -> str:
        """Return the whole configuration as JSON; `from_json` reads it back."""
        return json.dumps(asdict(self))

    def to_yaml(self) -> str:
        """Return the whole configuration as YAML, for people."""
        return OmegaConf.to_yaml(OmegaConf.create(asdict(self)))


def options_of(choice: Choice, kind: type[T], where: str) -> T:
    """Build the options of a module from its group, without the `name` that chose it."""
    return typed(kind, {key: value for key, value in choice.items() if key != "name"}, where)


def compose_config(overrides: Sequence[str] = ()) -> Config:
    """Compose conf/ with overrides, as on the command line."""
    with _readable(overrides), initialize_config_dir(str(CONF), version_base="1.3"):
        plain = _plain(compose("config", overrides=for_hydra(overrides)))
    return _from_plain(plain)


def compose_benchmark(overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Compose conf/benchmark.yaml with overrides; returns plain values."""
    with _readable(overrides, "benchmark"), initialize_config_dir(str(CONF), version_base="1.3"):
        return _plain(compose("benchmark", overrides=for_hydra(overrides)))


@dataclass(frozen=True)
class ProxiesConfig:
    """What `flwr-nas proxies` has beside the options of a search: how many specs, and how many of them are shown."""

    count: int
    top: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ConfigError(f"{name} must be 1 or more", value, fix=f"Leave {name} out")


def compose_proxies(overrides: Sequence[str] = ()) -> tuple[Config, ProxiesConfig]:
    """Compose conf/proxies.yaml with overrides: the configuration of a search, and the options that it lacks."""
    with _readable(overrides, "proxies"), initialize_config_dir(str(CONF), version_base="1.3"):
        plain = _plain(compose("proxies", overrides=for_hydra(overrides)))
    own = {field.name: plain.pop(field.name) for field in fields(ProxiesConfig)}
    return _from_plain(plain), typed(ProxiesConfig, own, "")


def each_value(override: str) -> list[str]:
    """Return an override once for each of its values, which commas separate."""
    with _readable([override], "benchmark"):
        (parsed,) = OverridesParser.create().parse_overrides([override])
        if not parsed.is_sweep_override():
            return [override]
        return [f"{parsed.get_key_element()}={value}" for value in parsed.sweep_string_iterator()]


def from_json(text: str) -> Config:
    """Read what `Config.to_json` wrote."""
    plain = json.loads(text)
    if not isinstance(plain, dict):
        raise ConfigError("config must be a JSON object", text, fix="Use overrides for what people type")
    return _from_plain(plain)


def from_yaml(text: str) -> Config:
    """Read what `Config.to_yaml` wrote."""
    return _from_plain(_mapping_in(text, "config.yaml"))


def read_portfolio(kind: str) -> dict[str, Any]:
    """Return the entries of conf/portfolio/, by name, for data that are a "vector", a "sequence" or an "image"."""
    path = CONF / "portfolio" / f"{kind}.yaml"
    return _mapping_in(path.read_text(encoding="utf-8"), f"conf/portfolio/{path.name}")


def _mapping_in(text: str, name: str) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(OmegaConf.create(text))
    except Exception as error:  # the YAML parser's errors have no base in common with omegaconf's
        raise ConfigError(f"{name} must be YAML ({place_of(error)})", fix="Use the file as it came") from None
    if not isinstance(plain, dict):
        raise ConfigError(f"{name} must hold a mapping", fix="Use the file as it came")
    return {str(key): value for key, value in plain.items()}


def run_hydra(task: Callable[[Config], None], argv: Sequence[str]) -> None:
    """Run `task` under Hydra's command line (``-m``, ``--help``, ``--cfg job`` ...), once per job of a sweep.

    Raises
    ------
    ConfigError
        A flag, an override or its value is wrong. What `task` raises comes through as it is.
    """
    raised: list[Exception] = []

    @main(version_base="1.3", config_path=str(CONF), config_name="config")
    def entry(raw: DictConfig) -> None:
        try:
            with _readable():
                plain = _plain(raw)
            task(_from_plain(plain))
        except Exception as error:
            raised.append(error)
            raise SystemExit(1) from None  # goes through Hydra, which would announce any other exception

    saved = sys.argv
    sys.argv = ["flwr-nas search", *arguments(get_args_parser(), argv)]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its own errors, instead of printing and exiting
    try:
        with _readable(argv):
            entry()
    except SystemExit:
        if raised:
            raise raised[0] from None
        raise
    finally:
        sys.argv = saved


@contextmanager
def _readable(overrides: Sequence[str] = (), command: str = "search") -> Iterator[None]:
    """Turn what Hydra raises into ours: errors of its own, of OmegaConf, of the YAML parser, and plain ones."""
    try:
        yield
    except OverrideParseException as error:
        raise ConfigError(
            "An override has the form name=value", error.override, fix="Quote lists and blanks: 'name=[1, 2]'"
        ) from None
    except BrokenPipeError:  # nobody reads the help any more
        raise
    except Exception as error:
        sentence = one_line(error) or type(error).__name__
        plainer = _about_data(sentence, overrides) or _about_name(sentence, overrides, command)
        raise plainer or ConfigError(sentence, fix=f"See flwr-nas {command} --help") from None


def _about_data(sentence: str, overrides: Sequence[str]) -> ConfigError | None:
    """Return the error that the chosen data set lacks an option, if Hydra's sentence says so."""
    if (option := refused_option(sentence)) is None:
        return None
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return unknown_option(option, _plain(compose("config", overrides=choosing(overrides)))["dataset"])
    except Exception:  # there is a sweep, or the data set is of a folder of their own
        return None


def _about_name(sentence: str, overrides: Sequence[str], command: str) -> ConfigError | None:
    """Return the error that there is no such option, with those that there are, if Hydra's sentence says so."""
    if (name := unknown(sentence)) is None:
        return None
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            whole = {"search": "config"}.get(command, command)
            return no_option(name, _plain(compose(whole, overrides=without_dots(overrides, name))), command)
    except Exception:  # there is a sweep, or a choice of a folder of their own
        return None


def _plain(raw: DictConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(raw, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key != "hydra"}


def _from_plain(plain: Mapping[str, Any]) -> Config:
    plain = {"tracker": {"name": "none"}, **plain}  # a run of before may lack it
    for axis in ("space", "controller", "fidelity", "weights", "objective", "placement", "aggregation", "tracker"):
        if not isinstance(plain.get(axis), dict) or "name" not in plain[axis]:
            raise ConfigError(f"{axis} must be a group with a name", plain.get(axis), fix=f"See conf/{axis}/")
    return typed(Config, plain, "")


def _name_of_data(*, _root_: DictConfig) -> str:
    """Return what a search is called: the name of its data set, or of data of one's own that of the file."""
    name, path = str(OmegaConf.select(_root_, "dataset.name")), OmegaConf.select(_root_, "dataset.path")
    return Path(path).stem or name if name == "local" and path else name


def _help(*, _root_: DictConfig) -> str:
    """Return the body of ``--help``, for Hydra to put into its template; a ``$`` is doubled for that."""
    hydra = _root_.hydra
    values = _plain(OmegaConf.masked_copy(_root_, [str(key) for key in _root_ if key != "hydra"]))
    choices = reversed(hydra.runtime.choices.items())  # as config.yaml has them
    chosen = {group: str(choice) for group, choice in choices if not group.startswith("hydra/")}
    folders = [Path(source.path) for source in hydra.runtime.config_sources if source.schema == "file"]
    return help_text(values, chosen, hydra.job.config_name, folders).replace("$", "$$")


def _file_of_conf(name: str) -> str:
    """Return where a file of conf/ lies, for an option that names a file."""
    return str(CONF / name)


OmegaConf.register_new_resolver("file_of_conf", _file_of_conf, replace=True)
OmegaConf.register_new_resolver("name_of_data", _name_of_data, replace=True)
OmegaConf.register_new_resolver("help_on_options", _help, replace=True)
