"""What the provider billed, in the categories in which a release of OpenCode records it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.real_opencode.provider import Bill

Tokens = dict[str, int]
"""Tokens by `gen_ai.token.type`."""

_REASONING_IS_BESIDE = (1, 14)
"""From this release on, output does not contain reasoning."""


def recorded(version: str, bills: Sequence[Bill]) -> Tokens:
    """Return the sum of the bills in OpenCode's categories: cached beside input, from 1.14 on reasoning beside output."""
    inside = 1 if release(version) >= _REASONING_IS_BESIDE else 0
    return {
        "input": sum(bill.usage.prompt - bill.usage.cached for bill in bills),
        "output": sum(bill.usage.completion - inside * bill.usage.reasoning for bill in bills),
        "reasoning": sum(bill.usage.reasoning for bill in bills),
        "cache_read": sum(bill.usage.cached for bill in bills),
        "cache_write": 0,
    }


def release(version: str) -> tuple[int, ...]:
    """Return a version as numbers, which can be compared."""
    return tuple(int(number) for number in version.split("."))
