"""Sentences that a reader needs to trust the numbers: what could not be read, and an OpenCode that is too new."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from otel_agent.ledger.problems import ProblemSummary
from otel_agent.ledger.queries import Queries
from otel_agent.model import ProblemKind
from otel_agent.model.plural import counted
from otel_agent.model.project import from_home
from otel_agent.opencode.releases import newer_than_known


class _Wording(Struct, frozen=True):
    noun: str
    happened: str
    advice: str


_WORDINGS: Final = {
    ProblemKind.MALFORMED: _Wording(
        "file or row", "could not be read (incomplete or invalid JSON)", "Each is retried when it changes."
    ),
    ProblemKind.TOO_LARGE: _Wording("file or row", "left out (too large to be read)", ""),
    ProblemKind.BAD_NUMBER: _Wording(
        "file or row", "with an impossible number", "That number counts as zero; all others count."
    ),
    ProblemKind.BAD_TIME: _Wording(
        "file or row", "not counted (impossible time)", "Each counts once its time is corrected."
    ),
    ProblemKind.BAD_ID: _Wording(
        "file", "with an id that cannot be the name of a file", "Each counts, but without its tool calls."
    ),
    ProblemKind.NO_ACCESS: _Wording(
        "file or folder", "could not be read (no permission)", "Each counts once this user may read it."
    ),
    ProblemKind.LOCKED: _Wording("database", "could not be read (locked by another program)", "Each is retried."),
    ProblemKind.SILENT: _Wording(
        "place", "does not answer, like a network mount that is gone", "Each is read once it answers."
    ),
    ProblemKind.BUSY: _Wording(
        "place", "is being read, and has a very long folder", "What is new in it counts once its end is reached."
    ),
    ProblemKind.DAMAGED: _Wording("database", "could not be read (damaged, or not a database)", "Each is retried."),
    ProblemKind.UNKNOWN_SCHEMA: _Wording(
        "database", "could not be read (this version does not know its tables)", "Look for a newer otel-agent."
    ),
    ProblemKind.UNKNOWN_FIELDS: _Wording(
        "message",
        "without readable tokens (this version does not know all fields)",
        "Their tokens are missing here. Look for a newer otel-agent.",
    ),
    ProblemKind.CALLS_LOST: _Wording(
        "message",
        "counted without tool calls that could not be read in time",
        "Tokens and cost are complete. `otel-agent doctor` says what cannot be read.",
    ),
    ProblemKind.UNEXPECTED: _Wording(
        "file or database", "could not be read (unexpected content)", "Please report it. Each is retried."
    ),
}
_PLURALS: Final = {
    "file or row": "files or rows",
    "file or folder": "files or folders",
    "file or database": "files or databases",
}


def warnings(ledger: Queries) -> tuple[str, ...]:
    """Return one sentence per kind of problem, and one if an OpenCode is newer than the tested releases."""
    return (*map(problem_sentence, ledger.problems()), *_newer_releases(newer_than_known(ledger.versions())))


def brief_warnings(ledger: Queries) -> tuple[str, ...]:
    """Return the same sentences for a table: if several places are concerned, none is named."""
    troubles = ledger.problems()
    return (*map(_brief, troubles), *_newer_releases(newer_than_known(ledger.versions())))


def _brief(trouble: ProblemSummary) -> str:
    if trouble.places == 1:
        return problem_sentence(trouble)
    wording = _WORDINGS[trouble.kind]
    number = counted(trouble.places, wording.noun, _PLURALS.get(wording.noun, ""))
    # A place that ends in parentheses says there what was seen, such as the release that wrote it.
    _, opened, seen = trouble.examples[0].rstrip(")").rpartition(" (")
    what = f"{wording.happened}: {seen}" if opened else wording.happened
    return f"{number} {what}. {wording.advice}".rstrip() + " `otel-agent doctor` names them."


def problem_sentence(trouble: ProblemSummary) -> str:
    """Return what happened to the places with one kind of problem, some of them by name, and what to do."""
    wording = _WORDINGS[trouble.kind]
    examples = [from_home(place) for place in trouble.examples]
    more = ["…"] if trouble.places > len(examples) else []
    number = counted(trouble.places, wording.noun, _PLURALS.get(wording.noun, ""))
    since = _since(trouble.since_ms) if trouble.kind.is_of_a_store else ""
    return f"{number} {wording.happened}: {', '.join([*examples, *more])}{since}. {wording.advice}".rstrip()


def _since(at_ms: int) -> str:
    """Return when it began, in local time; empty if that is not known. A wrong clock can have written any number."""
    try:
        return f", since {datetime.fromtimestamp(at_ms / 1e3, UTC).astimezone():%Y-%m-%d %H:%M}" if at_ms else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _newer_releases(newer: list[str]) -> list[str]:
    if not newer:
        return []
    warning = (
        f"OpenCode {newer[-1]} is newer than the releases this otel-agent was tested with (up to 1.18, and 2.x). "
        "Everything it could read is counted. A newer otel-agent may read more."
    )
    return [warning]
