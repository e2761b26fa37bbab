"""Histories with usage that only the totals of a session know, for a while or for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.support.made_stores.simulated.rare import Rare
from tests.support.made_stores.simulated.truth import DAY
from tests.support.made_stores.simulated.world import World


def titles(world: World) -> None:
    """Titles of one call, of two, of two that come later, and one whose session never gets another message."""
    new = Rare(world)
    sessions = [new.session(title=None) for _ in range(3)]
    for session, calls in zip(sessions, (1, 2, 1), strict=True):
        new.prompt(session)
        new.title(session, calls)
        new.ask(session)
    new.title(sessions[0])
    new.ask(sessions[0])
    new.title(new.session(title=None))


def compactions(world: World) -> None:
    """Completed with one and two calls, failed with usage, interrupted by hand, and with a supplied summary."""
    new = Rare(world)
    session = new.session(title=None)
    new.ask(session)
    new.title(session)
    for calls, end, reason in ((1, "completed", "auto"), (2, "completed", "manual"), (2, "failed", "auto")):
        new.compact(session, calls, end=end, reason=reason)
        new.ask(session)
    new.compact(session, end="interrupted", reason="manual")
    new.title(session)
    new.end_compaction(session, new.begin_compaction(session), "completed")
    new.ask(session)


def compaction_killed(world: World) -> None:
    """The next prompt of one session makes it failed; nobody goes on with the other."""
    new = Rare(world)
    one, two = new.session(title=None), new.session()
    for session in (one, two):
        new.ask(session)
    row = new.compact(one, 2, end="")
    new.compact(two, end="")
    new.title(one)
    new.end_compaction(one, row, "failed", error={"type": "compaction.interrupted", "message": "no"})
    new.ask(one)
    world.tick(2 * DAY)
    new.ask(one)


def compaction_of_a_day(world: World) -> None:
    """A laptop sleeps for two days in the middle of a compaction, which goes on then."""
    new = Rare(world)
    session = new.session(title=None)
    new.ask(session)
    new.title(session)
    row = new.begin_compaction(session)
    calls = [new.compaction_call(session)]
    world.tick(2 * DAY)
    new.ask(new.session())
    calls.append(new.compaction_call(session, is_message=False))
    new.end_compaction(session, row, "completed", calls)
    new.title(session)
    new.ask(session)


def compactions_of_betas(world: World) -> None:
    """Before 8 Sep their rows said nothing of what they used."""
    new = Rare(world, version="2.0.0-beta.4")
    session = new.session()
    new.ask(session)
    for end in ("completed", "failed"):
        row = new.compact(session, end="")
        new.end_compaction(session, row, end)
        new.ask(session)


WITHOUT_ROWS: Final[tuple[Callable[[World], None], ...]] = (
    *(titles, compactions, compaction_killed, compaction_of_a_day, compactions_of_betas),
)
