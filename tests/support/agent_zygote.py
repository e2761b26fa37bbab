"""A process that has the agent imported and forks a fresh one for each order, so that a run costs no start-up.

Orders come as JSON lines on standard input, one at a time. The answer to each is the run's exit code. Every run is a
process of its own that begins as `python -m otel_agent` does. The order names its environment, folder and user.
What a command imports late is there already, so `tests/cli/test_late_imports.py` tries each command without it.
"""

from __future__ import annotations

import atexit
import encodings.ascii
import encodings.idna  # noqa: F401
import functools
import importlib
import json
import os
import pkgutil
import pprint  # noqa: F401
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import otel_agent
import otel_agent.agent.assemble
import otel_agent.cli.commands
import otel_agent.delivery.otlp_http
import otel_agent.settings.validation
from tests.support.no_process import NO_PROCESS

PROGRAM = compile(Path(otel_agent.__path__[0], "__main__.py").read_bytes(), "otel_agent/__main__.py", "exec")
NOT_NEEDED = ("otel_agent.demo", "otel_agent.doctor", "otel_agent.summary", "otel_agent.delivery.otlp_grpc")
"""Modules that `run` does not import late."""
LIVE = ("otel_agent.summary.live", "otel_agent.cli.serving")
NOTHING_LISTENS = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Order:
    """A run to start. Its standard output goes to the file `output`, its standard error to `errors`.

    Its standard input comes from the file `input`. One that is `alone` sees no process of this machine.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    uid: int | None
    output: str
    errors: str
    input: str = os.devnull
    alone: bool = False


def serve() -> None:
    """Run the orders from standard input one after the other, until it is closed."""
    for line in sys.stdin.buffer:
        order = Order(**json.loads(line))
        if order.arguments[:1] != ["run"]:
            _import_commands()
        if order.uid is not None:
            _import_everything()
        child = os.fork()
        if child == 0:
            _become(order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


@functools.cache
def _import_commands() -> None:
    """Import what commands other than `run` import late, apart from the live screen."""
    for name in ("cli", "doctor", "summary", "verify"):
        package = importlib.import_module(f"otel_agent.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(LIVE):
                importlib.import_module(module.name)


@functools.cache
def _import_everything() -> None:
    """Import every module that a run may import late: another user may not be able to read this checkout.

    Our own modules are listed. A run in a folder of its own reports which modules of the libraries come late.
    """
    for module in pkgutil.walk_packages(otel_agent.__path__, "otel_agent."):
        if not module.name.startswith((*NOT_NEEDED, "otel_agent.__main__")):
            importlib.import_module(module.name)
    for name in _imported_by_a_run():
        # Some names have no file: their owner put them there.
        with suppress(ImportError):
            importlib.import_module(name)


def _imported_by_a_run() -> list[str]:
    """Return the names of all modules that are imported at the end of a run."""
    reading, writing = os.pipe()
    with TemporaryDirectory() as folder:
        child = os.fork()
        if child == 0:
            environment = {
                "HOME": folder,
                "OTEL_AGENT_DISCOVER_STORES": "false",
                "OTEL_EXPORTER_OTLP_ENDPOINT": NOTHING_LISTENS,
            }
            _become(Order(["run", "--once"], environment, folder, None, os.devnull, os.devnull), report_to=writing)
        os.close(writing)
        with os.fdopen(reading) as names:
            imported = names.read().split()
        os.waitpid(child, 0)
    return imported


def _become(order: Order, report_to: int | None = None) -> None:
    """Turn this fork into the run that was ordered. Does not return."""
    code = 1  # as the interpreter answers for an exception that nobody caught
    try:
        _take_streams(order)
        if order.uid is not None:
            os.setgroups([])
            os.setgid(order.uid)
            os.setuid(order.uid)
        os.chdir(order.folder)
        os.environ.clear()
        os.environ.update(order.environment)
        time.tzset()
        if order.alone:
            exec(NO_PROCESS, {})
        code = _run(order.arguments)
        # The interpreter does these two at its end. os._exit does neither.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        if report_to is not None:
            os.write(report_to, "\n".join(sys.modules).encode())
        sys.stderr.flush()
        os._exit(code)


def _take_streams(order: Order) -> None:
    for path, stream in ((order.output, 1), (order.errors, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, stream)
        os.close(file)
    typed = os.open(order.input, os.O_RDONLY)
    os.dup2(typed, 0)
    os.close(typed)
    # The zygote has read its orders from the stream that this one replaces.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115


def _run(arguments: list[str]) -> int:
    """Run the module and return the exit code that the interpreter would end with."""
    sys.argv = ["otel-agent", *arguments]
    try:
        exec(PROGRAM, {"__name__": "__main__", "__package__": "otel_agent"})
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    return 0


if __name__ == "__main__":
    serve()
