"""Findings for a person, as they come, and for a script."""

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.table import Table
from rich.text import Text

from otel_agent.doctor.finding import Finding, Verdict

_SIGNS: Final = {
    Verdict.OK: ("✓ ok", "green"),
    Verdict.WARNING: ("! warning", "yellow"),
    Verdict.FAILURE: ("✗ failure", "bold red"),
    Verdict.SKIPPED: ("- skipped", "dim"),
}


def line(finding: Finding) -> Table:
    """What was seen, and below it what it means and what to do."""
    sign, style = _SIGNS[finding.verdict]
    words = Text(overflow="fold")
    words.append(f"{finding.link}: ", style="bold")
    words.append(_plain(finding.seen))
    if finding.meaning:
        words.append(f"\n{_plain(finding.meaning)}", style="dim")
    if finding.advice:
        words.append(f"\n→ {_plain(finding.advice)}")
    table = Table.grid(padding=(0, 1))
    table.add_column(width=9, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(sign, style=style), words)
    return table


def summary(findings: Sequence[Finding]) -> str:
    failures = sum(each.verdict is Verdict.FAILURE for each in findings)
    warnings = sum(each.verdict is Verdict.WARNING for each in findings)
    return f"{len(findings)} looked at: {failures} failures, {warnings} warnings"


def as_json(findings: Sequence[Finding]) -> str:
    return msgspec.json.encode(findings).decode()


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
