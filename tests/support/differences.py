"""Comparison of several parts at once, which says what each part is if it is not as expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Differences:
    """True if there are none; pytest shows them otherwise."""

    parts: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.parts

    def __repr__(self) -> str:
        return "; ".join(self.parts) or "as expected"


def differences(actual: Mapping[str, object], expected: Mapping[str, object]) -> Differences:
    """Compare the parts that are expected to be anything; an expected ``None`` leaves a part out."""
    wanted = {part: value for part, value in expected.items() if value is not None}
    return Differences(
        tuple(f"{part} are {actual[part]!r}, not {value!r}" for part, value in wanted.items() if actual[part] != value)
    )
