"""The meaning of an error of SQLite's: is it the query, one value, the file, or somebody else's lock?"""

import sqlite3
from typing import Final

from otel_agent.model import Problem, ProblemKind

_KINDS: Final = {
    sqlite3.SQLITE_BUSY: ProblemKind.LOCKED,
    sqlite3.SQLITE_LOCKED: ProblemKind.LOCKED,
    sqlite3.SQLITE_CORRUPT: ProblemKind.DAMAGED,
    sqlite3.SQLITE_NOTADB: ProblemKind.DAMAGED,
    sqlite3.SQLITE_IOERR: ProblemKind.DAMAGED,
    sqlite3.SQLITE_CANTOPEN: ProblemKind.NO_ACCESS,
    sqlite3.SQLITE_PERM: ProblemKind.NO_ACCESS,
    sqlite3.SQLITE_AUTH: ProblemKind.NO_ACCESS,
    sqlite3.SQLITE_READONLY: ProblemKind.NO_ACCESS,
    sqlite3.SQLITE_INTERRUPT: ProblemKind.UNEXPECTED,
}
_WORDS: Final = {
    sqlite3.SQLITE_INTERRUPT: "a query did not end",
    sqlite3.SQLITE_READONLY_ROLLBACK: "a write was interrupted, and the next start of OpenCode undoes it",
}


def is_too_large(error: sqlite3.Error) -> bool:
    """Return True if a value was too large to be held."""
    return _primary(error) == sqlite3.SQLITE_TOOBIG


def is_endless(error: sqlite3.Error) -> bool:
    """Return True if a query was stopped because it did not end."""
    return _primary(error) == sqlite3.SQLITE_INTERRUPT


def is_of_the_query(error: sqlite3.Error) -> bool:
    """Return True if a query does not fit the form of the tables, if its JSON is none, or if a value is too large.

    Everything else says that nothing can be read just now: who took that for an empty answer would lose what is there.
    """
    return _primary(error) == sqlite3.SQLITE_ERROR or is_too_large(error)


def is_of_one_place(error: sqlite3.Error) -> bool:
    """Return True if the disk or the file fails at one place: what is elsewhere in the database may be readable."""
    return _primary(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT)


def problem_of(error: sqlite3.Error, place: str) -> Problem:
    """Return what an error of SQLite's means for a person."""
    code, primary = _code(error), _primary(error)
    if code == sqlite3.SQLITE_READONLY_ROLLBACK:
        kind = ProblemKind.DAMAGED
    else:
        kind = ProblemKind.NO_ACCESS if primary is None else _KINDS.get(primary, ProblemKind.DAMAGED)
    words = _WORDS.get(code or -1, str(error))
    return Problem(kind, place, words)


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return code if isinstance(code, int) else None


def _primary(error: sqlite3.Error) -> int | None:
    code = _code(error)
    return None if code is None else code & 0xFF
