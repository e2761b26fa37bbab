"""How the program ends: an error becomes a message on standard error and an exit code."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Final

from otel_agent.cli import streams
from otel_agent.errors import AmountPassed, AmountUndecided, OtelAgentError, UsageError

_INTO_A_FILE: Final = ("-o", "--output")
_WITHOUT_JSON: Final = (AmountPassed, AmountUndecided, UsageError)
"""The first two come after the answer. The third is for whoever typed the options, as an unknown option is."""


@contextmanager
def ending() -> Iterator[None]:
    """Exit with a message if an error comes out. Exit codes: see ``errors``; 130 after Ctrl-C."""
    try:
        with _answering():
            yield
    finally:
        streams.drop_unread_errors()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here, where a full disk gets a sentence
    except OtelAgentError as error:
        _say(str(error))
        if _wants_json(sys.argv[1:]) and not isinstance(error, _WITHOUT_JSON):
            _print_json(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # nobody reads on, as after `| head`: end without Python's own complaint
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        streams.drop_output()
        _say(streams.failure_in_words(error))
        sys.exit(1)


def _say(text: str) -> None:
    # Without a reader, the exit code still says it.
    with suppress(OSError):
        print(f"otel-agent: {text}", file=sys.stderr)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Return True if a program reads the answer as JSON: it shall not find nothing there."""
    asked = "--json" in arguments or "--format=json" in arguments or ("--format", "json") in pairwise(arguments)
    return asked and not any(each.startswith(_INTO_A_FILE) for each in arguments)


def _print_json(error: OtelAgentError) -> None:
    import json  # a status line and a summary do without it

    with suppress(OSError):  # the error was said, and it is the one that matters
        print(json.dumps({"ok": False, "exit_code": error.exit_code, "error": str(error)}, indent=2), flush=True)
