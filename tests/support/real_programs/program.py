"""A real program as a child process, and the parts that all of them share."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import pytest

START_DEADLINE_S = 60.0
"""A program that is not ready after this time did not start. Seconds, generous for a slow and busy machine."""
STOP_DEADLINE_S = 30.0
"""The time that a program has after SIGTERM to write its data. Seconds."""


def free_ports(number: int) -> list[int]:
    """Return so many free ports on the loopback interface, for a program that does not say which port it took."""
    with ExitStack() as held:
        found = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [int(each.getsockname()[1]) for each in found]


class Program:
    """A program that runs in `folder` during the block. The block begins when its log shows that it is ready.

    It may be entered again after its end, and then continues with the data in its folder. `variables` are added to its
    environment. A subclass defines `command` and `is_ready`.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self._folder, self._variables = folder, variables
        self._log: list[str] = []
        self._is_over = True

    def command(self) -> Sequence[str | Path]:
        """Return the command line. It is called at each start, when `folder` exists."""
        raise NotImplementedError

    def is_ready(self, line: str) -> bool:
        """True for the line of the log that says that it is ready. Another thread calls it for each line."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Return the process id of the latest start."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """True from its start until it is stopped or killed."""
        return not self._is_over

    @property
    def log(self) -> str:
        """Return what it logged so far."""
        return "".join(self._log)

    def __enter__(self) -> Self:
        self._ready_or_over = threading.Event()
        self._is_up = False
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            self.command(),
            cwd=self._folder,
            env=os.environ | self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._is_over = False
        self._reader = threading.Thread(target=self._read, name=f"log of {type(self).__name__}", daemon=True)
        self._reader.start()
        if not self._ready_or_over.wait(START_DEADLINE_S) or not self._is_up:
            self.kill()
            self._fail("did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def kill(self) -> None:
        """End it like a crash: data that is only in memory is lost."""
        if self._is_over:
            return
        self._is_over = True
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def stop(self) -> None:
        """End it as a service manager does. Fail the test if it had ended already or does not end in time."""
        if self._is_over:
            return
        if self._process.poll() is not None:
            self.kill()
            self._fail(f"ended by itself, with exit code {self._process.returncode}")
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._fail(f"did not end within {STOP_DEADLINE_S:.0f} s of SIGTERM")
        self._is_over = True
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._log.append(line)
                if not self._is_up and self.is_ready(line):
                    self._is_up = True
                    self._ready_or_over.set()
        self._ready_or_over.set()

    def _fail(self, what: str) -> NoReturn:
        pytest.fail(f"{type(self).__name__} {what}; its log:\n{self.log}")
