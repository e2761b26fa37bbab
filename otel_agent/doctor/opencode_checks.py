"""Checks the way from OpenCode to the agent: folders, stores, releases, processes, and plugins that report too."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from otel_agent.doctor.finding import Finding, fail, fine, skip, warn
from otel_agent.doctor.permission import GIVE, refused_folders
from otel_agent.errors import LedgerError
from otel_agent.intake.store_claims import ADVICE, shared_stores
from otel_agent.intake.store_finder import known_locations, named_locations
from otel_agent.ledger.hold import Holder, held_by
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.reading import Reading
from otel_agent.model import CallsWanted, Problem, ProblemKind, ReadScope, Store, Unreadable
from otel_agent.model.plural import counted
from otel_agent.opencode.answering import Busy, NoAnswer, answer_of
from otel_agent.opencode.configured_models import telemetry_plugins
from otel_agent.opencode.locations import StoreLocations, doubts, find_stores
from otel_agent.opencode.mounts import network_file_system
from otel_agent.opencode.releases import newer_than_known
from otel_agent.opencode.running.processes import Processes
from otel_agent.settings import Settings
from otel_agent.summary.text.warnings import noticed, only_these, still_counted

_UNKNOWN = (ProblemKind.UNKNOWN_SCHEMA, ProblemKind.UNKNOWN_FIELDS)
"""Problems that a release which is too new for us causes."""
_MOUNT = "Mount it again, or take it out of XDG_DATA_HOME, OPENCODE_DB or data_dirs."


def _locations(settings: Settings) -> StoreLocations:
    """Return where to look. A ledger that cannot be read has a check of its own, and hides no folder of OpenCode's."""
    try:
        return known_locations(settings)
    except LedgerError:
        return named_locations(settings)


def folders(settings: Settings) -> Iterator[Finding]:
    """Check that each folder in which OpenCode may keep data can be read, and is on this machine."""
    places, given = _locations(settings), _given(settings)
    for doubt in doubts(places):
        yield warn(
            "data folder", doubt, "Nothing in it is counted.", "Correct XDG_DATA_HOME, OPENCODE_DB or data_dirs."
        )
    for folder in places.folders:
        try:
            is_folder = answer_of(str(folder), partial(os.path.isdir, folder))
        except NoAnswer as failure:
            yield fail("data folder", str(failure.problem), _missing(str(folder), given), _MOUNT)
            continue
        if not is_folder:
            yield skip("data folder", f"{folder} does not exist", "OpenCode creates it when it first starts.")
        elif not os.access(folder, os.R_OK | os.X_OK):
            if os.access(folder, os.X_OK):
                continue  # what cannot be listed is named with the stores
            yield fail(
                "data folder",
                f"{folder} cannot be read",
                _missing(str(folder), given),
                f"{GIVE} {folder}",
            )
        else:
            yield fine("data folder", f"{folder} can be read")
        kind = network_file_system(folder)
        if kind:
            yield warn(
                "data folder",
                f"{folder} is on {kind}",
                "Changes made on another machine send no events here and are found only by polling. "
                "SQLite's WAL does not work across machines.",
                "Run otel-agent on the machine that runs OpenCode.",
            )


def stores(settings: Settings) -> Iterator[Finding]:
    """Check that there are stores, and that the beginning of each can be read."""
    found, problems = find_stores(_locations(settings))
    given = _given(settings)
    for problem in problems:
        if problem.kind is ProblemKind.BUSY:
            yield warn("stores", str(problem), "It has a very long folder.", "Wait: nothing is to be done.")
            continue
        if problem.kind is ProblemKind.NOT_LISTED and any(_is_in(problem.place, each) for each in found.values()):
            yield warn(
                "stores",
                str(problem),
                "A store in it whose name is not known yet is not counted.",
                f"{GIVE} {problem.place}",
            )
            continue
        advice = _MOUNT if problem.kind is ProblemKind.SILENT else "Give this user permission to read it."
        yield fail("stores", str(problem), _missing(problem.place, given), advice)
    for store in found.values():
        yield _store(store, given)
    for shared in shared_stores(found, settings.state_dir):
        yield warn("store", str(shared), "Summaries here are right; a sum over both agents is not.", ADVICE)
    if not found and not problems:
        yield warn(
            "stores",
            "no OpenCode data was found",
            "There is nothing to count yet.",
            "Start OpenCode once. If its data is elsewhere, set XDG_DATA_HOME, OPENCODE_DB or OTEL_AGENT_DATA_DIRS.",
        )


def _is_in(folder: str, store: Store) -> bool:
    return store.name.startswith(f"{folder.rstrip(os.sep)}{os.sep}")


def _given(settings: Settings) -> Mapping[str, int]:
    """Return how many messages were counted from each store so far. A ledger that cannot be read has a check of its own."""
    with suppress(LedgerError), open_to_read(settings.state_dir) as ledger:
        return ledger.messages_by_store() if ledger else {}
    return {}


def _missing(place: str, given: Mapping[str, int]) -> str:
    """Return what is missing if a place cannot be read: more than nothing can be counted from it already."""
    before = sum(given[name] for name in given if name == place or name.startswith(f"{place}{os.sep}"))
    if before:
        return only_these(before)
    if any(given[name] and place.startswith(f"{name}{os.sep}") for name in given):
        return "Only messages that were counted before are counted."
    return "No message in it is counted."


def _store(store: Store, given: Mapping[str, int]) -> Finding:
    """Read the first part as the agent would, and throw it away."""
    kind = "JSON tree" if store.is_tree else "SQLite"
    try:
        if store.is_tree:
            if refused := refused_folders([store]):
                more = f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""
                return fail(
                    "store",
                    f"{refused[0]}{more} cannot be listed",
                    _missing(refused[0], given),
                    f"{GIVE} {refused[0]}",
                )
            number = answer_of(store.name, store.length)
            return fine("store", f"{store.name}: {kind}, {counted(number, 'message file')}")
        problems, counts, number = answer_of(store.name, lambda: _tried(store))
    except Busy as failure:
        return warn("store", str(failure.problem), "It has a very long folder.", "Wait: nothing is to be done.")
    except Unreadable as failure:
        problems, number, counts = [failure.problem], 0, False
    if problems:
        more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
        return fail(
            "store",
            f"{problems[0]}{more}",
            only_these(given.get(store.name, 0)) or "Messages that cannot be read are not counted.",
            "`otel-agent summary` lists everything that could not be read.",
        )
    seen = f"{store.name}: {kind}, {counted(number, 'message row')}"
    if number and not counts:
        return warn(
            "store",
            f"{seen}, and no answer of a model among them",
            "Nothing of this store is counted.",
            "This is right if OpenCode never answered here. Else look for a newer otel-agent.",
        )
    return fine("store", seen)


def _tried(store: Store) -> tuple[list[Problem], bool, int]:
    """Read the store up to the first chunk with messages, and close it.

    Return the problems, whether there was a message that counts, and the number of rows.
    """
    problems: list[Problem] = []
    counts = False
    try:
        # The time is one that no message is younger than.
        for batch in store.read(lambda _: None, lambda _: CallsWanted(), now_ms=2**42, scope=ReadScope()):
            problems += batch.problems
            counts = bool(batch.messages)
            if counts:
                break
        # A database that is locked would be waited for once more, longer than this check may take.
        return problems, counts, store.length() if counts or not problems else 0
    finally:
        store.close()


def releases(settings: Settings) -> Iterator[Finding]:
    """Check that the whole history was read, that no OpenCode newer than those tested wrote the data, and that everything
    could be read."""
    # Asked before the ledger: a process that ends in between leaves a ledger that says that everything was read.
    reader = held_by(settings.state_dir)
    with open_to_read(settings.state_dir) as ledger:
        if ledger is None:
            yield skip("OpenCode releases", "no message was counted yet")
            return
        history = ledger.reading()
        newer = newer_than_known(ledger.versions())
        troubles, lost = ledger.problems(), ledger.unreadable_stores()
    yield _history(history, reader)
    if newer:
        yield warn(
            "OpenCode releases",
            f"OpenCode {newer[-1]} wrote some of the data",
            "This otel-agent was not tested with that release.",
            "Look for a newer otel-agent.",
        )
    elif not any(trouble.kind in _UNKNOWN for trouble in troubles):
        yield fine("OpenCode releases", "none is newer than those tested (up to 1.18, and 2.x)")
    for trouble in troubles:
        yield warn(
            "unreadable",
            f"{counted(trouble.places, 'place')} ({trouble.kind.value}): {', '.join(trouble.examples)}{noticed(trouble, lost)}",
            f"Each {trouble.kind.meaning}. {still_counted(trouble, lost)}".rstrip(),
            "Check the paths listed above.",
        )


def _history(reading: Reading | None, reader: Holder | None) -> Finding:
    if reading is None:
        return fine("history", "everything that OpenCode had stored was read")
    number = counted(reading.looked_at, "file or row", "files or rows")
    return warn(
        "history",
        f"{number} of about {reading.found:,} were read ({reading.percent} %)" if reading.found else f"{number} read",
        "All totals are incomplete until everything was read.",
        f"Process {reader.pid} reads on: wait for it."
        if reader
        else "`otel-agent summary` or `otel-agent run` continues the reading.",
    )


def processes() -> Iterator[Finding]:
    """Check that each running OpenCode process can be reported with its project."""
    found = [sample for sample, _ in Processes().sample()]
    modes = Counter(sample.mode.value for sample in found)
    by_mode = ", ".join(f"{number} {mode}" for mode, number in modes.items())
    running = counted(len(found), "running OpenCode process")
    yield fine("processes", f"{running}: {by_mode}" if by_mode else running)
    without_directory = sum(not sample.directory for sample in found)
    if without_directory:
        yield warn(
            "processes",
            f"the working directory of {counted(without_directory, 'process')} cannot be read",
            "Such a process is reported without a project.",
            "It belongs to another user: run otel-agent as that user.",
        )


def other_telemetry(environ: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    """Check that nothing else on this machine reports tokens and cost, so that no dashboard adds both up."""
    plugins = telemetry_plugins(environ, folder)
    for name, where in plugins:
        yield warn(
            "other telemetry",
            f"OpenCode loads the plugin {name} ({where})",
            "Telemetry plugins report tokens and cost too, under similar names. A dashboard that adds up both shows double.",
            "Remove the plugin or otel-agent, or filter by instrumentation scope (ours is otel_agent) and service.instance.id.",
        )
    if not plugins:
        yield fine("other telemetry", "OpenCode loads no known telemetry plugin")
    if environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield fine(
            "other telemetry",
            "OTEL_EXPORTER_OTLP_ENDPOINT is set in this environment",
            "OpenCode 1.14 and later, if started in it, sends traces and logs of its own internals there, "
            "with service.name opencode. They hold no tokens and no cost.",
        )
