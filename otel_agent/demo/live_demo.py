"""The live demo: a store that is written, the agent beside it, a receiver, and a screen. All in this process."""

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
from otel_agent.semconv import CHAT, EXECUTE_TOOL, MESSAGE_COUNT, TOKEN_USAGE, TOOL_CALL_COUNT
from otel_agent.settings import Settings

_FRAME_SECONDS: Final = 0.2
_END_SECONDS: Final = 20.0
"""For what is begun to be written, read and delivered."""


def run_live_demo(trial: Settings, data_dir: Path, receiver: Receiver, console: Console, seconds: float) -> None:
    """For so long, or until Ctrl-C; then what arrived, beside what was written. ``trial`` sends to the receiver.

    Raises ``DeliveryError`` where the two are not the same.
    """
    writer, stop = StoreWriter(data_dir), threading.Event()
    with assemble.assembled(trial) as agent, ShutdownSignals() as signals:
        loop = Loop(agent)
        writing = Worker(writer.run, stop, signals.report, name="writer")
        reading = Worker(loop.run, stop, signals.report)
        try:
            for each in (reading, writing):
                each.start()
            _watch(writer, receiver, console, seconds, signals)
        finally:
            stop.set()
            writing.join(_END_SECONDS)
            loop.wake()
            reading.join(_END_SECONDS)
        _raise_what_went_wrong(writing, reading)
        agent.ingest.run(sweep=True)
        agent.spans.send()
        agent.metrics.send(last=True)
    console.print(arrivals_page(receiver))
    console.print(compare(writer.written, receiver))


def _raise_what_went_wrong(*workers: Worker) -> None:
    for each in workers:
        if each.is_alive():
            raise DeliveryError(f"the demo's {each.name} did not end within {_END_SECONDS:.0f} s.")
        if each.error is not None:
            raise each.error


def _watch(writer: StoreWriter, receiver: Receiver, console: Console, seconds: float, signals: ShutdownSignals) -> None:
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
                zone=datetime.now().astimezone().tzinfo or UTC,
            )
            live.update(screen_of(frame, height=console.height), refresh=True)
            if signals.wait_for(_FRAME_SECONDS) is not None:
                return


def compare(written: Written, receiver: Receiver) -> str:
    """In words. Raises ``DeliveryError`` where they are not the same."""
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
    told = [
        f"{name}: {number:,} written, {counted:,.0f} counted, {spans:,} spans" for name, number, counted, spans in rows
    ]
    told.append(f"tokens: {written.tokens:,} written, {sums.get(TOKEN_USAGE.name, 0):,.0f} counted")
    same = all(number == counted == spans for _, number, counted, spans in rows) and written.tokens == sums.get(
        TOKEN_USAGE.name, 0
    )
    if not same:
        raise DeliveryError(f"what arrived is not what was written: {'; '.join(told)}. Please report it.")
    return "\nWhat arrived is what was written:\n  " + "\n  ".join(told)
