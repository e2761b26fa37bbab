"""The effective settings, each with where it came from. Secrets are masked, standard variables included."""

import json
import os
from pathlib import Path
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from otel_agent.settings import Loaded, OtlpSettings, Settings

_MASK: Final = "********"
_VARIABLE: Final = "environment OTEL_EXPORTER_OTLP_"


def settings_table(found: Loaded) -> Table:
    file = f"Settings file: {found.file}" if found.file else "No settings file"
    table = Table(title=file, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Setting", "Value", "From"):
        table.add_column(name, overflow="fold")
    for name, value, origin in _rows(found):
        table.add_row(name, Text(_words(value)), Text(origin, style="dim" if origin == "default" else ""))
    return table


def settings_json(found: Loaded) -> str:
    rows = {name: {"value": value, "from": origin} for name, value, origin in _rows(found)}
    return json.dumps({"file": str(found.file) if found.file else None, "settings": rows}, indent=2)


def _rows(found: Loaded) -> list[tuple[str, object, str]]:
    own = [(name, getattr(found.settings, name)) for name in Settings.model_fields if name != "otlp"]
    otlp = [(f"otlp.{name}", getattr(found.settings.otlp, name)) for name in OtlpSettings.model_fields]
    return [(name, _effective(name, value, found.origins[name]), found.origins[name]) for name, value in own + otlp]


def _effective(name: str, value: object, origin: str) -> object:
    """What the exporters will use: of a standard variable its value, of anything secret a mask."""
    if origin.startswith(_VARIABLE):
        variable = origin.removeprefix("environment ")
        return _MASK if name == "otlp.headers" else _without_password(os.environ.get(variable, ""))
    if isinstance(value, dict):
        return dict.fromkeys(value, _MASK)
    if isinstance(value, tuple):
        return [str(each) for each in value]
    if name == "otlp.endpoint" and isinstance(value, str):
        return _without_password(value)
    return str(value) if isinstance(value, Path) else value


def _without_password(address: str) -> str:
    """``https://user:secret@host`` without what stands before the host."""
    scheme, separator, rest = address.partition("://")
    userinfo, at, host = rest.rpartition("@")
    return f"{scheme}{separator}{_MASK}@{host}" if separator and at and userinfo else address


def _words(value: object) -> str:
    if value in (None, {}, []):
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
