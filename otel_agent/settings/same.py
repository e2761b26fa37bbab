"""Tells whether a value, or the text of a variable, means the same as a value that the administrator locked."""

from collections.abc import Mapping

from otel_agent.errors import SettingsError


def is_same(key: str, given: object, wanted: object) -> bool:
    """Return true if what a user set means the same. A text that cannot be understood does not."""
    if given == wanted or not isinstance(given, str):
        return given == wanted
    text = given.strip()
    if key == "otlp.headers":
        return _headers(text) == (_lowered(wanted) if isinstance(wanted, Mapping) else wanted)
    if key == "otlp.timeout_seconds":
        return _seconds(text) == wanted
    from otel_agent.settings.ordinary import meant  # noqa: PLC0415 - only what an administrator locked is compared

    return text.lower() == str(wanted).lower() or _meant_same(meant(key, text), wanted)


def _meant_same(given: object, wanted: object) -> bool:
    # A word such as "yes" is a truth, and 1 is none in a file.
    return given == wanted and isinstance(given, bool) == isinstance(wanted, bool)


def _headers(text: str) -> dict[str, str] | None:
    from otel_agent.settings.headers import parsed  # noqa: PLC0415 - only what an administrator locked is compared

    try:
        return _lowered(parsed(text, ""))
    except SettingsError:
        return None


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _seconds(text: str) -> float | None:
    """Convert from the standard's milliseconds."""
    try:
        return float(text) / 1_000
    except ValueError:
        return None
