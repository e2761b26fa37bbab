"""A real browser that a test looks into and types into, by Chromium's DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from tests.support.real_programs import absent
from tests.support.waiting import DEADLINE_S


class Page:
    """A page, with every address that it asked for and everything that came through its WebSockets."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sent = 0
        self.asked: list[str] = []
        self.received = ""

    async def send(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result."""
        self._sent += 1
        number = self._sent
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(DEADLINE_S):
            while (answer := await self._next()).get("id") != number:
                pass
        assert "error" not in answer, answer
        return answer["result"]

    async def open(self, address: str) -> None:
        """Go to an address."""
        await self.send("Network.enable")
        await self.send("Page.enable")
        await self.send("Page.navigate", url=address)

    async def receives(self, *texts: str) -> None:
        """Wait until one of these texts came through a WebSocket; it is forgotten with all before it."""
        until = monotonic() + DEADLINE_S
        while not (came := [each for each in texts if each in self.received]):
            assert monotonic() < until, f"none of {texts} came: {self.received[-3000:]}"
            async with asyncio.timeout(DEADLINE_S):
                await self._next()
        self.received = self.received.partition(came[0])[2]

    async def focus(self) -> None:
        """Behave as the window that the person is in, and click into the page."""
        await self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=300, y=300, button="left", clickCount=1)

    async def press(self, key: str) -> None:
        """Type a letter."""
        code = {"text": key, "key": key, "unmodifiedText": key, "windowsVirtualKeyCode": ord(key.upper())}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **code)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **code)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        result = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    async def picture(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode((await self.send("Page.captureScreenshot"))["data"])

    async def _next(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((await self._socket.receive()).data)
        parameters = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(parameters["request"]["url"])
        elif event.get("method") == "Network.webSocketCreated":
            self.asked.append(parameters["url"])
        elif event.get("method") == "Network.webSocketFrameReceived":
            frame = parameters["response"]
            binary = frame["opcode"] == 2
            self.received += base64.b64decode(frame["payloadData"]).decode() if binary else frame["payloadData"]
        return event


@asynccontextmanager
async def browser(folder: Path, size: tuple[int, int] = (1000, 700)) -> AsyncIterator[Page]:
    """Start a browser with a profile in a folder, and end it afterwards."""
    if shutil.which("chromium") is None:
        absent("chromium is not here: run `make chromium`")
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder / 'profile'}", f"--window-size={size[0]},{size[1]}", "about:blank"),
    ]
    nowhere = asyncio.subprocess.DEVNULL
    started = await asyncio.create_subprocess_exec("chromium", *options, stdout=nowhere, stderr=nowhere)
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not (port := _port(folder / "profile" / "DevToolsActivePort")):
                await asyncio.sleep(0.05)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        started.terminate()
        await started.wait()


def _port(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return lines[0] if lines else ""
