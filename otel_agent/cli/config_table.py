"""The effective settings, each with its origin. Secrets are masked, also those in OpenTelemetry's own variables."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from otel_agent.delivery.addresses import masked
from otel_agent.settings import OTLP_PREFIX, Loaded, settings_path

_MASK: Final = "********"
_UNSET: Final = {"otlp.protocol": "http/protobuf", "otlp.compression": "none", "otlp.timeout_seconds": 10.0}
"""What holds for a key of ``[otlp]`` that nobody set, as OpenTelemetry's specification says."""


def settings_table(found: Loaded) -> Table:
    """Return a table with a row for each setting. Long values are folded, never cut."""
    lines = [f"Settings file: {found.file}" if found.file else f"No settings file. It would be {settings_path(None)}"]
    if found.administrator:
        lines.append(f"The administrator's file: {found.administrator}")
    if found.not_obeyed:
        lines.append(found.not_obeyed)
    table = Table(
        title=Text("\n".join(lines)), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    for name in ("Setting", "Value", "From"):
        table.add_column(name, overflow="fold")
    for name, value, origin in _rows(found):
        table.add_row(name, Text(_words(value)), _place(origin, found.overruled.get(name, ())))
    return table


def settings_json(found: Loaded) -> str:
    """Return the same as JSON: ``{"file": …, "settings": {NAME: {"value": …, "from": …}}}``.

    Keys about an administrator's file are there only if there is one, and ``overruled`` only beside what is.
    """
    rows: dict[str, dict[str, object]] = {}
    for name, value, origin in _rows(found):
        rows[name] = {"value": value, "from": origin}
        if name in found.overruled:
            rows[name]["overruled"] = found.overruled[name]
    whole: dict[str, object] = {"file": str(found.file) if found.file else None}
    if found.administrator:
        whole["administrator"] = str(found.administrator)
    if found.not_obeyed:
        whole["not_obeyed"] = found.not_obeyed
    return json.dumps({**whole, "settings": rows}, indent=2)


def _place(origin: str, overruled: Sequence[str]) -> Text:
    if overruled:
        return Text(f"{origin}; overrules {', '.join(overruled)}")
    return Text(origin, style="dim" if origin == "default" else "")


def _rows(found: Loaded) -> list[tuple[str, object, str]]:
    rows = {name: _effective(found, name, origin) for name, origin in found.origins.items()}
    for name, value in _UNSET.items():
        if rows[name] is None:
            rows[name] = value
    if rows["otlp.endpoint"] is None:
        rows["otlp.endpoint"] = f"http://localhost:{4317 if rows['otlp.protocol'] == 'grpc' else 4318}"
    return [(name, rows[name], origin) for name, origin in found.origins.items()]


def _effective(found: Loaded, name: str, origin: str) -> object:
    """Return the value that the exporters will use. A secret is masked."""
    key = name.rpartition(".")[2]
    # The SDK reads these variables itself, so the settings hold no value for them.
    if origin.startswith(f"environment {OTLP_PREFIX}"):
        value: object = _meant(key, os.environ[origin.removeprefix("environment ")])
    else:
        value = getattr(found.settings.otlp if name.startswith("otlp.") else found.settings, key)
    # Every header may be a key, whatever its name is.
    match value:
        case dict():
            return dict.fromkeys(value, _MASK)
        case tuple():
            return [str(item) for item in value]
        case Path():
            return str(value)
        case str() if key == "headers":
            return _MASK
        case str() if key == "endpoint":
            return masked(value, _MASK)
    return value


def _meant(key: str, text: str) -> object:
    """Return a variable's value in the unit of the setting: the standard counts milliseconds."""
    if key != "timeout_seconds":
        return text
    try:
        return float(text) / 1_000
    except ValueError:
        return text


def _words(value: object) -> str:
    if value in (None, {}, []):
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
