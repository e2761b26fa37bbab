"""Amounts of US dollars as people read them. Nothing else in this program writes one."""

from typing import Final

_NANO_DIGITS: Final = 9
_NUSD: Final = 10**_NANO_DIGITS
_CENTS_FROM: Final = 10 * _NUSD
"""Two decimals are enough beside an amount like this; a smaller one has four."""


def dollars(nusd: int, whole_nusd: int = 0) -> str:
    """Return billionths of a US dollar as dollars: ``0.1234``, ``1,234.50``, and never 0 for something: ``<0.0001``.

    Amounts below each other, or beside their total, get the same number of decimals if ``whole_nusd`` is the largest.
    """
    return _written(nusd, _digits(nusd, whole_nusd))


def dollars_beside(nusd: int, limit_nusd: int) -> tuple[str, str]:
    """Return an amount and its limit, with as many decimals as it takes to tell them apart."""
    written = "", ""
    for digits in range(_digits(nusd, limit_nusd), _NANO_DIGITS + 1):
        written = _written(nusd, digits), _written(limit_nusd, digits)
        if written[0] != written[1] or nusd == limit_nusd:
            break
    return written


def _digits(nusd: int, other: int) -> int:
    return 2 if max(abs(nusd), abs(other)) >= _CENTS_FROM else 4


def _written(nusd: int, digits: int) -> str:
    sign = "-" if nusd < 0 else ""
    if 0 < abs(nusd) < 10 ** (_NANO_DIGITS - digits) // 2:
        return f"{sign}<{10**-digits:.{digits}f}"
    return f"{nusd / _NUSD:,.{digits}f}"
