"""OpenCode's ids: a prefix, twelve hex digits that carry the minting time, fourteen base62 digits.

The hex is `milliseconds * 4096 + counter` modulo 2^48, so only the low 36 bits of the time survive. Sessions
hold its complement, which makes the newest sort first.
"""

from __future__ import annotations

import hashlib

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_STAMPS = 2**48


def _tail(seed: str) -> str:
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_BASE62[byte % 62] for byte in digest[:14])


def _mint(prefix: str, minted_ms: int, counter: int, *, descending: bool) -> str:
    stamp = (minted_ms * 4096 + counter) % _STAMPS
    if descending:
        stamp = _STAMPS - 1 - stamp
    return f"{prefix}_{stamp:012x}{_tail(f'{prefix}/{minted_ms}/{counter}')}"


def message_id(minted_ms: int, counter: int = 1) -> str:
    """The id OpenCode gives a message made at `minted_ms`; `counter` (0-4095) distinguishes ids of one millisecond."""
    return _mint("msg", minted_ms, counter, descending=False)


def part_id(minted_ms: int, counter: int = 1) -> str:
    return _mint("prt", minted_ms, counter, descending=False)


def session_id(minted_ms: int, counter: int = 1) -> str:
    return _mint("ses", minted_ms, counter, descending=True)
