"""Finds the branch that was checked out at a time, in the reflog of HEAD: git writes a line there for each change of it."""

import math
import re
from bisect import bisect_right
from typing import Final

from msgspec import Struct

DETACHED: Final = ""
"""The name for a commit that is checked out without a branch."""
_CLOCKS_DIFFER_SECONDS: Final = 3600
"""A file server's clock may be behind by this much. A later time was never the time of a line."""
_LINE: Final = re.compile(r"(?P<before>[0-9a-f]+) [0-9a-f]+ .*> (?P<seconds>[0-9]{1,12}) [-+][0-9]+\t(?P<text>.*)")
_NO_COMMIT: Final = re.compile(r"0+")
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
_ABBREVIATED: Final = re.compile(r"[0-9a-f]{7,64}")
_CHECKOUT: Final = re.compile(r"checkout: moving from (\S+) to (\S+)")
_RENAMED: Final = re.compile(r"Branch: renamed refs/heads/(\S+) to refs/heads/(\S+)")
# A commit's subject comes after a colon, so no word before the step may be one.
_REBASE: Final = re.compile(r"(?:rebase|pull)(?: [^\s(]\S*)* (?:\((start|finish|abort)\)|finished): (.*)")
_TO_NOBODY_KNOWS: Final = re.compile(r"rebase: checkout \S+|commit \(initial\): .*")
"""Git writes the first for a branch that needs no rebase, and older releases for the begin of any. The second is the first
commit of a branch without a parent: git notes no change to such a branch."""
_RETURNING: Final = re.compile(r"returning to refs/heads/(\S+)")
_NO_BRANCH: Final = re.compile(r"HEAD|@|.*(?:[~^:\\]|@\{).*")


class Step(Struct, frozen=True, gc=False):
    """A change of what is checked out. A branch that the line does not name is ``None``."""

    seconds: int
    left: str | None
    entered: str | None


class Branches(Struct, frozen=True):
    """The branches of one folder over time."""

    head: str
    """The branch that is checked out now, ``DETACHED`` if none is."""
    steps: tuple[Step, ...] = ()
    known_from: float = -math.inf
    """Seconds since 1970 before which nothing is known."""

    def at(self, ms: int) -> str:
        """Return the branch at a time in milliseconds since 1970, empty if there was none or it is not known."""
        if ms < self.known_from * 1000:
            return ""
        # A line names its second only, and holds from the end of it. So what later lines say never changes the answer
        # for a time that was over when the reflog was read.
        done = bisect_right(self.steps, ms, key=lambda step: (step.seconds + 1) * 1000)
        if done == len(self.steps):
            return self.head
        # What git says that it left is certain. A tag or a commit can be named as what it goes to.
        left = self.steps[done].left
        if left is not None:
            return left
        return (self.steps[done - 1].entered or "") if done else ""


NOTHING_KNOWN: Final = Branches("", known_from=math.inf)


def head_branch(content: str) -> str:
    """Return the branch that a file HEAD names, ``DETACHED`` if it names none."""
    name = content.strip().removeprefix("ref: refs/heads/")
    # The newer storage of refs has no text that says it, and a name that no branch can have.
    return DETACHED if name == content.strip() or name.startswith(".") else name


def branches(head: str, reflog: str, *, is_whole: bool, written: float) -> Branches:
    """Return the branches by the text of a reflog. ``written`` is the time of its last change, in seconds.

    ``is_whole`` is false for the end of one that is too long to be read.
    """
    lines = [found for line in reflog.split("\n") if (found := _LINE.fullmatch(line))]
    if not lines:
        return NOTHING_KNOWN if reflog else Branches(head, known_from=math.ceil(written))
    steps: list[Step] = []
    last = 0
    for number, line in enumerate(lines):
        seconds = int(line["seconds"])
        # Git takes the time from a variable if someone sets it: the order of the lines is what counts.
        last = max(last, seconds if seconds <= written + _CLOCKS_DIFFER_SECONDS else 0)
        step = _step(line["text"], last, is_first=number == 0)
        if step is not None:
            steps.append(step)
    # Git drops lines of more than 90 days. What was before the first that is left, nobody knows.
    begins = is_whole and bool(_NO_COMMIT.fullmatch(lines[0]["before"]))
    return Branches(head, tuple(steps), -math.inf if begins else int(lines[0]["seconds"]))


def _step(text: str, seconds: int, *, is_first: bool) -> Step | None:
    if found := _CHECKOUT.fullmatch(text):
        left, entered = found.groups()
        is_branch = not (_ABBREVIATED.fullmatch(entered) or _NO_BRANCH.fullmatch(entered))
        return Step(seconds, DETACHED if _COMMIT.fullmatch(left) else left, entered if is_branch else DETACHED)
    if found := _RENAMED.fullmatch(text):
        return Step(seconds, *found.groups())
    if found := _REBASE.fullmatch(text):
        if found[1] == "start":
            return Step(seconds, None, DETACHED)
        back = _RETURNING.fullmatch(found[2])
        return Step(seconds, DETACHED, back[1] if back else None)
    return Step(seconds, None, None) if _TO_NOBODY_KNOWS.fullmatch(text) and not is_first else None
