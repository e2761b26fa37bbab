"""The key by which inputs of tools are compared on this machine, and by nobody else.

A plain hash of an input says which input it was to whoever can guess it. The ledger holds hashes by a key instead, and
the key lies in a file of its own, for its owner only. A lost key is made again: then older marks match nothing.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

from otel_agent.private_files import read_private, replace_private

_BYTES: Final = 32
_MARK_BYTES: Final = 12


class CallMarks:
    """Makes the mark of a tool call, by the key in the state folder. The key is read when the first mark is made."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / "loop.key"
        self._key = b""

    def of(self, tool: str, input_digest: bytes) -> bytes:
        """Return the same bytes for the same tool and input."""
        if not self._key:
            self._key = self._found() or self._made()
        import hashlib  # noqa: PLC0415 - a status line compares no inputs

        name = tool.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(name + b"\0" + input_digest, key=self._key, digest_size=_MARK_BYTES).digest()

    def _found(self) -> bytes:
        try:
            key = read_private(self._file, _BYTES)
        except OSError:
            return b""
        return key if len(key) == _BYTES else b""

    def _made(self) -> bytes:
        import secrets  # noqa: PLC0415

        key = secrets.token_bytes(_BYTES)
        # If it cannot be written, this process has its own: loops that go on in the next process begin again there.
        with suppress(OSError):
            replace_private(self._file, key)
        return key
