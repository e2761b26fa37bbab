"""The overview for scripts. ``schema_version`` changes when a field changes its meaning or goes away."""

import json
from datetime import datetime
from typing import Final

from otel_agent.ledger.queries import Usage
from otel_agent.report.overview import Accounting, Overview, overlap, shown

SCHEMA_VERSION: Final = 1


def overview_json(found: Overview) -> str:
    """ASCII only: a title's control characters do nothing to a terminal that this is printed on."""
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "view": "overview",
            "range": {
                "name": found.range.name,
                "from": _time(found.range.since),
                "to": _time(found.range.until),
                "tz": found.range.zone,
            },
            "accounting": found.accounting,
            "totals": _usage(found.totals, found.accounting),
            "rows": [{"key": key, **_usage(usage, found.accounting)} for key, usage in found.models],
            "overlap_tokens": overlap(found.totals) if found.accounting == "recorded" else 0,
            "active_sessions": [
                {"key": each.id, "title": each.title, **_usage(each.usage, found.accounting)} for each in found.active
            ],
            "newest": _time(found.newest),
        },
        indent=2,
    )


def _usage(usage: Usage, accounting: Accounting) -> dict[str, object]:
    tokens = shown(usage, accounting)
    return {
        "messages": usage.messages,
        "sessions": usage.sessions,
        "tokens": {
            "input": tokens.input,
            "output": tokens.output,
            "reasoning": tokens.reasoning,
            "cache_read": tokens.cache_read,
            "cache_write": tokens.cache_write,
            "total": tokens.total,
        },
        "cost_usd": usage.cost_nusd / 1e9,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
