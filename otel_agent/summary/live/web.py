"""The live screen in a browser of this machine: a page of textual-serve, under an address that nobody else can guess.

Each page that is opened runs the same command once more, whose screen is drawn in the browser.
"""

import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from typing import Final

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from otel_agent.errors import UsageError

HOST: Final = "127.0.0.1"
_TOKEN_BYTES: Final = 24
_CLOSING_SECONDS: Final = 1.0
"""How long the end waits for a browser that does not close its connection."""
_HEADERS: Final = {
    # The page fetches nothing from elsewhere, and its address, which is a secret, goes nowhere.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>otel-agent</title>
<link rel="stylesheet" href="{static}css/xterm.css">
<style>
@font-face {{ font-family: "Roboto Mono"; src: url("{static}fonts/RobotoMono-VariableFont_wght.ttf"); }}
@font-face {{ font-family: "Roboto Mono"; font-style: italic; src: url("{static}fonts/RobotoMono-Italic-VariableFont_wght.ttf"); }}
html, body {{ margin: 0; height: 100%; background: #121212; color: #e0e0e0; font-family: monospace; }}
#terminal {{ width: 100vw; height: 100vh; }}
.closed-dialog {{ display: none; position: absolute; inset: 0; align-items: center; justify-content: center; background: #121212; }}
body.-closed .closed-dialog {{ display: flex; }}
</style>
<script src="{static}js/textual.js"></script>
</head>
<body>
<div class="closed-dialog">The screen was closed. Reload the page to open it again.</div>
<div id="terminal" class="textual-terminal" data-session-websocket-url="{websocket}" data-font-size="16"></div>
</body>
</html>
"""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serve(arguments: Sequence[str], port: int) -> None:
    """Serve the screen that these arguments of ``otel-agent`` open, on a port of this machine, until Ctrl-C.

    Port 0 is any free one. Raises ``UsageError`` if the port cannot be had.
    """
    try:
        listening = socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--port {port}: {reason}. Name another one, or leave it out for any that is free.") from None
    page = _Page(arguments, listening.getsockname()[1])
    with listening:
        web.run_app(page.app(), sock=listening, print=None, access_log=None, shutdown_timeout=_CLOSING_SECONDS)


class _Page(Server):
    """textual-serve's server, below a path that only those know who were given the address."""

    def __init__(self, arguments: Sequence[str], port: int) -> None:
        # Without a shell in between, a signal reaches the screen itself.
        command = "exec " + shlex.join([sys.executable, "-m", "otel_agent", *arguments])
        super().__init__(command, host=HOST, port=port, title="otel-agent")
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)

    async def app(self) -> web.Application:
        """Return the application: the page below its secret path, and 403 for everything else."""
        outer = web.Application(middlewares=[_with_headers])
        outer.add_subapp(f"/{self._token}/", await self._make_app())
        outer.router.add_route("*", "/{rest:.*}", _refused)
        return outer

    async def on_startup(self, app: web.Application) -> None:
        """Say the address."""
        print(f"The live screen is at {self.public_url}/{self._token}/ for browsers on this machine.", flush=True)
        print("Whoever has this address can see it. Ctrl-C ends it.", flush=True)

    async def handle_index(self, request: web.Request) -> web.Response:
        """Return the page, which loads everything from here."""
        static = f"/{self._token}/static/"
        websocket = f"ws://{HOST}:{self.port}/{self._token}/ws"
        return web.Response(text=_PAGE.format(static=static, websocket=escape(websocket)), content_type="text/html")

    async def _process_messages(self, websocket: web.WebSocketResponse, app_service: AppService) -> None:
        """Pass on what is typed until the page is closed, and end its screen then, even if it does not answer."""
        try:
            await super()._process_messages(websocket, app_service)
        finally:
            process = app_service._process
            if process is not None and process.returncode is None:
                # It only reads the ledger, or writes it in transactions that a kill leaves whole.
                process.kill()


@web.middleware
async def _with_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    answer = await handler(request)
    if not answer.prepared:
        answer.headers.update(_HEADERS)
    return answer


async def _refused(request: web.Request) -> web.Response:
    return web.Response(status=403, text="The address is not complete. It is the one that otel-agent printed.\n")
