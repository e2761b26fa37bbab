"""A real program as a child process: what all of them have in common."""

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
"""How long a program may take until it says that it is ready. Seconds, on a slow and busy machine."""
STOP_DEADLINE_S = 30.0
"""How long it may take after SIGTERM to put away what it holds. Seconds."""


def free_ports(number: int) -> list[int]:
    """As many that nobody listens on, on loopback: for a program that cannot be asked which one it took."""
    with ExitStack() as held:
        found = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [int(each.getsockname()[1]) for each in found]


class Program:
    """Runs in `folder` while the block lasts, from when its log (standard error) says that it is ready.

    It may be entered again after its end, and goes on with what is in its folder. A kind of program says in `command` what is run, and in `is_ready` which line it waits for; that is asked on another
    thread, once for each line, in their order. `variables` are set in the program's environment.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self._folder, self._variables = folder, variables
        self._log: list[str] = []
        self._is_over = True

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def is_ready(self, line: str) -> bool:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """What it logged so far."""
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
        """As a crash does: nothing of what it holds in memory is written."""
        if self._is_over:
            return
        self._is_over = True
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def stop(self) -> None:
        """Ends it the way a service manager does. Fails where it had ended already, or does not end in time; then kills it."""
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
