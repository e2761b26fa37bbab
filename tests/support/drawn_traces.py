"""The traces that arrived at a receiver, drawn as trees that a test can write by hand."""

from __future__ import annotations

from tests.support.otlp_receiver import OtlpReceiver, SpanRow


def drawn(receiver: OtlpReceiver, *, killed: bool = False) -> list[str]:
    """Return a line for each span, two spaces further in than its parent's, in the order of their begin.

    Asserts that no span arrived twice, and that every parent arrived, in the same trace. An agent that was ``killed`` may
    send a span again.
    """
    spans = sorted(receiver.spans(), key=lambda span: (span.start_ns, span.end_ns, span.name))
    known = {span.span_id: span for span in spans}
    assert killed or len(known) == len(spans), sorted(span.name for span in spans)
    spans = [span for span in spans if known[span.span_id] is span]
    for span in spans:
        parent = known.get(span.parent_span_id)
        assert not span.parent_span_id or parent, f"the parent of {span.name} never came"
        assert parent is None or parent.trace_id == span.trace_id, f"{span.name} is in another trace than its parent"
    return [line for root in spans if not root.parent_span_id for line in _lines(root, spans, 0)]


def _lines(of: SpanRow, spans: list[SpanRow], depth: int) -> list[str]:
    below = (span for span in spans if span.parent_span_id == of.span_id)
    return ["  " * depth + of.name, *(line for span in below for line in _lines(span, spans, depth + 1))]


def traces(receiver: OtlpReceiver) -> int:
    """Return how many different traces arrived."""
    return len({span.trace_id for span in receiver.spans()})
