"""One simulated machine: it plays events, kills and starts the agent, and brings it to rest at the end."""

from __future__ import annotations

import gc
import shutil
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from otel_agent.errors import LedgerError
from tests.simulator.backend import Backend, Endless
from tests.simulator.books import Books, SeriesKey
from tests.simulator.clock import Clock
from tests.simulator.faults import Faults, Killed, Kind, hooked
from tests.simulator.ledger_view import first_look_is_over
from tests.simulator.running import INTERVAL_S, Running, environment
from tests.simulator.writers import GENERATIONS, OpenCode
from tests.support.otlp_receiver.wire import Signal

CATCH_UP_ROUNDS = 7
"""After the last fault everything has to be delivered within so many rounds: the longest pause, and what it asked for."""
GRACE_S = 4_000
"""Longer than an answer that was never completed waits before it counts."""


class Event(NamedTuple):
    """One thing that happens, by the name of a method of ``Machine``, with its arguments."""

    what: str
    arguments: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"{self.what}({', '.join(map(repr, self.arguments))})"


class Machine:
    """The agent, three OpenCodes and a backend. Methods without an underscore that take plain values are events."""

    def __init__(self, folder: Path, *, delta: bool = False) -> None:
        self.clock, self.books, self.delta = Clock(), Books(), delta
        self.state, self.data = folder / "state", folder / "data"
        self.faults = Faults(folder, lambda: self.state)
        self.backend = Backend(self.clock, self.faults.request, refuses_no=("metrics",) if delta else ())
        self.writers = {each: OpenCode(each, self.data, self.clock, self.books) for each in GENERATIONS}
        self.agent: Running | None = None
        self.crashes: list[str] = []
        """Errors that no command of the agent would turn into a sentence."""
        self.kills = 0
        self.history: set[SeriesKey] = set()
        """The series that began before the agent had looked at everything once: they begin with what they had."""
        self._opened: list[sqlite3.Connection] = []

    def play(self, event: Event) -> None:
        """Let one event happen."""
        getattr(self, event.what)(*event.arguments)

    # -- what OpenCode does

    def ask(self, generation: str, rounds: int, tools: int) -> None:
        """A person asks one OpenCode something."""
        with self.faults.aside():
            self.writers[generation].ask(rounds, tools)

    def write(self, generation: str, what: str) -> None:
        """One OpenCode begins, finishes, forks, or is killed."""
        with self.faults.aside():
            getattr(self.writers[generation], what)()

    # -- what the backend does

    def answers(self, signal: Signal, *behaviours: str) -> None:
        """The next requests are answered like this."""
        self.backend.script[signal].extend(behaviours)

    def away(self, behaviour: str) -> None:
        """All requests are answered like this, until further notice."""
        self.backend.always = behaviour

    def poison(self, model: str) -> None:
        """The backend refuses whatever has this model."""
        self.backend.poison.add(model)

    def slow(self, steps: int) -> None:
        """From now on the agent's loop makes so many steps before an answer is there."""
        self.backend.slow = steps

    # -- what the agent does

    def wait(self, seconds: int) -> None:
        """Time passes, and nothing happens."""
        self.clock.tick(seconds * 1_000)

    def round(self) -> None:
        """One interval passes, and the agent does what it has to do."""
        self.clock.tick(INTERVAL_S * 1_000)
        self.work()

    def work(self) -> None:
        """The agent does what is due. It is started first if it does not run."""
        self._step(Running.work)

    def restart(self) -> None:
        """The agent ends in order after an interval, and starts again."""
        self.stop()
        self._step(lambda _: None)

    def stop(self) -> None:
        """The agent ends in order, an interval after its last export."""
        self.wait(INTERVAL_S)
        self.stop_at_once()

    def stop_at_once(self) -> None:
        """The agent ends in order, although it exported just now."""
        self._step(Running.stop)
        self.agent = None

    def kill(self) -> None:
        """The agent is killed between two steps."""
        self.faults.arm("kill", 1)
        self._step(lambda _: self.faults.request("between two steps"))
        self.faults.disarm()

    def fault(self, kind: Kind, at: int) -> None:
        """The next round fails at its point with this number, or nowhere if it has fewer."""
        self.faults.arm(kind, at)
        self.round()
        self.faults.disarm()

    # -- the end

    def recover(self, rounds: int = CATCH_UP_ROUNDS) -> None:
        """End all faults, and let the agent catch up without help."""
        self.faults.disarm()
        self.backend.heal()
        for _ in range(rounds):
            self.round()

    def settle(self) -> None:
        """Let every grace period pass. The start tries again what was quarantined."""
        self.wait(GRACE_S)
        self.round()
        self.restart()
        for _ in range(2):
            self.round()

    def _step(self, step: Callable[[Running], object]) -> None:
        """Do something with the agent, which is started first if it does not run."""
        self.clock.tick(7)  # nothing takes no time at all
        with self.faults.aside():
            if not first_look_is_over(self.state):
                self.history |= self.books.series().keys()
        # What a killed process leaves open is closed by the kernel, and here by the end of what refers to it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            end = self._try(step)
            if end is not None:
                end()
                gc.collect()

    def _try(self, step: Callable[[Running], object]) -> Callable[[], None] | None:
        """Do something with the agent. Return what is to be done if that ended its process, ``None`` if it goes on."""
        try:
            if self.agent is None:
                self.agent = Running(self.state, self.data, self.backend, self.clock, self.faults)
            self.backend.at_once = 0
            step(self.agent)
        except Killed:
            return self._bury
        except LedgerError:
            # The process ended with a sentence; a service manager starts it again.
            return self.end
        except (Exception, Endless) as error:  # noqa: BLE001 - whatever it is, it ended the process
            self.crashes.append(f"{type(error).__name__}: {error}")
            return self.end
        return None

    def _bury(self) -> None:
        """Go on with the files that the killed process left, and close what it had open, as the kernel does."""
        left, old = self.faults.left, self.state
        self.faults.disarm()
        self.kills += 1
        assert left is not None
        with self.faults.aside():
            self.state = left
            self.end()
            shutil.rmtree(old, ignore_errors=True)

    def end(self) -> None:
        """Close what the agent's process has open, as the kernel does when a process ends."""
        agent, self.agent = self.agent, None
        with self.faults.aside():
            if agent is not None:
                with suppress(Exception):
                    agent.close()
            for connection in self._opened:
                with suppress(sqlite3.Error):
                    connection.close()
            self._opened.clear()


@contextmanager
def machine(folder: Path, *, delta: bool = False) -> Iterator[Machine]:
    """Yield a machine in an empty folder; close everything at the end."""
    with ExitStack() as stack:
        stack.enter_context(environment(folder, delta=delta))
        made = Machine(folder, delta=delta)
        made._opened = stack.enter_context(hooked(made.faults))
        stack.callback(made.end)
        yield made
