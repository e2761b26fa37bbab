"""Reads the settings, and knows where each value came from.

A variable ``OTEL_AGENT_<NAME>`` wins over the standard variable of OpenTelemetry that means the same. Standard
variables win over the user's TOML file, that wins over the administrator's, and that over the defaults. What the
administrator locked wins over all of them. The address of an OTLP endpoint is set with the standard
``OTEL_EXPORTER_OTLP_*`` variables, which the exporters read themselves, or in a file's table ``[otlp]``.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct, structs

from otel_agent.errors import SettingsError
from otel_agent.semconv import Signal
from otel_agent.settings.administrator import administrators_file
from otel_agent.settings.sources import (
    Source,
    defaults_of,
    from_file,
    kept_back,
    locked_by,
    merged,
    origin,
    overruled,
    without,
)
from otel_agent.settings.standard import standard
from otel_agent.settings.toml_files import parsed, read_file
from otel_agent.settings.user_folders import user_folder, without_tilde
from otel_agent.settings.values import Exporter, LockedOtlp, OtlpSettings, Settings
from otel_agent.settings.variables import (
    OTLP_PREFIX,
    OWN,
    otlp_variable,
    own_variables,
    refuse_unknown_variables,
    variable,
)

__all__ = [
    "OTLP_PREFIX",
    "Exporter",
    "Loaded",
    "OtlpSettings",
    "Settings",
    "default_file",
    "load",
    "load_text",
    "otlp_variable",
    "settings_path",
    "state_dir_unchecked",
]


class Loaded(Struct, frozen=True, kw_only=True):
    """The settings, and where the value of each came from."""

    settings: Settings
    origins: dict[str, str]
    """``default``, the path of the file, or ``environment`` and the name of the variable; by setting."""
    file: Path | None
    """The settings file that was read; ``None`` if there is none."""
    refused: tuple[str, ...] = ()
    """A sentence for each standard variable with a value that cannot be used. It may be meant for other programs, so it
    only matters to what exports."""
    administrator: Path | None = None
    """The administrator's file, if there is one and it is obeyed."""
    not_obeyed: str = ""
    """A sentence that says why the administrator's file is not obeyed; empty if it is, or if there is none."""
    overruled: dict[str, tuple[str, ...]] = {}
    """The places of a user's values that have no effect, because the administrator locked another one; by setting."""

    def for_export(self) -> Settings:
        """Return the settings for a command that exports. Raises ``SettingsError`` if a variable was refused."""
        if self.refused:
            raise SettingsError("\n".join(self.refused))
        return self.settings

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each thing that a user or an administrator may not expect: none changes what holds."""
        if self.not_obeyed:
            yield self.not_obeyed
        for name, places in self.overruled.items():
            yield f"{name}: the administrator's file {self.administrator} locks it. Not used: {', '.join(places)}."


def load(file: Path | None = None, *, fully: bool = False) -> Loaded:
    """Read the settings. If no ``file`` is given, the user's own is read, if there is one.

    ``fully`` has pydantic check each value. It comes to the same, and takes longer.
    A variable with an empty value counts as not set. Raises ``SettingsError``, which names each key that is unknown or
    has a wrong value, and the file or variable it comes from.
    """
    path = settings_path(file)
    return _loaded(path, read_file(path, required=file is not None), fully=fully)


def load_text(text: str, path: Path) -> Loaded:
    """Read the settings as if this text were in the file at ``path``. Raises ``SettingsError`` as ``load`` does."""
    return _loaded(path, parsed(text, path))


def settings_path(file: Path | None) -> Path:
    """Return the path of the settings file: the one that is named, else the user's own."""
    return without_tilde(file) if file else default_file(_environ())


def _loaded(path: Path, table: dict[str, Any] | None, *, fully: bool = False) -> Loaded:
    environ, above = _environ(), administrators_file()
    refuse_unknown_variables(environ)
    own = own_variables(environ)
    meant = standard(environ, exporter_is_set="exporter" in own)
    users = (
        from_file(table or {}, str(path)),
        Source(meant.values, {name: f"environment {each}" for name, each in meant.variables.items()}),
        Source(own, {name: f"environment {variable(name)}" for name in own}),
    )
    locked = locked_by(above)
    no_effect = overruled(locked, users, environ)
    ours = frozenset((*locked.keys_of("otlp"), *(theirs := kept_back(locked, no_effect))))
    users = (without(theirs, users[0]), *users[1:])
    below = defaults_of(above, users, names_endpoint=otlp_variable("endpoint") in environ)
    sources = (below, *users, locked)
    return Loaded(
        settings=_checked(sources, ours, fully=fully),
        origins={name: origin(name, sources) for name in OWN} | _origins_of_otlp(environ, sources, ours),
        file=None if table is None else path,
        refused=tuple(sentence for name, sentence in meant.refused.items() if not locked.has(name)),
        administrator=above.path if above.is_obeyed else None,
        not_obeyed=above.trouble,
        overruled=no_effect,
    )


def _environ() -> dict[str, str]:
    """Return the variables that are set: one with an empty value is not."""
    return {name: value for name, value in os.environ.items() if value}


def state_dir_unchecked(file: Path | None = None) -> Path:
    """Return the folder of the ledger without a check of the settings, for what has no time for one.

    It may be another one than ``load`` returns if the settings contain an error.
    """
    environ = _environ()
    try:
        above = administrators_file()
        table = read_file(settings_path(file), required=False) or {}
    except SettingsError:
        above, table = None, {}
    own = environ.get(variable("state_dir"))
    places = ((above.locked if above else {}), {"state_dir": own}, table, (above.defaults if above else {}))
    value = next((each for place in places if (each := place.get("state_dir")) is not None), None)
    return Path(os.path.expanduser(value)) if isinstance(value, str) else Settings().state_dir  # noqa: PTH111


def _checked(sources: Sequence[Source], ours: frozenset[str], *, fully: bool) -> Settings:
    """Return the settings that the sources make together. Raises ``SettingsError`` for each wrong value.

    ``ours`` are the keys of ``[otlp]`` that no variable changes. ``fully`` always asks pydantic. Otherwise it is asked only
    about what ``ordinary`` refuses, because its import takes a quarter of a second.
    """
    values = merged(sources)
    if not values:
        return Settings()
    from otel_agent.settings.ordinary import ordinary_settings  # noqa: PLC0415

    found = None if fully else ordinary_settings(values)
    if found is None:
        from otel_agent.settings.refusals import validated  # noqa: PLC0415

        found = validated(values, sources)
    return structs.replace(found, otlp=LockedOtlp(**structs.asdict(found.otlp), locked=ours)) if ours else found


def default_file(environ: Mapping[str, str]) -> Path:
    """Return ``$XDG_CONFIG_HOME/otel-agent/otel-agent.toml``, or the system's folder for settings if that is not set."""
    return user_folder("config", environ) / "otel-agent.toml"


def _origins_of_otlp(environ: Mapping[str, str], sources: Sequence[Source], ours: frozenset[str]) -> dict[str, str]:
    """Return where each key of ``[otlp]`` came from; ``otlp.traces.endpoint`` is one that is set for one signal alone."""
    origins = {}
    for name in OtlpSettings.__struct_fields__:
        key, general = f"otlp.{name}", otlp_variable(name)
        below = origin(key, sources)
        if name in ours:
            origins[key] = below
            continue
        origins[key] = f"environment {general}" if general in environ else below
        for signal in get_args(Signal):
            own = otlp_variable(name, signal)
            if own in environ:
                origins[f"otlp.{signal}.{name}"] = f"environment {own}"
    return origins
