"""Text of every kind that a store can hold, which no format may interpret, and the moment of each answer."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import T0, Tokens, message, session

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.fromtimestamp(T0 / 1000 + 60, BERLIN)
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")
"""The categories of tokens."""

HOSTILE = {
    "formula": "=HYPERLINK('http://x';A1)",
    "plus": "+1",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "full-width": "＝1+1",  # noqa: RUF001 - that it looks alike is what matters
    "spaces before": "  =1+1",
    "tab": "\t=1",
    "quotes": 'say "hi", twice',
    "lines": "one\r\ntwo\n| three |",
    "escape": "\x1b[31mred\x07",
    "markup": "[bold]x[/] <b>y</b> &amp; `z` *w* _v_ ~~u~~ [t](http://s) ![r](q) # p | o",
    "links": "http://example.com www.example.com @octocat #1 a@example.com",
    "html": "</text><script>alert(1)</script><!-- ]]>",
    "right to left": "\u202eabc",
    "braces": "{code} {stylesheet} {{}}",
    "backslash": "a\\|b\\",
}


def hostile(machine: MadeMachine, text: str) -> None:
    """Write a message whose session, model and agent have that name."""
    machine.tree.put_turn(
        message(session(title=text), Tokens(7, 1, 0, 2, 0), model=text, agent=text, provider="p", cost=0.5)
    )
