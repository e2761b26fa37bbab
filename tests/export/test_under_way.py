"""What changes in the ledger between a request and its answer: passes go on, and so do turns."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.export.generator import Export
from otel_agent.export.outcomes import Outcomes
from otel_agent.export.send_summary import SendSummary
from otel_agent.export.span_export import SpanExport
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Message, SendResult, Session, Turn
from otel_agent.otlp.resource import emitter
from tests.export.day import CYCLE_NS, Day
from tests.export.fakes import SpansTo
from tests.support.records import START_NS, call, enter

ACCEPTED = SendResult(accepted=True)
REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")
Spans = Sequence[ReadableSpan]


def exporting(ledger: Ledger) -> SpanExport:
    outcomes = Outcomes(ledger, lambda: START_NS)
    return SpanExport(ledger, SpansTo(lambda _: ACCEPTED), outcomes, emitter=emitter("here"), titles=False)


def end_turn(ledger: Ledger, *messages: Message) -> None:
    """Count messages of one turn, which ends with them."""
    with ledger.transaction():
        changes = ledger.messages.record(messages, [Session(messages[0].session_id)], count_from_ms=0)
        turn = messages[0].turn
        if ledger.turns.known([turn]):
            ledger.turns.extend([changes])
        else:
            ledger.turns.begin([(Turn(turn, turn, "", messages[0].created_ms), changes)])
            ledger.turns.end([turn])


def names(spans: Spans) -> list[str]:
    return [span.name for span in spans]


def answer(export: Export[Spans], result: SendResult) -> Spans | SendSummary:
    """Return the next request, or what came of the export."""
    try:
        return export.send(result)
    except StopIteration as ended:
        summary: SendSummary = ended.value
        return summary


def test_a_turn_that_goes_on_while_its_span_is_under_way_is_sent_again(ledger: Ledger) -> None:
    """The backend has the span of the shorter turn: the one with the same id that follows replaces it."""
    export = exporting(ledger)
    end_turn(ledger, call(0))
    under_way = export.export()
    first = next(under_way)
    end_turn(ledger, replace(call(1), turn_id=call(0).turn_id, session_id=call(0).session_id))
    second = answer(under_way, ACCEPTED)
    assert not isinstance(second, SendSummary)
    longer = [span for span in second if span.name.startswith("invoke_agent")]
    shorter = [span for span in first if span.name.startswith("invoke_agent")]
    assert [span.context.span_id for span in longer] == [span.context.span_id for span in shorter]
    assert (longer[0].end_time or 0) > (shorter[0].end_time or 0)
    assert isinstance(answer(under_way, ACCEPTED), SendSummary)
    assert export.pending == 0


def test_a_turn_that_is_put_below_another_while_its_span_is_under_way_is_sent_again(ledger: Ledger) -> None:
    export = exporting(ledger)
    end_turn(ledger, call(0))
    under_way = export.export()
    next(under_way)
    with ledger.transaction():
        ledger._database.execute("UPDATE turn SET caller = 'prt_1'")
    second = answer(under_way, ACCEPTED)
    assert not isinstance(second, SendSummary)
    (span,) = second
    assert span.parent is not None


def test_a_turn_that_goes_on_while_its_span_is_rejected_is_not_quarantined(ledger: Ledger) -> None:
    export = exporting(ledger)
    end_turn(ledger, call(0))
    under_way = export.export()
    requests = [next(under_way)]
    while not (len(requests[-1]) == 1 and requests[-1][0].name.startswith("invoke_agent")):
        request = answer(under_way, REJECTED)
        assert not isinstance(request, SendSummary)
        requests.append(request)
    end_turn(ledger, replace(call(1), turn_id=call(0).turn_id, session_id=call(0).session_id))
    again = answer(under_way, REJECTED)
    assert not isinstance(again, SendSummary)
    assert any(span.name.startswith("invoke_agent") for span in again)


def test_what_is_counted_while_spans_are_under_way_is_sent_by_the_same_export(ledger: Ledger) -> None:
    export = exporting(ledger)
    enter(ledger, call(0))
    under_way = export.export()
    assert len(next(under_way)) == 1
    enter(ledger, call(1))
    second = answer(under_way, ACCEPTED)
    assert not isinstance(second, SendSummary)
    assert len(second) == 1
    assert answer(under_way, ACCEPTED) == SendSummary(accepted=2)


def test_an_export_that_is_left_to_itself_keeps_its_spans_pending(ledger: Ledger) -> None:
    export = exporting(ledger)
    enter(ledger, call(0))
    under_way = export.export()
    next(under_way)
    under_way.close()
    assert export.pending == 1
    assert export.send() == SendSummary(accepted=1)


def test_what_a_series_gains_while_its_point_is_under_way_is_still_to_be_exported(ledger: Ledger) -> None:
    day = Day(ledger)
    day.count("a", 7, history=True)
    day.now_ns += CYCLE_NS
    under_way = day.export.export()
    next(under_way)
    day.count("a", 5)
    day.finish(under_way)
    assert day.cycle() == [("a", 12)]
    (series,) = day.schedule.due(day.now_ns)
    assert not series.has_unexported


def test_an_increment_that_is_left_to_itself_is_sent_again_as_it_was(ledger: Ledger) -> None:
    """The agent is killed, or gives up at its end, between request and answer."""
    day = Day(ledger, delta=True)
    day.count("a", 7)
    day.now_ns += CYCLE_NS
    sent_ns = day.now_ns
    under_way = day.export.export()
    next(under_way)
    day.count("a", 5)
    under_way.close()
    day.start()
    day.now_ns += CYCLE_NS
    again, newer = day.points()
    assert (again.value, again.time_ns) == (7, sent_ns)
    assert (newer.value, newer.start_ns) == (5, sent_ns)


def test_an_increment_begins_where_the_one_before_ended_however_late_its_answer_came(ledger: Ledger) -> None:
    day = Day(ledger, delta=True)
    day.count("a", 7)
    day.now_ns += CYCLE_NS
    sent_ns = day.now_ns
    under_way = day.export.export()
    next(under_way)
    day.now_ns += CYCLE_NS // 2
    day.finish(under_way)
    day.count("a", 5)
    day.now_ns += CYCLE_NS
    (point,) = day.points()
    assert point.start_ns == sent_ns
