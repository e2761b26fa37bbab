"""Histories that begin with 1.x or with a preview, and are taken over by 2.x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.support.made_stores.simulated.one import OpenCode1
from tests.support.made_stores.simulated.rare import Rare
from tests.support.made_stores.simulated.truth import DAY
from tests.support.made_stores.simulated.world import World


def _history(old: OpenCode1) -> str:
    """A session with what 1.x knows: rounds, a summary, a wrapper, a row touched days later. Return its id."""
    session = old.session()
    old.ask(session, rounds=2)
    old.ask(session, touched_ms=3 * DAY)
    old.compact(session)
    old.task_wrapper(session)
    old.ask(session)
    return session


def upgraded(world: World) -> None:
    """1.x with a fork, a fork of it, and killed calls; then 2.x goes on in all of them."""
    old = OpenCode1(world)
    session = _history(old)
    fork = old.fork(session)
    old.ask(fork)
    deeper = old.fork(fork)
    old.killed(deeper, with_tokens=True)
    old.killed(session)
    old.ask(session)
    world.tick(5 * DAY)
    new = Rare(world)
    new.upgrade()
    for each in (session, fork, deeper):
        new.ask(each)
        new.compact(each, end="interrupted")
    new.title(new.session(title=None))


def upgraded_within_seconds(world: World) -> None:
    """1.x forks at once after a short answer, and the upgrade follows."""
    old = OpenCode1(world)
    session = old.session()
    old.ask(session)
    forks = [old.fork(session) for _ in range(2)]
    new = Rare(world)
    new.upgrade()
    for each in (session, *forks):
        new.ask(each)
        new.title(each)


def forked_after_the_upgrade(world: World) -> None:
    """2.x forks imported sessions, imported forks, and its own forks of them."""
    old = OpenCode1(world)
    session = _history(old)
    old_fork = old.fork(session)
    world.tick(DAY)
    new = Rare(world)
    new.upgrade()
    forks = [new.fork(session), new.fork(old_fork)]
    for fork in forks:
        new.ask(fork)
    new.ask(session)
    deeper = new.fork(forks[0], before_turn=2)
    new.ask(deeper)
    for each in (*forks, deeper, session):
        new.title(each)
        new.compact(each)


def v1_tables_dropped(world: World) -> None:
    """With forks of 1.x and of 2.x: nothing but time, model and tokens tells that they are copies."""
    old = OpenCode1(world)
    session = old.session()
    old.ask(session, rounds=3)
    fork = old.fork(session)
    old.ask(fork)
    old.ask(old.fork(fork))
    old.ask(session)
    old.compact(session)
    world.tick(DAY)
    new = Rare(world)
    new.upgrade()
    new.ask(new.fork(fork))
    new.drop_v1()
    new.ask(session)
    new.ask(new.fork(session))
    new.compact(fork, end="interrupted")


def imported_twice(world: World) -> None:
    _imported_again(world, removed=False)


def imported_twice_as_if_never(world: World) -> None:
    """The marker is removed, and written with a new time."""
    _imported_again(world, removed=True)


def _imported_again(world: World, *, removed: bool) -> None:
    """What 2.x wrote into imported sessions is deleted by the second import; 1.x went on in between."""
    old = OpenCode1(world)
    sessions = [_history(old), old.session()]
    old.ask(sessions[1])
    new = Rare(world)
    new.upgrade()
    new.ask(sessions[0], rounds=2)
    new.compact(sessions[0])
    new.compact(sessions[1], end="interrupted")
    later = old.session()
    for each in (later, sessions[1]):
        old.ask(each)
        old.compact(each)
    world.tick(DAY)
    new.set_marker_back(removed=removed)
    new.upgrade()
    for each in (*sessions, later):
        new.ask(each)
        new.compact(each, end="interrupted")
    new.ask(new.fork(sessions[1]))


def previews(world: World) -> None:
    """Previews beside 2.x, which copies one of them at its first start; both go on."""
    preview = Rare(world, "opencode-next.db", "2.0.0-next.3", preview=True)
    local = Rare(world, "opencode-local.db", "local", preview=True)
    session, other = preview.session(title=None), local.session(title=None)
    for program, each in ((preview, session), (local, other)):
        program.ask(each, rounds=2)
        program.title(each)
        program.ask(program.fork(each))
        program.compact(each)
    old = OpenCode1(world)
    _history(old)
    new = Rare(world)
    new.upgrade(preview)
    new.ask(session)
    new.compact(session, end="interrupted")
    new.ask(new.fork(session))
    local.ask(other)
    preview.ask(preview.session())


def preview_renamed(world: World) -> None:
    """A beta's `opencode.db`: 2.0 renames its table of sessions in place."""
    beta = Rare(world, version="2.0.0-beta.2", preview=True)
    session = beta.session(title=None)
    beta.ask(session, rounds=2)
    beta.title(session)
    beta.ask(beta.fork(session, marked=False))
    with beta.commit():
        beta.run("ALTER TABLE session RENAME TO session_v2")
        beta.run("ALTER TABLE session_v2 ADD COLUMN fork_boundary text")
    beta.close()
    new = Rare(world)
    new.ask(session)
    new.title(session)
    new.ask(new.fork(session))


def preview_beside_1_x(world: World) -> None:
    """A beta on the database of 1.x: one table of sessions, two of messages."""
    old = OpenCode1(world)
    first = _history(old)
    beta = Rare(world, version="2.0.0-beta.2", preview=True)
    session = beta.session()
    beta.ask(session, rounds=2)
    beta.title(session)
    old.ask(first)
    beta.ask(beta.fork(session))


def old_program_afterwards(world: World) -> None:
    """1.x is used after the upgrade: in old sessions, in sessions that 2.x went on with, in new ones and their forks."""
    old = OpenCode1(world)
    session, other = _history(old), _history(old)
    new = Rare(world)
    new.upgrade()
    old.ask(session, rounds=2)
    new.ask(session)
    old.compact(session)
    later = old.session()
    old.ask(later)
    old.ask(old.fork(later))
    old.ask(old.fork(other))
    old.ask(other)
    new.compact(other, end="interrupted")
    new.title(session)
    new.ask(new.fork(session))
    old.delete(later)


def reverted_after_the_upgrade(world: World) -> None:
    """2.x reverts imported rows, which stay in the tables of 1.x and in the totals."""
    old = OpenCode1(world)
    session = _history(old)
    fork = old.fork(session)
    new = Rare(world)
    new.upgrade()
    new.ask(session)
    new.revert(session, 1)
    new.ask(session)
    new.compact(session, end="interrupted")
    new.revert(fork, 1)
    new.title(fork)
    new.ask(new.fork(fork))


def imported_session_deleted(world: World) -> None:
    """2.x deletes an imported session; 1.x still has it."""
    old = OpenCode1(world)
    session, other = _history(old), _history(old)
    new = Rare(world)
    new.upgrade()
    new.ask(session)
    new.compact(session, end="interrupted")
    fork = new.fork(session)
    new.delete(session)
    new.ask(fork)
    new.ask(other)


def clock_set_back_around_the_upgrade(world: World) -> None:
    """1.x forks on a clock that is a day behind, and 2.x goes on before its time."""
    old = OpenCode1(world)
    session = _history(old)
    world.tick(-2 * DAY)
    fork = old.fork(session)
    old.ask(fork)
    world.tick(-DAY // 24 // 6)
    old.ask(old.fork(fork))
    world.tick(DAY // 4)
    new = Rare(world)
    world.tick(3 * DAY)
    new.upgrade()
    new.ask(fork)
    new.title(fork)
    new.ask(new.fork(fork))
    world.tick(-4 * DAY)
    new.ask(new.fork(session))
    new.title(session)


def imported_fork_transferred(world: World) -> None:
    """A fork of 1.x leaves for another store; there its version is that of 2.x."""
    old = OpenCode1(world)
    session = _history(old)
    fork = old.fork(session)
    old.ask(fork)
    new = Rare(world)
    new.upgrade()
    other = Rare(world, "opencode-local.db")
    other.take_in(new.exported(fork))
    other.ask(fork)
    other.compact(fork, end="interrupted")


OF_1_X: Final[tuple[Callable[[World], None], ...]] = (
    *(upgraded, upgraded_within_seconds, forked_after_the_upgrade, v1_tables_dropped, imported_twice),
    *(imported_twice_as_if_never, previews, preview_renamed, preview_beside_1_x, old_program_afterwards),
    *(
        reverted_after_the_upgrade,
        imported_session_deleted,
        clock_set_back_around_the_upgrade,
        imported_fork_transferred,
    ),
)
