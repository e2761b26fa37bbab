"""Plans a set-up: what is there now, what both files have to become, and if the backend accepts a request."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, structs

from otel_agent.errors import SettingsError
from otel_agent.settings import Loaded, Settings, load_text
from otel_agent.settings.administrator import locked_otlp
from otel_agent.settings.backend import names_backend
from otel_agent.settings.variables import otlp_variable
from otel_agent.setup import apply, paste, settings_file
from otel_agent.setup.trial import Trial, try_backend
from otel_agent.setup.wish import Wish, forget_variables, left_for_service


class Choices(Struct, frozen=True, kw_only=True):
    """What a person or a roll-out chose, by options, by the environment or by answers."""

    local: bool = False
    otlp: dict[str, Any] = {}
    backfill: str | None = None
    service: bool | None = None
    """``None`` means: if there is a backend."""
    carries: bool = False
    """True if the other variables of OpenTelemetry go into the service's file, as a roll-out wants it."""


class Present(Struct, frozen=True):
    """The settings as they are before anything is changed."""

    path: Path
    settings: Settings
    administrator: Path | None = None
    """The administrator's file, if there is one that is obeyed."""

    @property
    def has_backend(self) -> bool:
        """True if the file, not the environment, says where data goes."""
        return self.settings.exporter != "none" and names_backend(self.settings, {})


def present(path: Path) -> Present:
    """Return the settings of the file. Raises ``SettingsError`` if it cannot be used."""
    found = load_text(settings_file.read(path), path)
    return Present(path, found.settings, found.administrator)


def wish_of(choices: Choices, now: Present) -> Wish:
    """Return what has to be set up for these choices."""
    local = choices.local or not (choices.otlp.get("endpoint") or now.has_backend)
    if local:
        service = bool(choices.service)
        return Wish(exporter="none", backfill=choices.backfill, service=service)
    otlp = dict(choices.otlp)
    if "headers" not in otlp and _goes_elsewhere(otlp, now.settings):
        # The key of one backend is none of another's business.
        otlp["headers"] = {}
    # A variable that means what is locked would have no effect in the service either.
    written = tuple(map(otlp_variable, [*otlp, *locked_otlp()]))
    return Wish(
        exporter="otlp" if now.settings.exporter == "none" else None,
        otlp=otlp,
        backfill=choices.backfill,
        variables=left_for_service(os.environ, written) if choices.carries else {},
        forgotten=written,
        service=choices.service is not False,
    )


def tried(wish: Wish, now: Present) -> tuple[Wish, Trial]:
    """Ask the backend as the service will, and return the wish with the protocol that it takes."""
    forget_variables(wish.forgotten)
    text = settings_file.read(now.path)

    def with_protocol(protocol: str) -> Wish:
        usual = protocol == "http/protobuf" and "protocol" not in wish.otlp and now.settings.otlp.protocol is None
        # What the administrator or this file says already is not copied: it would hide what they say later.
        said = protocol == now.settings.otlp.protocol and not {"protocol", "endpoint"} & wish.otlp.keys()
        return wish if usual or said else structs.replace(wish, otlp=wish.otlp | {"protocol": protocol})

    def settings_of(protocol: str) -> Settings:
        return load_text(settings_file.changed(text, with_protocol(protocol), now.path), now.path).settings

    endpoint = wish.otlp.get("endpoint") or now.settings.otlp.endpoint or ""
    chosen = wish.otlp.get("protocol") or (now.settings.otlp.protocol if "endpoint" not in wish.otlp else None)
    trial = try_backend(settings_of, chosen or paste.usual_protocol(endpoint), is_fixed=chosen is not None)
    return with_protocol(trial.protocol), trial


def changes(wish: Wish, now: Present) -> apply.Changes:
    """Return what both files have to become. Raises ``SettingsError`` if the settings could not be used then."""
    found = apply.changes(now.path, wish)
    _refuse_locked(wish, load_text(found.settings.after, now.path))
    return found


def _refuse_locked(wish: Wish, found: Loaded) -> None:
    """Raise ``SettingsError`` if something that is wished would have no effect, because an administrator locked it."""
    wished = {name for name in ("exporter", "backfill") if getattr(wish, name) is not None}
    locked = sorted((wished | {f"otlp.{name}" for name in wish.otlp}) & found.overruled.keys())
    if locked:
        raise SettingsError(
            f"{', '.join(locked)}: the administrator's file {found.administrator} locks it, so another value has no effect. "
            "Leave it out: `otel-agent config show` shows what holds."
        )


def _goes_elsewhere(otlp: dict[str, Any], settings: Settings) -> bool:
    before, after = settings.otlp.endpoint, otlp.get("endpoint")
    return bool(settings.otlp.headers and before and after) and _host(before or "") != _host(str(after))


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[2].lower()
    except ValueError:  # what was set before may be no address
        return ""
