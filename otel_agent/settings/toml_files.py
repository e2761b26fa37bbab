"""Reads a settings file, and says in a sentence why it cannot be read."""

from pathlib import Path
from typing import Any

from otel_agent.errors import SettingsError
from otel_agent.obstacles import obstacle
from otel_agent.settings.file_content import file_text


def read_file(path: Path, *, required: bool) -> dict[str, Any] | None:
    """Return the content of the file; ``None`` if it does not exist and is not ``required``. Raises ``SettingsError``."""
    try:
        text = file_text(path)
    except (FileNotFoundError, NotADirectoryError):
        # A link to nowhere was put there by somebody who means the file behind it.
        if path.is_symlink():
            raise SettingsError(_unreadable(path, "")) from None
        if not required:
            return None
        raise SettingsError(f"{path} does not exist. Pass another file with --config.") from None
    except OSError as error:
        raise SettingsError(_unreadable(path, error.strerror or "")) from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}. Save it as UTF-8.") from None
    return parsed(text, path)


def _unreadable(path: Path, why: str) -> str:
    what, todo = obstacle(path) or (why, "Let this user read it")
    return f"cannot read {path}: {what}. {todo}, or pass another file with --config."


def parsed(text: str, path: Path) -> dict[str, Any]:
    """Return what the text sets. Raises ``SettingsError``, which names the file, if it is not TOML."""
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not TOML: {error}.") from None
    except ValueError:  # thousands of digits
        raise SettingsError(f"{path}: one of its numbers is too large.") from None
