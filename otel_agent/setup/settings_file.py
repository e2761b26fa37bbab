"""Changes the settings file and the service's file of variables, and leaves everything else in them as it is."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from otel_agent.errors import SettingsError
from otel_agent.obstacles import cannot_write, obstacle
from otel_agent.private_files import make_private_folder, replace_private
from otel_agent.settings.file_content import file_text
from otel_agent.setup.wish import Wish

_NEW: Final = (
    "# Written by `otel-agent setup`. `otel-agent config init --print` explains every setting.\n"
    "# Headers hold keys: keep this file private (chmod 600).\n"
)
_NEEDS_ESCAPE: Final = re.compile(r'["\\$`]')


def read(path: Path) -> str:
    """Return the content of a file, empty if there is none. Raises ``SettingsError``."""
    try:
        return file_text(path)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        what, todo = obstacle(path) or (why, "Let this user read it, as UTF-8")
        raise SettingsError(f"cannot read {path}: {what}. {todo}, or pass another file with --config.") from None


def changed(text: str, wish: Wish, path: Path) -> str:
    """Return the settings file's text with what is wished. Comments, order and all other settings stay.

    Raises ``SettingsError`` if the text is no TOML.
    """
    try:
        document = tomlkit.parse(text or _NEW)
    except TOMLKitError as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None
    for name, value in (("exporter", wish.exporter), ("backfill", wish.backfill)):
        if value is not None and document.get(name) != value:
            document[name] = value
    if wish.otlp:
        table = document.get("otlp")
        if not isinstance(table, tomlkit.items.Table):
            table = document["otlp"] = tomlkit.table()
            table = document["otlp"]
        for name, value in wish.otlp.items():
            if value in ({}, None):
                table.pop(name, None)
            elif table.get(name) != value:
                table[name] = _inline(value) if isinstance(value, Mapping) else value
    return tomlkit.dumps(document)


def changed_variables(text: str, variables: Mapping[str, str], forgotten: Sequence[str]) -> str:
    """Return the text of the service's file of variables with these set, and with others taken out.

    Raises ``SettingsError`` for a value that no line can hold.
    """
    lines = [line for line in text.splitlines() if _name(line) not in {*variables, *forgotten}]
    for name, value in sorted(variables.items()):
        if any(ord(letter) < 32 for letter in value):
            raise SettingsError(f"{name} has a line break or another control character, which no service can be given.")
        # systemd and a shell read it alike so.
        escaped = _NEEDS_ESCAPE.sub(lambda found: f"\\{found[0]}", value)
        lines.append(f'{name}="{escaped}"')
    return "".join(f"{line}\n" for line in lines)


def write(path: Path, text: str) -> None:
    """Write a file for its owner only, in one step. Raises ``SettingsError``."""
    try:
        make_private_folder(path.parent)
        replace_private(path, text.encode())
    except OSError as error:
        why = cannot_write(path, error, "Make its folder writable for you", "or pass another file with --config")
        raise SettingsError(f"cannot write {path}: {why}") from None


def _name(line: str) -> str:
    return line.partition("=")[0].strip().removeprefix("export ").strip()


def _inline(value: Mapping[str, str]) -> tomlkit.items.InlineTable:
    found = tomlkit.inline_table()
    found.update(value)
    return found
