"""The table of `docs/opencode-matrix.md`: a row for each release, with what was measured last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.matrix.release import Measured
from tests.support.paths import ROOT
from tests.support.real_opencode.billing import release

DOCUMENT = ROOT / "docs" / "opencode-matrix.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
"""`make opencode-matrix` writes what is between these lines."""

_HEAD = (
    "OpenCode", "storage", "measured", "calls billed", "recorded by OpenCode", "tokens of these",
    "equal everywhere", "fork copies left out", "billed, not recorded by OpenCode", "broken off in mid-answer",
    "messages", "spans", "of these without their parent", "seconds",
)  # fmt: skip


def row(measured: Measured, date: str) -> str:
    """Return the row of one release, measured at a date."""
    truth, spans = measured.truth, measured.seen.spans
    cells = (
        measured.version,
        measured.storage,
        date,
        truth.billed.total(),
        truth.recorded.total(),
        f"{truth.tokens:,}",
        "<br>".join(["no:", *measured.differences]) if measured.differences else "yes",
        measured.seen.ledger.copies,
        truth.left_out.total(),
        measured.broken_off,
        measured.seen.ledger.messages,
        spans.number,
        len(spans.orphans),
        f"{measured.seconds:.0f}",
    )
    return _line(map(str, cells))


def failed(version: str, date: str, reason: str) -> str:
    """Return the row of a release whose scenario did not come to its end."""
    why = f"the scenario failed: {reason.splitlines()[0] if reason else 'no reason was given'}"
    return _line([version, "", date, "", "", "", why.replace("|", "/"), *[""] * 7])


def updated(document: str, rows: Mapping[str, str]) -> str:
    """Return the document with these rows, by release. Rows of other releases stay."""
    before, _, rest = document.partition(BEGIN)
    table, _, after = rest.partition(END)
    if END not in rest:
        raise ValueError(f"{DOCUMENT.name} lacks the lines {BEGIN.strip()} and {END.strip()}")
    there = {line.split("|")[1].strip(): f"{line}\n" for line in table.splitlines()[2:]}
    merged = {**there, **rows}
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD)), *(merged[version] for version in sorted(merged, key=release))]
    return f"{before}{BEGIN}{''.join(lines)}{END}{after}"


def write(rows: Mapping[str, str], document: Path = DOCUMENT) -> None:
    """Put the rows into the document."""
    document.write_text(updated(document.read_text(encoding="utf-8"), rows), encoding="utf-8")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
