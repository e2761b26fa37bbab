"""One history for each kind of store that 2.x leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.support.made_stores.simulated.kinds_of_1_x import OF_1_X
from tests.support.made_stores.simulated.kinds_without_rows import WITHOUT_ROWS
from tests.support.made_stores.simulated.rare import Rare
from tests.support.made_stores.simulated.truth import DAY
from tests.support.made_stores.simulated.world import World

Kind = Callable[[World], None]


def fresh(world: World) -> None:
    new = Rare(world)
    one, two = new.session(), new.session()
    new.ask(one, rounds=3)
    new.ask(two)
    new.ask(one)
    new.ask(two, tokens=False)


def fields_of_2_1(world: World) -> None:
    """Later releases renamed or dropped fields that say nothing of usage."""
    new = Rare(world, version="2.1.4")
    session = new.session(title=None)
    for number in range(3):
        new.ask(session, rounds=2)
        new.compact(session)
        if not number:
            new.title(session)
        with new.commit():
            dropped = "'$.recent', '$.summary', '$.reason', '$.rawFinish'"
            new.run(
                f"UPDATE session_message SET data = json_remove(json_set(data, '$.native', json('[1]')), {dropped})"
            )
    new.ask(new.fork(session))


def forks(world: World) -> None:
    """A fork, a fork of it, a fork before a prompt, an idle one; the original goes on; each gets titles of its own."""
    new = Rare(world)
    original = new.session(title=None)
    new.ask(original, rounds=2)
    new.title(original)
    new.compact(original)
    new.ask(original)
    fork = new.fork(original)
    new.ask(fork)
    deeper = new.fork(fork)
    new.ask(deeper, rounds=2)
    new.ask(original)
    early = new.fork(original, before_turn=1)
    new.title(early)
    new.ask(early)
    new.compact(fork)
    new.fork(deeper)
    new.revert(fork, 1)
    new.ask(fork)


def fork_whose_original_is_deleted(world: World) -> None:
    new = Rare(world)
    original = new.session(title=None)
    new.ask(original, rounds=2)
    new.title(original)
    forks = [new.fork(original) for _ in range(2)]
    new.delete(original)
    for fork in forks:
        new.ask(fork)
        new.title(fork)


def forks_of_betas(world: World) -> None:
    """Before 21 Aug the copies had ordinary ids."""
    new = Rare(world, version="2.0.0-beta.1")
    original = new.session(title=None)
    new.ask(original, rounds=2)
    new.title(original)
    fork = new.fork(original, marked=False)
    new.ask(fork)
    new.title(fork)
    deeper = new.fork(fork, marked=False)
    new.ask(deeper)
    new.compact(deeper, end="interrupted")
    new.ask(original)


def reverted(world: World) -> None:
    """Reverts of own rows, of a compaction, and of a fork's copies."""
    new = Rare(world)
    session = new.session(title=None)
    for _ in range(3):
        new.ask(session, rounds=2)
    new.title(session)
    new.revert(session, 2)
    new.ask(session)
    new.compact(session)
    new.ask(session)
    new.revert(session, 1)
    new.title(session)
    fork = new.fork(session)
    new.revert(fork, 0)
    new.ask(fork)


def moved(world: World) -> None:
    new = Rare(world)
    session = new.session(title=None)
    new.ask(session)
    new.title(session)
    new.move(session, "/home/dev/elsewhere")
    new.ask(session)
    new.compact(session, end="interrupted")


def transferred(world: World) -> None:
    """A session and a fork go to another store and on there; one comes back into its own after it was deleted."""
    new, other = Rare(world), Rare(world, "opencode-local.db", "2.0.27")
    session = new.session(title=None)
    new.ask(session, rounds=2)
    new.title(session)
    fork = new.fork(session)
    new.ask(fork)
    new.compact(fork)
    files = [new.exported(session), new.exported(fork)]
    for file in files:
        other.take_in(file)
    other.ask(session)
    other.compact(fork, end="interrupted")
    other.ask(fork)
    kept = new.exported(fork)
    new.delete(fork)
    new.take_in(kept)
    new.ask(session)


def transferred_after_it_went_on(world: World) -> None:
    """The file is older than what was deleted: the totals are those of the file again."""
    new = Rare(world)
    session = new.session(title=None)
    new.ask(session)
    new.title(session)
    file = new.exported(session)
    new.ask(session, rounds=2)
    new.compact(session, end="interrupted")
    new.delete(session)
    new.take_in(file)
    new.ask(session)
    new.compact(session, end="interrupted")
    new.ask(session)


def forks_transferred_alone(world: World) -> None:
    """The original is in no store of this machine any more."""
    elsewhere = Rare(World(world.folder.parent / "elsewhere"))
    elsewhere.world.truth = elsewhere.truth = world.truth
    original = elsewhere.session()
    elsewhere.ask(original)
    fork = elsewhere.fork(original)
    elsewhere.ask(fork)
    elsewhere.title(fork)
    file = elsewhere.exported(fork)
    for place in list(world.truth.by_row):
        world.truth.gone(place)
    for session in (original, fork):
        world.truth.totals_gone(elsewhere.owner(session))
    world.now = elsewhere.world.now
    elsewhere.world.close()
    new = Rare(world)
    new.take_in(file)
    new.ask(fork)
    new.title(fork)


def wal_only(world: World) -> None:
    """The main file has the tables, and all rows lie in the log."""
    new = Rare(world)
    new.run("PRAGMA wal_checkpoint(TRUNCATE)")
    new.never_checkpoint()
    session = new.session(title=None)
    new.ask(session, rounds=2)
    new.title(session)
    new.compact(session)


def large_rows(world: World) -> None:
    """Output of tools of several hundred thousand characters."""
    new = Rare(world)
    session = new.session(title=None)
    for size in (64_000, 70_000, 700_000):
        new.ask(session, rounds=2, size=size)
    new.title(session)
    new.ask(new.fork(session), size=300_000)


def aborts(world: World) -> None:
    new = Rare(world)
    session = new.session(title=None)
    new.ask(session)
    new.title(session)
    for while_streaming in (True, False, True):
        new.abort(session, while_streaming=while_streaming)
    new.fail(session)
    new.ask(new.fork(session))


def kills(world: World) -> None:
    """One is closed by the next start, one never; the fork of a killed session leaves the open row out."""
    new = Rare(world)
    session = new.session(title=None)
    new.ask(session)
    stale = new.kill(session)
    new.start_after_kill(session, stale)
    new.title(session)
    new.kill(session)
    new.ask(new.fork(session))


def retries(world: World) -> None:
    new = Rare(world)
    session = new.session()
    new.retry(session)
    new.retry(session, failed=True)
    new.ask(new.fork(session))


def subagents(world: World) -> None:
    new = Rare(world)
    session = new.session(title=None)
    child = new.subagent(session)
    new.title(session)
    new.compact(child, end="interrupted")
    new.ask(child)
    new.ask(new.fork(session))


def archived_and_deleted(world: World) -> None:
    new = Rare(world)
    sessions = [new.session(title=None) for _ in range(3)]
    for session in sessions:
        new.ask(session)
        new.title(session)
    new.subagent(sessions[0])
    new.archive(sessions[1])
    new.delete(sessions[0])
    new.ask(sessions[2])
    new.delete(sessions[2])
    new.ask(sessions[1])


def clock_set_back(world: World) -> None:
    """By a day, between and within sessions, and before a fork."""
    new = Rare(world)
    session = new.session(title=None)
    new.ask(session, rounds=2)
    world.tick(-DAY)
    new.ask(session)
    new.title(session)
    fork = new.fork(session)
    new.ask(fork)
    world.tick(-3 * DAY)
    new.ask(fork)
    new.title(fork)
    new.compact(fork, end="interrupted")
    new.ask(new.fork(fork))


KINDS: Final[dict[str, Kind]] = {
    kind.__name__: kind
    for kind in (
        *(fresh, fields_of_2_1),
        *WITHOUT_ROWS,
        *(forks, fork_whose_original_is_deleted, forks_of_betas, reverted, moved),
        *(transferred, transferred_after_it_went_on, forks_transferred_alone, wal_only, large_rows),
        *(aborts, kills, retries, subagents, archived_and_deleted, clock_set_back),
        *OF_1_X,
    )
}
