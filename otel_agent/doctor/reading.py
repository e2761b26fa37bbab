"""From OpenCode to the agent: folders, stores, releases, processes, and who else tells of them."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from otel_agent.doctor.finding import Finding, fail, fine, skip, warn
from otel_agent.intake.store_finder import known_locations
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import CallsWanted, ReadScope, Store, Unreadable
from otel_agent.opencode.configured_models import telemetry_plugins
from otel_agent.opencode.locations import find_stores
from otel_agent.opencode.mounts import network_file_system
from otel_agent.opencode.releases import newer_than_known
from otel_agent.opencode.running.processes import Processes
from otel_agent.settings import Settings


def folders(settings: Settings) -> Iterator[Finding]:
    places = known_locations(settings)
    for folder in places.folders:
        if not os.path.isdir(folder):  # noqa: PTH112 - Path's raises where a folder may not be searched
            yield skip("data folder", f"{folder} is not there", "OpenCode makes it at its first start.")
        elif not os.access(folder, os.R_OK | os.X_OK):
            yield fail(
                "data folder",
                f"{folder} may not be read",
                "Nothing in it is counted.",
                f"Give this user permission: chmod u+rx {folder}",
            )
        else:
            yield fine("data folder", f"{folder} can be read")
        kind = network_file_system(folder)
        if kind:
            yield warn(
                "data folder",
                f"{folder} is on {kind}",
                "What another machine changes there is not reported here: it is found by looking again, and SQLite's WAL does not work across machines.",
                "Run otel-agent on the machine that runs OpenCode.",
            )


def stores(settings: Settings) -> Iterator[Finding]:
    found, problems = find_stores(known_locations(settings))
    for problem in problems:
        yield fail("stores", str(problem), "What is there is not counted.", "Give this user permission.")
    for store in found.values():
        yield _store(store)
    if not found:
        yield warn(
            "stores",
            "no OpenCode data was found",
            "There is nothing to count yet.",
            "Start OpenCode once; if its data is elsewhere, set XDG_DATA_HOME, OPENCODE_DB or OTEL_AGENT_DATA_DIRS.",
        )


def _store(store: Store) -> Finding:
    """A first stretch of it is read as the agent would, and thrown away."""
    kind = "JSON tree" if store.is_tree else "SQLite"
    try:
        if store.is_tree:
            number = store.length()
            return fine("store", f"{store.name}: {kind}, {number:,} message files")
        batches = store.read(lambda _: None, lambda _: CallsWanted(), now_ms=2**42, scope=ReadScope())
        problems = [problem for batch in [next(batches, None)] if batch is not None for problem in batch.problems]
        number = store.length()
    except Unreadable as failure:
        problems, number = [failure.problem], 0
    finally:
        store.close()
    if problems:
        return fail(
            "store",
            str(problems[0]),
            "What of it cannot be read is not counted.",
            "`otel-agent summary` lists all such places.",
        )
    return fine("store", f"{store.name}: {kind}, {number:,} rows of messages")


def releases(settings: Settings) -> Iterator[Finding]:
    with open_to_read(settings.state_dir) as ledger:
        if ledger is None:
            yield skip("OpenCode releases", "nothing was counted yet")
            return
        newer = newer_than_known(ledger.versions())
        troubles = ledger.problems()
    if newer:
        yield warn(
            "OpenCode releases",
            f"OpenCode {newer[-1]} wrote some of it",
            "That is newer than what this otel-agent was tested with.",
            "ReadScope for a newer otel-agent.",
        )
    else:
        yield fine("OpenCode releases", "none is newer than what was tested (up to 1.18, and 2.x)")
    for trouble in troubles:
        yield warn(
            "unreadable",
            f"{trouble.places:,} places ({trouble.kind.value}): {', '.join(trouble.examples)}",
            f"Each {trouble.kind.meaning}.",
            "ReadScope at the places that are named.",
        )


def processes() -> Iterator[Finding]:
    found = [sample for sample, _ in Processes().sample()]
    modes = Counter(sample.mode.value for sample in found)
    told = ", ".join(f"{number} {mode}" for mode, number in modes.items())
    yield fine("processes", f"{len(found)} OpenCode processes run" + (f": {told}" if told else ""))
    blind = sum(not sample.directory for sample in found)
    if blind:
        yield warn(
            "processes",
            f"of {blind} of them the working directory may not be read",
            "They are reported without a project.",
            "They belong to another user: run otel-agent as that user.",
        )


def other_telemetry(environ: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    plugins = telemetry_plugins(environ, folder)
    for name, where in plugins:
        yield warn(
            "other telemetry",
            f"OpenCode loads the plugin {name} ({where})",
            "Telemetry plugins report tokens and cost too, under names like ours: a dashboard that adds both up shows double.",
            "Remove one of them, or tell them apart by the instrumentation scope (ours is otel_agent) and service.instance.id.",
        )
    if not plugins:
        yield fine("other telemetry", "OpenCode loads no telemetry plugin that is known")
    if environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        yield fine(
            "other telemetry",
            "OTEL_EXPORTER_OTLP_ENDPOINT is set in this environment",
            "An OpenCode that sees it (1.14 and later) sends traces and logs of its own internals, as service.name opencode: no tokens, no cost.",
        )
