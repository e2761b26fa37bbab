"""A comparison of several parts at once that names each part that is not as expected, with both values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Differences:
    """The parts that differ: true if there are none. pytest shows them in the failure of an assertion."""

    parts: tuple[str, ...]

    def __bool__(self) -> bool:
        return not self.parts

    def __repr__(self) -> str:
        return "; ".join(self.parts) or "as expected"


def differences(actual: Mapping[str, object], expected: Mapping[str, object]) -> Differences:
    """Compare the actual parts with the expected ones. A part whose expected value is ``None`` is not compared."""
    wanted = {part: value for part, value in expected.items() if value is not None}
    return Differences(
        tuple(f"{part} are {actual[part]!r}, not {value!r}" for part, value in wanted.items() if actual[part] != value)
    )
