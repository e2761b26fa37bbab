"""Numbers with their nouns, as people write them: ``1 store``, ``2,345 stores``."""

from typing import Final

_VOWELS: Final = "aeiou"
_HISSING: Final = ("s", "x", "z", "ch", "sh")
"""Endings after which the plural needs a syllable of its own."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return the number with thousands separators and its noun in the right form: ``1 store``, ``2,345 stores``.

    ``noun`` may be several words, the last one being counted: ``new message``. Pass ``plural`` when the noun has an
    irregular one.
    """
    return f"{number:,} {form_for(number, noun, plural)}"


def form_for(number: int, noun: str, plural: str = "") -> str:
    """Return the noun in the right form for a number that is written otherwise: ``1.2M tokens``, ``-1 message``."""
    return noun if abs(number) == 1 else plural or plural_of(noun)


def plural_of(noun: str) -> str:
    """Return the regular plural of an English noun: stores, entries, processes."""
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_HISSING) else f"{noun}s"
