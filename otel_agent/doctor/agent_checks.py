"""Checks what the agent itself needs: settings, a process that runs, a sound ledger, and room on the disk."""

import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otel_agent.doctor.chosen_backend import stays_here
from otel_agent.doctor.finding import Finding, fail, fine, skip, warn
from otel_agent.doctor.named_files import unusable_files
from otel_agent.errors import LedgerError
from otel_agent.ledger import place
from otel_agent.ledger.delivery_state import SignalDelivery
from otel_agent.ledger.files import find_damage
from otel_agent.ledger.hold import held_by
from otel_agent.ledger.queries import open_to_read
from otel_agent.model.plural import counted
from otel_agent.obstacles import obstacle
from otel_agent.settings import Loaded, Settings

_NO_ROOM: Final = 50_000_000
_LITTLE_ROOM: Final = 500_000_000
"""Bytes that are free. A ledger of 100,000 messages takes 60 MB, and SQLite needs room beside it to write."""
_CHECK_SECONDS: Final = 2.0
"""Time to check every page of a ledger, which is enough for some hundred megabytes."""

TRY_AGAIN: Final = "The next start of the agent sends them again. Look for `quarantined` in its log for the reason."

REJECTED_TODO: Final = (
    "Look into the backend's log, and at its limits for the age and the names of data. `otel_agent.export.rejected` and the "
    "agent's log have the numbers."
)


def settings_file(found: Loaded) -> Iterator[Finding]:
    """Check that only its owner can read a settings file with keys in it, and that the environment can be used."""
    for sentence in found.refused:
        yield fail("settings", sentence, "`otel-agent run` does not start with it.", "Correct or unset the variable.")
    yield from _administrator(found)
    for sentence in unusable_files(found.settings):
        what, _, todo = sentence.partition(". ")
        yield fail("settings", what, "What needs it does not work.", todo or "Correct what is in that file.")
    if found.file is None:
        yield fine(
            "settings",
            "there is no settings file",
            "The environment and the defaults apply. `otel-agent config init` writes a file.",
        )
        return
    mode = stat.S_IMODE(found.file.stat().st_mode)
    if found.settings.otlp.headers and mode & 0o077 and sys.platform != "win32":
        yield warn(
            "settings",
            f"{found.file} holds headers and can be read by others ({mode:o})",
            "Headers contain keys.",
            f"chmod 600 {found.file}",
        )
    else:
        yield fine("settings", f"{found.file} can be used")


def _administrator(found: Loaded) -> Iterator[Finding]:
    """Say whether the administrator's file holds, and what of the user's has no effect because of it."""
    if found.not_obeyed:
        meaning = "Nothing in it holds: neither its defaults nor what it locks."
        yield fail("settings", found.not_obeyed, meaning, "Only an administrator can mend that: chown, chmod.")
    if found.administrator:
        yield fine("settings", f"the administrator's file {found.administrator} is obeyed")
    for name, places in found.overruled.items():
        yield warn(
            "settings",
            f"{name} is locked by {found.administrator}; not used: {', '.join(places)}",
            "The administrator's value holds.",
            "Take your own value out, or ask the administrator.",
        )


def agent(settings: Settings, *, expected: bool = True) -> Iterator[Finding]:
    """Check that an agent is running. ``expected`` is false if nobody chose a backend: then summaries need none."""
    holder = held_by(settings.state_dir)
    if holder is None and (stays_here(settings) or not expected):
        yield skip(
            "agent",
            "no otel-agent is running",
            "None is needed for summaries: they read what is new themselves. `otel-agent setup` starts one at login.",
        )
        return
    if holder is None:
        yield warn(
            "agent",
            "no otel-agent is running",
            "Nothing is delivered until one runs.",
            "`otel-agent service install` starts it at every login, `otel-agent run` starts it now.",
        )
        return
    yield fine("agent", f"otel-agent is running: process {holder.pid}, since {holder.since}")
    if holder.trouble is not None:
        waiting = holder.trouble.waiting
        yield fail(
            "counting",
            f"process {holder.pid} cannot write its ledger: {holder.trouble.reason}",
            f"At least {counted(waiting, 'message')} to count." if waiting else "Nothing is counted meanwhile.",
            "Nothing is lost: it goes on by itself as soon as the ledger can be written.",
        )


def quarantined_in_words(spans: int) -> str:
    """Return what is in quarantine, and why, without a full stop."""
    return f"{counted(spans, 'pending span')} quarantined: the backend rejected each alone, and accepted others"


def rejected_in_words(delivery: SignalDelivery) -> str:
    """Return how much the backend left out of requests that it accepted."""
    items = counted(delivery.rejected, "span" if delivery.signal == "traces" else "data point")
    return (
        f"The backend left {items} out of requests that it accepted, since the ledger began; they are not sent again."
    )


def rejected(settings: Settings) -> Iterator[Finding]:
    """Name the spans that the backend rejected alone, and a signal if it rejects everything in it."""
    try:
        with open_to_read(settings.state_dir) as found:
            spans = found.quarantined() if found else 0
            deliveries = found.deliveries() if found else []
    except LedgerError:
        return  # that is a finding of its own
    for each in deliveries:
        if each.rejects_all:
            yield fail(each.signal, each.reason, rejected_in_words(each), REJECTED_TODO)
    if spans:
        yield warn("traces", quarantined_in_words(spans), "Their traces are not whole at the backend.", TRY_AGAIN)


def ledger(settings: Settings) -> Iterator[Finding]:
    """Check that the ledger can be written, is private, readable and undamaged, and has no message from the future."""
    folder, path = settings.state_dir, place.ledger_path(settings.state_dir)
    try:
        is_there = place.exists(path)
        place.refuse_unwritable(path)
        place.refuse_strange_files(folder)
    except LedgerError as error:
        yield fail(
            "ledger", str(error), "Nothing can be counted.", "Do what is said above, then start the agent again."
        )
        return
    if not os.access(_nearest(folder), os.W_OK | os.X_OK):
        what, todo = obstacle(folder, is_folder=True, to_write=True) or (
            f"{folder} cannot be written",
            "Make it writable",
        )
        yield fail("ledger", what, "Nothing can be counted.", f"{todo}, or set OTEL_AGENT_STATE_DIR.")
    elif not is_there:
        yield fine("ledger", f"there is none yet; it will be {path}")
    if not is_there:
        return
    yield from _private(folder, path)
    try:
        with open_to_read(folder) as found:
            newest_ms = found.newest_ms() if found else None
    except LedgerError as error:
        meaning = "No message can be counted with this ledger."
        todo = "Upgrade otel-agent if a newer one wrote it; `otel-agent run` moves a damaged one aside."
        yield fail("ledger", str(error), meaning, todo)
        return
    yield _whole(path)
    # A minute of tolerance: two machines' clocks never agree to the second.
    if newest_ms is not None and newest_ms / 1e3 > time.time() + 60:
        yield warn(
            "clock",
            "the newest message is in the future",
            "This machine's clock was ahead when it was written, or is behind now.",
            "Set the clock.",
        )


def _private(folder: Path, path: Path) -> Iterator[Finding]:
    readable = [each for each in (folder, path) if each.stat().st_mode & 0o077]
    if readable and sys.platform != "win32":
        yield warn(
            "ledger",
            f"{readable[0]} can be read by others",
            "It holds titles of sessions, which quote prompts.",
            f"chmod go= {readable[0]}",
        )


def _whole(path: Path) -> Finding:
    size, end = path.stat().st_size, time.monotonic() + _CHECK_SECONDS
    try:
        trouble = find_damage(path, lambda: time.monotonic() > end)
    except LedgerError as error:
        if time.monotonic() > end:
            seen = f"{path}: {size / 1e6:,.0f} MB; too large to check every page now"
            return skip("ledger", seen, "`otel-agent run` checks every page when it starts.")
        trouble = str(error)
    if trouble:
        return fail(
            "ledger",
            f"{path}: {trouble}",
            "The ledger is damaged.",
            "Restart the agent: it moves the damaged ledger aside and counts again.",
        )
    return fine("ledger", f"{path}: {size / 1e6:,.1f} MB, undamaged")


def disk(settings: Settings) -> Iterator[Finding]:
    """Check that the ledger has room to grow."""
    free = shutil.disk_usage(_nearest(settings.state_dir)).free
    seen = f"{free / 1e6:,.0f} MB are free on the disk that holds {settings.state_dir}"
    if free < _NO_ROOM:
        yield fail("disk", seen, "The ledger cannot grow: counting waits until there is room.", "Free some space.")
    elif free < _LITTLE_ROOM:
        yield warn("disk", seen, "A ledger of 100,000 messages takes about 60 MB.", "Free some space soon.")
    else:
        yield fine("disk", seen)


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or the first one above it that is there and may be looked at."""
    return next((each for each in (folder, *folder.parents) if os.path.exists(each)), Path("/"))  # noqa: PTH110 - it never raises
