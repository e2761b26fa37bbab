#!/usr/bin/env python3
"""Record again what rules/gained.yaml records, for the time between START and END.

The values come from the totals as they are now. They replace what was recorded of that time before.

Prometheus has to run, with --web.enable-admin-api. Run this program as the user who owns DATA, or as root. It needs promtool
on PATH, or its path in the variable PROMTOOL. If it fails or is interrupted, run it again with the same times. It then does
all of the work again, and nothing is there twice.
"""

# An operator copies this file to the host of Prometheus: it needs a Python of 3.9 or newer, and nothing else.
#
# Why not only `promtool tsdb create-blocks-from rules`? It chooses the moments of evaluation itself. A window that does
# not begin where the one before it ended loses what lies between, or counts it twice. And its rules do not see what the
# others of the same run record.

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib import error, parse, request

GROUP = "opencode_gained"
"""The rules that are evaluated again: a group of rules/gained.yaml."""
UNTIL = "opencode:gained5m:until"
"""The series that has a point at the end of each window that was recorded."""
AT_ONCE_MS = 3_600_000
"""How much one query covers. An hour of ten thousand agents stays below Prometheus' query.max-samples."""
SEEN_WITHIN_S = 180
"""How long to wait until Prometheus answers with new blocks. It looks for them once a minute."""
ANSWER_WITHIN_S = 600
"""How long Prometheus may take for one answer. It gives a query two minutes; a deletion may take longer."""


class CannotRecord(Exception):
    """The reason why this cannot record, and what to do about it: a sentence for the person who runs it."""


class Rule(NamedTuple):
    """A recording rule: the name of the series that it writes, and its expression."""

    name: str
    expression: str


class Windows(NamedTuple):
    """Windows of one length that follow each other without a gap. `first` and `last` are their ends. Milliseconds."""

    first: int
    last: int
    length: int

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last end of each run of windows that one query may cover."""
        step = max(AT_ONCE_MS // self.length, 1) * self.length
        for first in range(self.first, self.last + 1, step):
            yield first, min(first + step - self.length, self.last)


class Prometheus:
    """The HTTP interface of a Prometheus. Each method raises `CannotRecord` if it does not answer as needed."""

    def __init__(self, url: str) -> None:
        # urllib does not take a user and a password from an address.
        address = parse.urlsplit(url)
        login, _, host = address.netloc.rpartition("@")
        self.url = address._replace(netloc=host).geturl().rstrip("/")
        encoded = base64.b64encode(parse.unquote(login).encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {encoded}"} if login else {}

    def rules(self) -> tuple[int, list[Rule]]:
        """Return the interval of the group in milliseconds, and its recording rules in their order."""
        groups = self._ask("rules", [("rule_group[]", GROUP)])["groups"]
        found = [rule for group in groups for rule in group["rules"] if rule["type"] == "recording"]
        if not found:
            raise CannotRecord(
                f"Prometheus at {self.url} has no rules {GROUP}: load rules/gained.yaml (rule_files in prometheus.yaml)"
            )
        if any(rule.get("labels") for rule in found):
            raise CannotRecord(f"a rule of {GROUP} adds labels of its own, which this program cannot record")
        return round(float(groups[0]["interval"]) * 1000), [Rule(rule["name"], rule["query"]) for rule in found]

    def instant(self, query: str, at_ms: int | None = None) -> float | None:
        """Return the only value of a query at a time (default: now), or None if it has none."""
        moment = [] if at_ms is None else [("time", in_seconds(at_ms))]
        rows = self._ask("query", [("query", query), *moment])["result"]
        return float(rows[0]["value"][1]) if rows else None

    def over(self, query: str, first_ms: int, last_ms: int, step_ms: int) -> list[dict[str, Any]]:
        """Return the rows of a range query: `metric` has the labels, `values` pairs of Unix seconds and a value."""
        bounds = [("start", in_seconds(first_ms)), ("end", in_seconds(last_ms)), ("step", in_seconds(step_ms))]
        rows: list[dict[str, Any]] = self._ask("query_range", [("query", query), *bounds])["result"]
        return rows

    def held_since(self) -> int:
        """Return the time from which on Prometheus holds samples in memory and not in blocks. Milliseconds."""
        return int(self._ask("status/tsdb", [])["headStats"]["minTime"])

    def delete(self, names: Sequence[str], *bounds: tuple[str, str]) -> None:
        """Delete the points of these series, between the bounds `start` and `end` (Unix seconds)."""
        try:
            self._ask("admin/tsdb/delete_series", [*(("match[]", name) for name in names), *bounds], post=True)
        except CannotRecord as reason:
            if "admin APIs disabled" not in str(reason):
                raise
            raise CannotRecord(
                "what was recorded may not be deleted: start Prometheus with --web.enable-admin-api, on loopback only"
                " (whoever reaches it can delete everything). Then run this again, and start it without the option"
            ) from reason

    def _ask(self, path: str, form: Sequence[tuple[str, str]], *, post: bool = False) -> Any:
        encoded = parse.urlencode(form)
        address = f"{self.url}/api/v1/{path}" + ("" if post else f"?{encoded}")
        try:
            asked = request.Request(address, encoded.encode() if post else None, self._headers)
            with request.urlopen(asked, timeout=ANSWER_WITHIN_S) as answer:
                body = answer.read()
            # Times stay as they are written: a float could lose the last digit of a millisecond.
            return json.loads(body, parse_float=str)["data"] if body else None
        except error.HTTPError as failed:
            said = failed.read().decode(errors="replace").strip()
            raise CannotRecord(f"Prometheus at {self.url} refuses {path}: {said or failed}") from failed
        except OSError as failed:
            raise CannotRecord(f"Prometheus does not answer at {self.url}: {failed}") from failed
        except (HTTPException, KeyError, TypeError, ValueError) as failed:
            raise CannotRecord(f"what answers at {self.url} is not Prometheus: {path}: {failed}") from failed


class Recorder:
    """Evaluates rules at the ends of windows, and puts what they say into the folder of Prometheus as blocks."""

    def __init__(self, prometheus: Prometheus, windows: Windows, data: Path, work: Path) -> None:
        self._prometheus, self._windows, self._data = prometheus, windows, data
        self._samples, self._blocks = work / "samples", work / "blocks"

    def evaluate(self, rules: Sequence[Rule]) -> None:
        """Write what the rules say at the end of each window to a file in the format OpenMetrics."""
        self._series, self._values = set[str](), 0
        with self._samples.open("w", encoding="utf-8", newline="\n") as samples:
            for rule in rules:
                for first, last in self._windows.runs():
                    for row in self._prometheus.over(rule.expression, first, last, self._windows.length):
                        series = as_openmetrics(rule.name, row["metric"])
                        self._series.add(series)
                        self._values += len(row["values"])
                        samples.writelines(f"{series} {value} {at}\n" for at, value in row["values"])
            samples.write("# EOF\n")

    def put_in(self, source: str) -> None:
        """Make blocks of what was evaluated, move them in, and wait until Prometheus answers with them."""
        if self._series:
            self._make_blocks()
            self._move_blocks()
            self._wait_until_seen()
        say(f"Recorded from {source}: {len(self._series)} series, {self._values} values")

    def _make_blocks(self) -> None:
        self._blocks.mkdir()
        command = [
            promtool(),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--quiet",
            str(self._samples),
            str(self._blocks),
        ]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise CannotRecord(f"promtool makes no blocks of what was evaluated: {made.stderr.strip()}")

    def _move_blocks(self) -> None:
        if os.geteuid() == 0:
            # Prometheus runs as another user, who has to be able to read them and later to delete them.
            owner = self._data.stat()
            for path in self._blocks.rglob("*"):
                os.chown(path, owner.st_uid, owner.st_gid)
        for block in list(self._blocks.iterdir()):
            block.rename(self._data / block.name)
        self._blocks.rmdir()

    def _wait_until_seen(self) -> None:
        # Look at all of the windows: a series that was idle at the end has no point in the last one.
        whole = self._windows.last - self._windows.first + self._windows.length
        names = "|".join(sorted({series.partition("{")[0] for series in self._series}))
        query = f'count(last_over_time({{__name__=~"{names}"}}[{whole}ms]))'
        give_up, tick = time.monotonic() + SEEN_WITHIN_S, threading.Event()
        while (self._prometheus.instant(query, self._windows.last) or 0) < len(self._series):
            if time.monotonic() > give_up:
                other = f"{self._data} is not the folder of Prometheus at {self._prometheus.url}"
                raise CannotRecord(f"{other}: it does not see what was put there")
            tick.wait(1)


def record_again(start: str, end: str, url: str, data: Path) -> None:
    """Do all of it. Raises `CannotRecord` if it cannot; a further run finishes what this one began."""
    promtool()
    if not (data / "wal").is_dir() or not os.access(data, os.W_OK):
        raise CannotRecord(
            f"{data} is not a data folder of Prometheus that this user may write to:"
            " name that of its --storage.tsdb.path, and run this as its owner"
        )
    start_ms, end_ms = in_milliseconds(start), in_milliseconds(end)
    if start_ms >= end_ms:
        raise CannotRecord("START has to be before END")
    prometheus = Prometheus(url)
    interval_ms, rules = prometheus.rules()
    # Ask first if anything may be deleted: an hour of computing must not end with a refusal.
    prometheus.delete(['{__name__="record_again_asks"}'])
    windows = live_windows(prometheus, start_ms, end_ms, interval_ms)
    # If a block reached into the time held in memory, Prometheus would forget that part at its next start.
    held_ms = prometheus.held_since()
    if windows.last >= held_ms:
        raise CannotRecord(
            f"END has to be before {as_utc(held_ms - interval_ms)}: what is newer, Prometheus holds in memory."
            " Wait until it is on the disk, which takes up to three hours"
        )
    # The folder lies beside the blocks, so that a block moves in with one rename. Prometheus ignores its name.
    with tempfile.TemporaryDirectory(prefix="record-again.", dir=data) as work:
        replace(prometheus, rules, windows, Recorder(prometheus, windows, data, Path(work)))


def replace(prometheus: Prometheus, rules: Sequence[Rule], windows: Windows, recorder: Recorder) -> None:
    """Replace what was recorded in the windows by what the rules say now."""
    # The second pass reads what the first one recorded, so that has to be in Prometheus before.
    records = re.compile("|".join(re.escape(rule.name) for rule in rules))
    say(
        f"From {as_utc(windows.first - windows.length)} to {as_utc(windows.last)}, in windows of {windows.length // 1000} s"
    )
    recorder.evaluate([rule for rule in rules if not records.search(rule.expression)])
    # From here to the end, this time is short in Prometheus. If this run is interrupted, the next one repairs it.
    bounds = ("start", in_seconds(windows.first)), ("end", in_seconds(windows.last))
    prometheus.delete([rule.name for rule in rules], *bounds)
    say("Deleted what was recorded of it")
    recorder.put_in("totals")
    recorder.evaluate([rule for rule in rules if records.search(rule.expression)])
    recorder.put_in("what was recorded from totals")


def live_windows(prometheus: Prometheus, start_ms: int, end_ms: int, length_ms: int) -> Windows:
    """Return the windows between two times that end when the live ones end, so that none overlaps a live one."""
    newest = f"max(last_over_time({UNTIL}[30d]))"
    known_s = prometheus.instant(newest, end_ms) or prometheus.instant(newest)
    if known_s is None:
        say("Nothing was recorded then or in the last month: the windows begin at START.")
    known_ms = start_ms if known_s is None else round(known_s * 1000)
    # The first end after START that lies a whole number of windows from a known one; the last is not before END.
    first = start_ms + ((known_ms - start_ms) % length_ms or length_ms)
    more = max(-((first - end_ms) // length_ms), 0)
    return Windows(first, first + more * length_ms, length_ms)


def as_openmetrics(name: str, labels: dict[str, str]) -> str:
    """Return a series as OpenMetrics writes it; it quotes a label whose name is no plain word."""

    def quoted(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'

    own = sorted((label, value) for label, value in labels.items() if label != "__name__")
    plain = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
    pairs = (f"{label if plain.fullmatch(label) else quoted(label)}={quoted(value)}" for label, value in own)
    return f"{name}{{{','.join(pairs)}}}"


def promtool() -> str:
    """Return the command promtool. Raises `CannotRecord` if it is not here."""
    command = os.environ.get("PROMTOOL", "promtool")
    if shutil.which(command) is None:
        raise CannotRecord(f"{command} is not here: install it, or set PROMTOOL to the path of promtool")
    return command


def in_milliseconds(moment: str) -> int:
    """Return a time as Unix milliseconds. Raises `CannotRecord` if it is none of what `--help` says."""
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", moment):
        return round(float(moment) * 1000)
    with suppress(ValueError):
        # Python reads a "Z" only since 3.11.
        return round(datetime.fromisoformat(re.sub("[zZ]$", "+00:00", moment)).timestamp() * 1000)
    with suppress(OSError, ValueError):
        # "yesterday 06:00" and the like. A `date` that is not GNU's prints nothing.
        command = ["date", f"--date={moment}", "+%s"]
        return int(subprocess.run(command, capture_output=True, text=True, check=False).stdout) * 1000
    raise CannotRecord(f"{moment} is no time: write it in Unix seconds, or as 2026-11-24T06:00Z")


def in_seconds(milliseconds: int) -> str:
    """Return a time as Prometheus reads it: Unix seconds with three decimals."""
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


def as_utc(milliseconds: int) -> str:
    """Return a time as people read it: 2026-11-24T06:00:00Z."""
    return datetime.fromtimestamp(milliseconds // 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(
            1, f"record_again.py: it takes START END [URL [DATA]] ({message}); record_again.py --help says more\n"
        )


def main() -> int:
    """Read the command line and record. Return the exit code: 0, 1 if it cannot, 130 after Ctrl-C."""
    example = "record_again.py 2026-11-24T06:00Z 2026-11-24T20:00Z http://127.0.0.1:9090 /var/lib/prometheus"
    parser = _Parser(
        usage="record_again.py START END [URL [DATA]]",
        description=__doc__,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("START", help="Unix seconds, 2026-11-24T06:00Z, or what GNU `date --date` reads")
    add("END", help="the same, three hours ago or more: what is newer, Prometheus holds in memory")
    add("URL", nargs="?", default="http://127.0.0.1:9090", help="of Prometheus, default: %(default)s")
    add("DATA", nargs="?", default="data", help="the folder of --storage.tsdb.path, default: ./data")
    asked = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # By default Python ends without cleaning up. What was ignored (nohup) stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        record_again(asked.START, asked.END, asked.URL, Path(asked.DATA))
    except (CannotRecord, OSError) as reason:
        print(f"record_again.py: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("record_again.py: interrupted; run it again with the same times", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
