"""Runs checks in threads of their own, so that one that hangs neither holds up the others nor is waited for."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, Queue
from typing import Final

from otel_agent.doctor.finding import Finding, fail, skip
from otel_agent.errors import LedgerError, OtelAgentError

Check = Callable[[], Iterator[Finding]]
LEDGER: Final = "ledger"
"""The link whose check examines the ledger itself."""
_SLOW: Final = "Something there is slow or hangs: a network disk, a name server, or a machine under load."


class Chain:
    """Checks that run one after the other in a thread. They begin at once."""

    def __init__(self, checks: Sequence[tuple[str, Check]]) -> None:
        """``checks`` are the names of the links, each with its check."""
        self._checks = checks
        self._found: Queue[Finding | str | BaseException | None] = Queue()
        # A thread that hangs must not keep the program from ending.
        threading.Thread(target=self._run, name="checks", daemon=True).start()

    def findings(self, patience_seconds: float) -> Iterator[Finding]:
        """Yield each finding as it comes. When nothing came for so long, the check hangs: it and the rest are named.

        A machine under load is slow and does not hang, so what counts is the time since the last finding or begin of a
        check. Raises what a check raises beyond an error of ours or of the system.
        """
        begun: list[str] = []
        while True:
            try:
                found = self._found.get(timeout=patience_seconds)
            except Empty:
                yield from self._unanswered(begun)
                return
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            if isinstance(found, str):
                begun.append(found)
            else:
                yield found

    def _unanswered(self, begun: list[str]) -> Iterator[Finding]:
        if begun:
            yield fail(
                begun[-1], "the check did not end in time", _SLOW, "Look at it, and run `otel-agent doctor` again."
            )
        names = list(dict.fromkeys(name for name, _ in self._checks[len(begun) :]))
        if names:
            yield skip(names[0], f"not examined in time: {', '.join(names)}")

    def _run(self) -> None:
        for link, check in self._checks:
            self._found.put(link)
            try:
                for finding in check():
                    self._found.put(finding)
            except OtelAgentError as error:
                self._found.put(_not_checked(link, error))
            except OSError as error:
                # The system names no file if the folder in which the command was started is gone.
                where = error.filename or "the folder in which you are"
                todo = "Make it readable for you." if error.filename else "If it is gone, change to another one."
                seen = f"{where}: {error.strerror or error}"
                self._found.put(fail(link, seen, "Could not be checked further.", todo))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                self._found.put(error)
                return
        self._found.put(None)


def _not_checked(link: str, error: OtelAgentError) -> Finding:
    """Return the finding for a check that could not be made."""
    if isinstance(error, LedgerError) and link != LEDGER:
        # Its own check says what is wrong with it, and what to do: once is enough.
        return skip(link, "not examined, because the ledger cannot be read")
    return fail(link, str(error), "Could not be checked further.", "Fix the problem named above.")
