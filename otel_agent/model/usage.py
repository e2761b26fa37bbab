"""The usage of a message: tokens by category, and the part of them that is recorded twice."""

from msgspec import Struct


class Tokens(Struct, frozen=True, gc=False, array_like=True):
    """The five categories as OpenCode recorded them (before 1.14 ``reasoning`` can be inside ``output``)."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        """The sum of the five categories."""
        return self.input + self.output + self.reasoning + self.cache_read + self.cache_write

    def at_least(self, other: "Tokens") -> "Tokens":
        """Return the larger of both in each category: a number that was exported never falls."""
        return Tokens(*map(max, self.by_category(), other.by_category()))

    def at_most(self, other: "Tokens") -> "Tokens":
        """Return the smaller of both in each category."""
        return Tokens(*map(min, self.by_category(), other.by_category()))

    def minus(self, other: "Tokens") -> "Tokens":
        """Return the difference in each category, which may be negative."""
        return Tokens(*(mine - theirs for mine, theirs in zip(self.by_category(), other.by_category(), strict=True)))

    def plus(self, other: "Tokens") -> "Tokens":
        """Return the sum in each category."""
        return Tokens(*(mine + theirs for mine, theirs in zip(self.by_category(), other.by_category(), strict=True)))

    def by_category(self) -> tuple[int, int, int, int, int]:
        """Return the categories in the order of the fields."""
        return self.input, self.output, self.reasoning, self.cache_read, self.cache_write


class Overlap(Struct, frozen=True, gc=False, array_like=True):
    """Tokens that OpenCode recorded in two categories at once, as its older releases did for most providers."""

    cached_in_input: int = 0
    reasoning_in_output: int = 0

    def at_least(self, other: "Overlap") -> "Overlap":
        """Return the larger of both in each field."""
        return Overlap(
            max(self.cached_in_input, other.cached_in_input), max(self.reasoning_in_output, other.reasoning_in_output)
        )

    def plus(self, other: "Overlap") -> "Overlap":
        """Return the sum in each field."""
        return Overlap(
            self.cached_in_input + other.cached_in_input, self.reasoning_in_output + other.reasoning_in_output
        )

    def minus(self, other: "Overlap") -> "Overlap":
        """Return the difference in each field, which may be negative."""
        return Overlap(
            self.cached_in_input - other.cached_in_input, self.reasoning_in_output - other.reasoning_in_output
        )


def without_overlap(tokens: Tokens, overlap: Overlap) -> Tokens:
    """Return the same tokens, each in one category only, as a provider bills them."""
    if not (overlap.cached_in_input or overlap.reasoning_in_output):
        return tokens
    return Tokens(
        tokens.input - overlap.cached_in_input,
        tokens.output - overlap.reasoning_in_output,
        tokens.reasoning,
        tokens.cache_read,
        tokens.cache_write,
    )
