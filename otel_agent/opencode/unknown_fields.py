"""The records whose fields have names or forms that this version does not know: never taken for zeros without a word."""

from typing import Final

from otel_agent.model import Generation, Message, Problem, ProblemKind, Session
from otel_agent.opencode.decode import Wire, unwrapped
from otel_agent.opencode.tokens import is_unknown
from otel_agent.opencode.tokens import unknown_categories as unknown_names

_MOST_NAMES: Final = 10
"""Names of unknown categories that are reported for one table or tree."""


def looks_like_an_answer(wire: Wire) -> bool:
    """Return True if the object has what only the answer of a model has, whatever it says of its role."""
    return bool(wire.tokens or wire.finish or wire.cost)


def unknown_role(wire: Wire, place: str, session: Session | None) -> list[Problem]:
    """Return the problem of an object that should say its role, and says none that we know."""
    if wire.role in ("assistant", "user") or (wire.role is not None and not looks_like_an_answer(wire)):
        return []
    return [_unknown_fields(place, "no known role", session)]


def unknown_tokens(wire: Wire, message: Message, place: str, session: Session | None) -> list[Problem]:
    """Return the problem of an answer that must have used tokens, and whose record says none in a form that we know.

    ``message`` is what was made of it, with the usage that its parts record.
    """
    wire = unwrapped(wire)
    silent = wire.tokens is None and not message.has_usage and _was_answered(wire, message)
    if not silent and not is_unknown(wire.tokens):
        return []
    return [_unknown_fields(place, "no readable tokens", session)]


def unknown_categories(wire: Wire, place: str, session: Session | None, said: dict[str, str]) -> list[Problem]:
    """Return the problem of an answer with categories of tokens that we do not know, beside those that count.

    ``said`` has the place of each name that was reported. A release that writes a name writes it in all messages, so the
    first one stands for them.
    """
    found = unknown_names(unwrapped(wire).tokens)
    new = [name for name in found if name not in said]
    said |= dict.fromkeys(new[: _MOST_NAMES - len(said)], place)
    names = [name for name in found if said.get(name) == place]
    return [_unknown_fields(place, f"no known {', '.join(names)}, here or later", session)] if names else []


def unknown_end(message: Message, place: str, session: Session | None) -> list[Problem]:
    """Return the problem of a message of 2.x that has ended and does not say when in a form that we know.

    2.x writes usage and completion at once. Only the import leaves usage without completion, for a call that was killed.
    """
    imported = session is not None and session.version.startswith("1.")
    ended = message.generation is Generation.V2 and message.completed_ms is None and message.has_usage
    return [_unknown_fields(place, "no readable time of completion", session)] if ended and not imported else []


def is_silent(wire: Wire, message: Message) -> bool:
    """Return True for a call of 2.x that is complete and says neither how it ended nor what it used.

    The next start closes a killed call so. Many in a row mean that the fields have other names now.
    """
    complete = message.generation is Generation.V2 and message.completed_ms is not None
    return complete and wire.tokens is None and not wire.error and not message.finish


def silence(place: str, session: Session | None) -> Problem:
    """Return the problem of a call that ``is_silent``, as others before it were."""
    return _unknown_fields(place, "no readable tokens", session)


def _was_answered(wire: Wire, message: Message) -> bool:
    """Return True for a call that ended well. One that failed, was aborted or killed may have used nothing."""
    if wire.error or message.finish in ("error", "unknown"):
        return False
    # A call that was killed is closed by the next start of 2.x, and looks complete but for its finish.
    return bool(message.finish) or (message.generation is not Generation.V2 and message.completed_ms is not None)


def _unknown_fields(place: str, what: str, session: Session | None) -> Problem:
    written_by = f"; in a session of OpenCode {session.version[:32]}" if session and session.version else ""
    return Problem(ProblemKind.UNKNOWN_FIELDS, place, f"{what}{written_by}")
