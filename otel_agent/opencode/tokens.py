"""The five token categories of a message, and which of its tokens are recorded in two of them."""

from typing import Final

from otel_agent.model import Generation, Message, Overlap, Tokens
from otel_agent.opencode.json_values import count, field, text

_V2: Final = Generation.V2
_TOKEN_PATHS: Final = (("input",), ("output",), ("reasoning",), ("cache", "read"), ("cache", "write"))
_CATEGORIES: Final = {"input", "output", "reasoning", "cache", "total"}
_CACHED: Final = {"read", "write"}
_LONGEST_NAME: Final = 48
"""Letters of the name of a category in a problem."""
_CACHE_APART: Final = (1, 0, 62)
"""The first release whose input never contains the cached tokens."""
_CACHE_ALWAYS_APART: Final = ("anthropic", "amazon-bedrock", "google-vertex-anthropic")
"""Providers whose input never contained the cached tokens, in any release."""
NO_OVERLAP: Final = Overlap()


def tokens(value: object) -> tuple[Tokens, list[str]]:
    """Return the five categories, and the names of those whose value was unusable; these count as zero.

    A category that is absent is zero and nothing to report: releases leave out what a provider does not bill.
    """
    counts, bad = [], []
    for path in _TOKEN_PATHS:
        holder = value if len(path) == 1 else field(value, path[0])
        found = holder.get(path[-1], 0) if isinstance(holder, dict) else 0
        number = count(found)
        counts.append(number or 0)
        if number is None:
            bad.append(".".join(("tokens", *path)))
    return Tokens(*counts), bad


def total(value: object) -> object:
    """Return the recorded total, without the negative numbers in it: these count as zero. ``None`` if there is none.

    1.3 recorded a negative input for providers whose input does not contain the cached tokens.
    """
    found = field(value, "total")
    numbers = [field(value, *path) for path in _TOKEN_PATHS]
    below = sum(number for number in numbers if type(number) is int and number < 0)
    return found - below if type(found) is int else found


def is_unknown(value: object) -> bool:
    """Return True if the tokens have another form than any release that we know gave them.

    A provider may leave a category out. A main category that is missing beside a name that we do not know is another form.
    """
    if not isinstance(value, dict):
        return value is not None
    return not value.keys() >= {"input", "output"} and not value.keys() <= _CATEGORIES


def unknown_categories(value: object) -> list[str]:
    """Return the names of numbers that no release which we know recorded, and that are more than zero."""
    if not isinstance(value, dict):
        return []
    cache = value.get("cache")
    found = {f"tokens.{name}": each for name, each in value.items() if name not in _CATEGORIES}
    if isinstance(cache, dict):
        found |= {f"tokens.cache.{name}": each for name, each in cache.items() if name not in _CACHED}
    return [text(name)[:_LONGEST_NAME] for name, each in found.items() if _holds_usage(each)]


def _holds_usage(value: object) -> bool:
    if isinstance(value, dict):
        return any(bool(count(each)) for each in value.values())
    return bool(count(value))


def overlap(message: Message, total: object, session_version: str) -> Overlap:
    """Return how many of the message's tokens are recorded in two categories; ``total`` is the recorded one."""
    return overlap_of(message.generation, message.tokens, total, message.provider, message.finish, session_version)


def overlap_of(
    generation: Generation, recorded: Tokens, total: object, provider: str, finish: str, session_version: str
) -> Overlap:
    """Return how many tokens of such a message are recorded in two categories.

    Reasoning: ``tokens.total`` (from 1.2 on) shows whether output contains it. Rows without a total are older, and in
    theirs it does. Google's counts were separate already, and in 2.x all are.
    Cached tokens: up to 1.0.61 input contains them, except for Anthropic and Bedrock. Those releases wrote no
    ``finish``; a row that has one, or a session that a later release began, is free of it.
    """
    if generation is _V2:
        return NO_OVERLAP
    reasoning = min(recorded.reasoning, recorded.output)
    if not reasoning and finish:
        return NO_OVERLAP
    # The total says it for each row; without one the provider and the release have to do.
    if count(total):
        reasoning = reasoning if total == recorded.total - recorded.reasoning else 0
    elif provider.startswith("google"):
        reasoning = 0
    old = not finish and not count(total) and _version(session_version) < _CACHE_APART
    # More cached tokens than input: this row cannot contain them, whoever wrote it.
    if not old or provider.startswith(_CACHE_ALWAYS_APART) or recorded.input < recorded.cache_read:
        return Overlap(0, reasoning)
    return Overlap(recorded.cache_read, reasoning)


def _version(version: str) -> tuple[int, ...]:
    """Return ``1.0.61`` as numbers. Any other text counts as old, because then the other signs decide."""
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
