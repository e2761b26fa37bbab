"""``otel-agent summary --live --serve``: the live screen in a browser."""

import os
import sys

from otel_agent.errors import OtelAgentError


def in_browser() -> bool:
    """True if this process draws the screen of a page, which the one that serves started for it."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def serve_screen(port: int) -> None:
    """Serve the screen that this command line asks for, until Ctrl-C; 0 is any free port."""
    try:
        from otel_agent.summary.live.web import serve
    except ImportError as error:
        raise OtelAgentError(
            f"--serve needs the package textual-serve, which is not here ({error}). It is the extra `serve`: install "
            "otel-agent[serve] in place of otel-agent, or textual-serve beside it."
        ) from None
    serve(sys.argv[1:], port)
