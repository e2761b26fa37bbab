"""What a look at one link came to."""

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


class Finding(Struct, frozen=True):
    link: str
    verdict: Verdict
    seen: str
    meaning: str = ""
    advice: str = ""
    """What to do; empty where there is nothing to be done."""


def fine(link: str, seen: str, meaning: str = "") -> Finding:
    return Finding(link, Verdict.OK, seen, meaning)


def warn(link: str, seen: str, meaning: str, advice: str) -> Finding:
    return Finding(link, Verdict.WARNING, seen, meaning, advice)


def fail(link: str, seen: str, meaning: str, advice: str) -> Finding:
    return Finding(link, Verdict.FAILURE, seen, meaning, advice)


def skip(link: str, seen: str, meaning: str = "") -> Finding:
    return Finding(link, Verdict.SKIPPED, seen, meaning)
