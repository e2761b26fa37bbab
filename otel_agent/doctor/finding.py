"""The record of one check."""

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """The severity. Only a failure changes the exit code."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


class Finding(Struct, frozen=True):
    """One line of the doctor, and one object of its JSON."""

    link: str
    verdict: Verdict
    seen: str
    """The fact, without an opinion."""
    meaning: str = ""
    """The consequence; empty if the fact speaks for itself."""
    advice: str = ""
    """The next step; empty if there is nothing to do."""


def fine(link: str, seen: str, meaning: str = "") -> Finding:
    """Return a finding that needs no action."""
    return Finding(link, Verdict.OK, seen, meaning)


def warn(link: str, seen: str, meaning: str, advice: str) -> Finding:
    """Return a finding that will cost something, now or later."""
    return Finding(link, Verdict.WARNING, seen, meaning, advice)


def fail(link: str, seen: str, meaning: str, advice: str) -> Finding:
    """Return a finding that keeps something from being counted or delivered. Lines, as of several errors, become one."""
    return Finding(link, Verdict.FAILURE, " ".join(seen.splitlines()), meaning, advice)


def skip(link: str, seen: str, meaning: str = "") -> Finding:
    """Return a finding about something that could not be examined, or did not need to be."""
    return Finding(link, Verdict.SKIPPED, seen, meaning)
