"""The agent's own: its settings, its ledger, room on the disk, what the kernel lets it watch."""

import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otel_agent.doctor.finding import Finding, fail, fine, skip, warn
from otel_agent.errors import LedgerError
from otel_agent.intake.store_finder import known_locations
from otel_agent.ledger.files import find_damage, held_by, ledger_path
from otel_agent.ledger.queries import open_to_read
from otel_agent.opencode.locations import find_stores
from otel_agent.settings import Loaded, Settings

_NO_ROOM: Final = 50_000_000
_LITTLE_ROOM: Final = 500_000_000
"""Bytes. A ledger of 100,000 messages takes 60 MB, and SQLite needs room beside it to write."""
_LONGEST_LOOK: Final = 500_000_000
"""Bytes of a ledger that is looked through page by page, which takes some seconds."""
_PROC: Final = Path("/proc")


def settings_file(found: Loaded) -> Iterator[Finding]:
    if found.file is None:
        yield fine(
            "settings",
            "no settings file",
            "The defaults hold, and the environment. `otel-agent config init` begins one.",
        )
        return
    mode = stat.S_IMODE(found.file.stat().st_mode)
    if found.settings.otlp.headers and mode & 0o077 and sys.platform != "win32":
        yield warn(
            "settings",
            f"{found.file} holds headers and can be read by others ({mode:o})",
            "Headers hold keys.",
            f"chmod 600 {found.file}",
        )
    else:
        yield fine("settings", f"{found.file} can be used")


def agent(settings: Settings) -> Iterator[Finding]:
    holder = held_by(settings.state_dir)
    if holder is None:
        yield warn(
            "agent",
            "no otel-agent runs",
            "Nothing is delivered until one does.",
            "`otel-agent service install` starts it at login; `otel-agent run` now.",
        )
    else:
        yield fine("agent", f"otel-agent runs: process {holder.pid}, since {holder.since}")


def ledger(settings: Settings) -> Iterator[Finding]:
    folder, path = settings.state_dir, ledger_path(settings.state_dir)
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(nearest, os.W_OK):
        yield fail(
            "ledger",
            f"{folder} cannot be written",
            "Nothing can be counted.",
            "Make it writable, or set OTEL_AGENT_STATE_DIR.",
        )
        return
    if not path.exists():
        yield fine("ledger", f"none yet; it will be {path}")
        return
    open_to_others = [each for each in (folder, path) if each.stat().st_mode & 0o077]
    if open_to_others and sys.platform != "win32":
        yield warn(
            "ledger",
            f"{open_to_others[0]} can be read by others",
            "It holds titles, which quote prompts.",
            f"chmod go= {open_to_others[0]}",
        )
    try:
        with open_to_read(folder) as found:
            newest_ms = found.newest_ms() if found else None
    except LedgerError as error:
        yield fail(
            "ledger",
            str(error),
            "Nothing is counted with it.",
            "Upgrade otel-agent if it is newer; `otel-agent run` sets a damaged one aside.",
        )
        return
    yield _whole(path)
    if newest_ms is not None and newest_ms / 1e3 > time.time() + 60:
        yield warn(
            "clock",
            "the newest message lies in the future",
            "This machine's clock was ahead when it was written, or is behind now.",
            "Set the clock.",
        )


def _whole(path: Path) -> Finding:
    size = path.stat().st_size
    if size > _LONGEST_LOOK:
        return skip(
            "ledger",
            f"{path}: {size / 1e6:,.0f} MB; too large to look through now",
            "`otel-agent run` looks at every page when it starts.",
        )
    try:
        trouble = find_damage(path)
    except LedgerError as error:
        trouble = str(error)
    if trouble:
        return fail(
            "ledger",
            f"{path}: {trouble}",
            "It is damaged.",
            "Stop the agent and start it: it sets the damaged ledger aside and counts again.",
        )
    return fine("ledger", f"{path}: {size / 1e6:,.1f} MB, whole")


def disk(settings: Settings) -> Iterator[Finding]:
    folder = next(each for each in (settings.state_dir, *settings.state_dir.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1e6:,.0f} MB free where {settings.state_dir} is"
    if free < _NO_ROOM:
        yield fail("disk", seen, "The ledger cannot grow: counting waits until there is room.", "Make room.")
    elif free < _LITTLE_ROOM:
        yield warn("disk", seen, "A ledger of 100,000 messages takes about 60 MB.", "Make room soon.")
    else:
        yield fine("disk", seen)


def watching(settings: Settings, proc: Path = _PROC) -> Iterator[Finding]:
    limits = proc / "sys" / "fs" / "inotify"
    if not limits.is_dir():
        yield skip("watching", "no limits are known on this system")
        return
    found, _ = find_stores(known_locations(settings))
    needed = 1 + sum(_folders(store.folder) for store in found.values() if store.is_tree) + len(found)
    allowed = int((limits / "max_user_watches").read_text())
    if needed > allowed // 2:
        yield warn(
            "watching",
            f"{needed:,} folders to watch, of {allowed:,} that the kernel allows a user",
            "Without a watch, changes are found by looking, which costs more.",
            f"sysctl fs.inotify.max_user_watches={max(4 * needed, 65_536)}",
        )
    else:
        yield fine("watching", f"{needed:,} folders to watch, of {allowed:,} that the kernel allows a user")


def _folders(folder: Path) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(entry.is_dir() for entry in entries)
    except OSError:
        return 0
