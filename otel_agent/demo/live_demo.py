"""Runs the live demo: a store that is being written, the agent, a receiver and a screen, all in this process."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.live import Live

from otel_agent.agent import assemble
from otel_agent.agent.loop import Loop
from otel_agent.agent.shutdown import ShutdownSignals, Worker
from otel_agent.demo.arrivals import arrivals_page
from otel_agent.demo.receiver import Receiver
from otel_agent.demo.screen import Frame, screen_of
from otel_agent.demo.store_writer import StoreWriter, Written
from otel_agent.errors import DeliveryError
from otel_agent.model.plural import form_for
from otel_agent.semconv import MESSAGE_COUNT, TOKEN_USAGE, TOOL_CALL_COUNT
from otel_agent.semconv.attributes import CHAT, EXECUTE_TOOL
from otel_agent.settings import Settings
from otel_agent.summary.ranges import here

_FRAME_SECONDS: Final = 0.2
_END_SECONDS: Final = 20.0
"""Time to finish what is being written, read and delivered when the demo ends."""


def run_live_demo(trial: Settings, data_dir: Path, receiver: Receiver, console: Console, seconds: float) -> None:
    """Run for ``seconds`` or until Ctrl-C; then print what arrived beside what was written.

    ``trial`` are settings that send to ``receiver``. Raises ``DeliveryError`` if the two are not the same.
    """
    writer, stop = StoreWriter(data_dir), threading.Event()
    with assemble.assembled(trial) as agent, ShutdownSignals() as signals:
        loop = Loop(agent)
        writing = Worker(writer.run, stop, signals.report, name="writer")
        reading = Worker(loop.run, stop, signals.report)
        try:
            reading.start()
            writing.start()
            _show_progress(writer, receiver, console, seconds, signals)
        finally:
            stop.set()
            writing.join(_END_SECONDS)
            loop.wake()
            reading.join(_END_SECONDS)
        _raise_what_went_wrong(writing, reading)
        # Once more from here: a message that was completed while the loop made its last pass is counted too.
        agent.ingest.run(sweep=True)
        agent.spans.send()
        agent.metrics.send(last=True)
    console.print(arrivals_page(receiver))
    console.print(compare(writer.written, receiver))


def _raise_what_went_wrong(*workers: Worker) -> None:
    for worker in workers:
        if worker.is_alive():
            raise DeliveryError(f"the demo's {worker.name} did not end within {_END_SECONDS:.0f} s.")
        if worker.error is not None:
            raise worker.error


def _show_progress(
    writer: StoreWriter, receiver: Receiver, console: Console, seconds: float, signals: ShutdownSignals
) -> None:
    began = time.monotonic()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while (elapsed := time.monotonic() - began) < seconds:
            frame = Frame(
                elapsed_s=elapsed,
                seconds=seconds,
                written=writer.written,
                points=receiver.points,
                spans=receiver.spans,
                span_count=receiver.span_count,
                requests=receiver.requests,
                now_s=time.time(),
                zone=here(datetime.now(UTC)).tzinfo or UTC,
            )
            live.update(screen_of(frame, height=console.height), refresh=True)
            if signals.wait_for(_FRAME_SECONDS) is not None:
                return


def compare(written: Written, receiver: Receiver) -> str:
    """Return in words what was written and what arrived. Raises ``DeliveryError`` if they are not the same."""
    sums: dict[str, float] = {}
    for point in receiver.points:
        sums[point.metric] = sums.get(point.metric, 0) + point.value
    rows = [
        ("messages", written.messages, sums.get(MESSAGE_COUNT.name, 0), receiver.spans_by_operation[CHAT]),
        (
            "tool calls",
            written.tool_calls,
            sums.get(TOOL_CALL_COUNT.name, 0),
            receiver.spans_by_operation[EXECUTE_TOOL],
        ),
    ]
    lines = [
        f"{name}: {number:,} written, {counted:,.0f} counted, {spans:,} {form_for(spans, 'span')}"
        for name, number, counted, spans in rows
    ]
    lines.append(f"tokens: {written.tokens:,} written, {sums.get(TOKEN_USAGE.name, 0):,.0f} counted")
    same = all(number == counted == spans for _, number, counted, spans in rows) and written.tokens == sums.get(
        TOKEN_USAGE.name, 0
    )
    if not same:
        raise DeliveryError(f"what arrived is not what was written: {'; '.join(lines)}. Please report it as a bug.")
    return "\nWhat arrived is what was written:\n  " + "\n  ".join(lines)
