"""`opencode stats`, which sums up all rows that are there, copies in forks included."""

from __future__ import annotations

import re

from tests.support.made_stores import Tokens
from tests.support.real_opencode.driver import OpenCode, RunningTurn

_LINE = re.compile(r"│\s*(Sessions|Input|Output|Cache Read)\s+([\d.,]+)([KM]?)\s*│")
_UNITS = {"": 1, "K": 1_000, "M": 1_000_000}
_ROUNDED = 0.0501
"""A number is shown with one decimal of its unit, so it may be off by half of that."""


def ask(opencode: OpenCode) -> str:
    """Return what the command prints."""
    with RunningTurn(opencode.popen("stats")) as running:
        done = running.wait()
    assert done.returncode == 0, f"`opencode stats` ended with exit code {done.returncode}:\n{done.stderr[-2000:]}"
    return done.stdout


def differences(shown: str, tokens: Tokens, sessions: int) -> list[str]:
    """Return a sentence for each number that is shown and is not that of the rows, and for each that is not shown."""
    wanted = {
        "Sessions": sessions,
        "Input": tokens.input,
        "Output": tokens.output,
        "Cache Read": tokens.cache_read,
    }
    found = {name: (float(number.replace(",", "")), _UNITS[unit]) for name, number, unit in _LINE.findall(shown)}
    lacking = [f"opencode stats does not show {name}" for name in wanted if name not in found]
    return lacking + [
        f"opencode stats: {name} {number * unit:,.0f} and not {wanted[name]:,}"
        for name, (number, unit) in found.items()
        if abs(number * unit - wanted[name]) > (_ROUNDED * unit if unit > 1 else 0)
    ]
