"""Run the agent with a clock on the SDK's encoding: `python -m benchmarks.encoding FILE run --once`.

The clock is around the two functions with which the SDK turns spans and points into protobuf messages. Their CPU
seconds and those of the whole process are written to FILE, as JSON. The product has no such switch: this program replaces
the functions before it starts the agent.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from otel_agent.delivery import encoding


class Encoding(Struct):
    """What was measured. CPU seconds."""

    encoding_s: float = 0
    whole_s: float = 0

    @property
    def share(self) -> float:
        """The share of the process's CPU time that was spent on encoding."""
        return self.encoding_s / self.whole_s


def around(function: Callable[..., Any], spent: Encoding) -> Callable[..., Any]:
    """Return a function that does the same and adds its CPU time to `spent`."""

    def measured(*arguments: Any) -> Any:
        began = time.thread_time()
        try:
            return function(*arguments)
        finally:
            spent.encoding_s += time.thread_time() - began

    return measured


def main() -> None:
    """Run the agent's command line, and write the file when it ends."""
    file, *arguments = sys.argv[1:]
    spent = Encoding()
    for name in ("encode_spans", "encode_metrics"):
        setattr(encoding, name, around(getattr(encoding, name), spent))
    from otel_agent.cli import main as agent  # noqa: PLC0415 - after the change, so that nobody kept the old functions

    sys.argv[1:] = arguments
    try:
        agent()
    finally:
        spent.whole_s = time.process_time()
        Path(file).write_bytes(msgspec.json.encode(spent))


if __name__ == "__main__":
    main()
