"""Checks that the kernel tells the agent of each change in OpenCode's folders."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otel_agent.doctor.finding import Finding, fine, skip, warn
from otel_agent.doctor.permission import GIVE, refused_folders
from otel_agent.intake.store_finder import known_locations
from otel_agent.intake.watch import watch_trouble
from otel_agent.intake.watch_counts import unwatched
from otel_agent.ledger.hold import held_by
from otel_agent.model import ProblemKind
from otel_agent.model.plural import counted
from otel_agent.opencode.answering import Busy, NoAnswer, answer_of
from otel_agent.opencode.bounded_files import is_folder, listing
from otel_agent.opencode.locations import WatchedFolder, find_stores, watched_folders
from otel_agent.settings import Settings

_PROC: Final = Path("/proc")


def watching(settings: Settings, proc: Path = _PROC) -> Iterator[Finding]:
    """Check that the kernel allows watches on all folders that have to be watched."""
    limits = proc / "sys" / "fs" / "inotify"
    if not limits.is_dir():
        yield skip("watching", "this system has no known limit")
        return
    try:
        yield answer_of("watching", lambda: _watching(settings, limits))
    except Busy:
        yield skip("watching", "a store has a very long folder, whose listing takes time", "Ask again in a while.")
    except NoAnswer:
        yield skip("watching", "a store does not answer", "It is named above, and polled by the agent.")


def _watching(settings: Settings, limits: Path) -> Finding:
    locations = known_locations(settings)
    found, problems = find_stores(locations)
    # One watch for each session's folder of a tree, one for each store's own folder, and one for OpenCode's.
    needed = 1 + sum(_folders(store.folder) for store in found.values() if store.is_tree) + len(found)
    allowed = int((limits / "max_user_watches").read_text())
    if trouble := _trouble(settings, watched_folders(locations, found.values())):
        way_out = f"sysctl fs.inotify.max_user_instances={2 * int((limits / 'max_user_instances').read_text()) or 128}"
        unlisted = [each.place for each in problems if each.kind is ProblemKind.NOT_LISTED]
        if refused := refused_folders(found.values()) + unlisted:
            # The limit can be used up as well.
            trouble = f"{trouble}; {refused[0]} cannot be listed"
            way_out = f"{GIVE} {refused[0]}; if that is not all: {way_out}"
        return warn(
            "watching",
            f"not all folders can be watched ({trouble})",
            "OpenCode's folders are polled instead, which costs more.",
            way_out,
        )
    seen = f"{counted(needed, 'folder')} to watch; the kernel allows each user {allowed:,}"
    # Other programs (editors, synchronisation) share the limit: half of it is left to them.
    if needed > allowed // 2:
        return warn(
            "watching",
            seen,
            "A folder that cannot be watched is polled instead, which costs more.",
            f"sysctl fs.inotify.max_user_watches={max(4 * needed, 65_536)}",
        )
    return fine("watching", seen)


def _trouble(settings: Settings, folders: list[WatchedFolder]) -> str:
    """Return why not all folders are watched: by an agent that runs, else by a trial; empty if they are."""
    holder = held_by(settings.state_dir)
    return watch_trouble(folders) if holder is None else unwatched(holder.pid, holder.since, folders)


def _folders(folder: Path) -> int:
    return sum(map(is_folder, listing(folder, [])))
