"""How the program ends: an error becomes a message on standard error and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from otel_agent.cli import streams
from otel_agent.errors import OtelAgentError


@contextmanager
def ending() -> Iterator[None]:
    """Exit with a message if an error comes out. Exit codes: see ``errors``; 130 after Ctrl-C."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here, where a full disk gets a sentence
    except OtelAgentError as error:
        print(f"otel-agent: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # nobody reads on, as after `| head`: end without Python's own complaint
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        streams.drop_output()
        print(f"otel-agent: {streams.failure_in_words(error)}", file=sys.stderr)
        sys.exit(1)
