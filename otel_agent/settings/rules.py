"""The rules for a value that neither its type nor its bounds say. Each raises ``ValueError`` with the rule in words."""

from pathlib import Path

from otel_agent.settings.values import DURATION, SEPARATED


def expanded(path: Path) -> Path:
    """Resolve ``~`` and ``~user``: no shell does so for a settings file or a service's environment."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"no such user: {path.parts[0]}") from None


def plain_number(text: str) -> str:
    """Return the text of a number without separators."""
    if "_" in text and not SEPARATED.fullmatch(text.strip()):
        raise ValueError("a _ may only stand before each three digits, as in 1_500_000")
    return text.replace("_", "")


def known_backfill(value: str) -> str:
    """Return the value if it says how much of the history counts."""
    if value not in ("all", "none") and not DURATION.fullmatch(value):
        raise ValueError("must be all, none, or a duration such as 36h, 7d or 4w")
    return value


def names_a_program(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command if it is empty or can be run."""
    # Neither can be given to a program, and the notice would fail each time.
    if command and (not command[0].strip() or any("\0" in word for word in command)):
        raise ValueError("must begin with the name of a program")
    return command


def one_amount(tokens: int | None, cost_usd: float | None) -> None:
    """Raise ``ValueError`` unless a budget has exactly one amount."""
    if (tokens is None) == (cost_usd is None):
        raise ValueError("a budget needs either tokens or cost_usd")
