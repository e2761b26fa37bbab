"""The report as text for a person, and as JSON for a script."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, Final

import msgspec

from otel_agent.ledger.accepted_by import INCREMENTS
from otel_agent.ledger.delivery_state import REJECTS_ALL
from otel_agent.ledger.reading import reading_keys
from otel_agent.model.money import dollars
from otel_agent.model.plural import counted, form_for
from otel_agent.verify.amounts import Amount, Cause
from otel_agent.verify.report import Agreement, Explained, Report

_NUSD: Final = 10**9
_MOST_LINES: Final = 40
"""Lines of what is unexplained; JSON has all."""
_NARROWEST: Final = 16
"""No word of a text is longer than this, beside its indent."""

_DOCTOR: Final = "`otel-agent doctor` says what to do"

_Row = tuple[str, Amount]


def as_json(report: Report) -> str:
    """Return the report as one JSON object, with the exit code and whether everything is explained."""
    verdict: dict[str, Any] = {"ok": report.exit_code == 0, "exit_code": report.exit_code}
    fields = _with_dollars(msgspec.to_builtins(report))
    history = reading_keys(report.reading, stopped=fields.pop("reading_stopped"))
    return msgspec.json.encode(verdict | fields | history).decode()


def _with_dollars(value: Any) -> Any:
    """Return the same with ``cost_usd``, the name in all other JSON, beside each exact ``cost_nusd``."""
    if isinstance(value, list):
        return [_with_dollars(each) for each in value]
    if not isinstance(value, dict):
        return value
    usd = {"cost_usd": value["cost_nusd"] / _NUSD} if "cost_nusd" in value else {}
    return {name: _with_dollars(each) for name, each in value.items()} | usd


def lines(report: Report, width: int | None = None) -> Iterator[str]:
    """Yield the lines of the report: the verdict, how the numbers are reached, and what is unexplained.

    The tables fit into ``width``. Sentences do not: whoever prints them breaks them between words.
    """
    wrong = len(report.unexplained)
    if report.reading is not None:
        yield report.reading.in_words(stopped=report.reading_stopped)
    if wrong:
        yield f"NOT PROVEN: {' Also, '.join(_reasons(report))}"
    else:
        yield "Proven: every difference between OpenCode's records, the ledger and the backend has a name."
    yield ""
    yield from _table(list(_rows(report)), width)
    yield ""
    yield from _agreement(report)
    beside = [each for each in report.explained if not (each.between or each.cause.is_of_delivery)]
    if beside:
        yield ""
        yield "Also met:"
        yield from _table([_explained(each) for each in beside], width)
    if wrong:
        yield ""
        yield from _unexplained(report)


def _reasons(report: Report) -> Iterator[str]:
    """Yield a sentence for each kind of reason why nothing is proven."""
    unknown = sum(each.cause is Cause.UNSEEN for each in report.unexplained)
    if unknown:
        places, it = ("1 place", "it") if unknown == 1 else (f"{unknown:,} places", "they")
        yield f"what is in {places} is unknown, because {it} cannot be read now."
    if unknown < len(report.unexplained):
        yield f"{counted(len(report.unexplained) - unknown, 'difference')} without an explanation."


def _rows(report: Report) -> Iterator[_Row]:
    yield f"records in {counted(len(report.stores), 'store')}", report.records
    if report.only_in_totals != Amount():
        yield (
            "only in OpenCode's session totals (titles, and records deleted before the first look)",
            report.only_in_totals,
        )
    yield from (_explained(each) for each in report.explained if each.between)
    yield "counted in the ledger", report.ledger
    yield from (_explained(each) for each in report.explained if each.cause.is_of_delivery)
    if report.delivery.startswith(REJECTS_ALL):
        yield "sent to the backend, which rejects it (see below)", report.accepted
    elif report.rejected:
        yield "accepted by the backend, but for what it rejected (see below)", report.accepted
    else:
        yield "accepted by the backend", report.accepted
    if report.prometheus is not None:
        yield "answered by Prometheus", report.prometheus


def _explained(each: Explained) -> _Row:
    return f"  {each.meaning}", each.amount


def _agreement(report: Report) -> Iterator[str]:
    def said(agreement: Agreement, noun: str) -> str:
        return f"{agreement.agree:,} of {counted(agreement.all, noun)}"

    yield (
        f"The ledger agrees with the recount on {said(report.days, 'day')}, {said(report.models, 'model')} and "
        f"{said(report.sessions, 'session')}."
    )
    if report.sessions_with_totals:
        yield f"OpenCode's own totals of {counted(report.sessions_with_totals, 'session')} were compared too."
    accepted_by = report.accepted_by.removesuffix(INCREMENTS)
    if report.accepted_by != accepted_by:
        yield "The backend gets increments. It does not have what was counted before the first of them."
    if report.backend and accepted_by and report.backend != accepted_by:
        yield f"The settings name another backend, {report.backend}. What is accepted here was accepted by {accepted_by}."
    if report.rejected:
        yield (
            f"The backend left {counted(report.rejected, 'data point')} out of requests that it accepted, and does not say "
            "which. The amounts above include them."
        )
    if report.delivery:
        yield f"The backend does not accept totals now: {report.delivery}"
    if report.spans_pending:
        yield f"{counted(report.spans_pending, 'span')} pending."


def _unexplained(report: Report) -> Iterator[str]:
    yield "Unexplained:"
    rows = report.unexplained[:_MOST_LINES]
    for each in rows:
        where = "  ".join(filter(None, (each.day, each.model, each.session)))
        yield f"  {where or 'everywhere'}: {each.meaning}"
        yield f"      {_DOCTOR if each.cause is Cause.UNSEEN else _in_words(each.amount)}"
    if len(rows) < len(report.unexplained):
        yield f"  and {len(report.unexplained) - len(rows):,} more; --json has all."


def _in_words(amount: Amount) -> str:
    names = ("input", "output", "reasoning", "cache read", "cache write")
    said = [f"{amount.messages:+,} {form_for(amount.messages, 'message')}"] if amount.messages else []
    said += [f"{number:+,} {name}" for name, number in zip(names, amount.tokens, strict=True) if number]
    if amount.cost_nusd:
        said.append(f"{'+' if amount.cost_nusd > 0 else ''}{dollars(amount.cost_nusd)} USD")
    return ", ".join(said) or "no amount"


def _table(rows: Sequence[_Row], width: int | None) -> Iterator[str]:
    """Yield aligned lines: a text, then messages, tokens and cost. The text is last, so that no line has to be cut.

    A text that does not fit goes on below its beginning.
    """
    largest = max((abs(amount.cost_nusd) for _, amount in rows), default=0)
    cells = [
        (f"{amount.messages:,}", f"{amount.total:,}", *([dollars(amount.cost_nusd, largest)] if largest else []), text)
        for text, amount in rows
    ]
    cells.insert(0, ("messages", "tokens", *(["USD"] if largest else []), ""))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    for *numbers, text in cells:
        begin = "  ".join(cell.rjust(width) for cell, width in zip(numbers, widths, strict=True))
        first, *others = _in_lines(text, None if width is None else width - len(begin) - 2)
        yield f"{begin}  {first}".rstrip()
        yield from (" " * (len(begin) + 2) + line for line in others)


def _in_lines(text: str, width: int | None) -> list[str]:
    """Return the text in lines that are broken between words. What is indented stays so."""
    if width is None or len(text) <= width:
        return [text]
    indent = " " * (len(text) - len(text.lstrip()))
    return wrap(text, max(width, _NARROWEST), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
