"""The same surroundings for every test, whoever runs it, and whatever the shell is set to."""

from __future__ import annotations

import os
from typing import Final

_STEERING: Final = (
    *("OTEL_", "OPENCODE", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),  # what is read, and where it is kept
    *("TEXTUAL", "NO_COLOR", "FORCE_COLOR", "TTY_", "GITHUB_ACTIONS", "PY_COLORS", "TERMINAL_WIDTH"),  # how it looks
    *("LC_", "LANG", "PYTHONIOENCODING", "PYTHONUTF8"),  # which letters a program that a test starts can print
)
"""A variable that begins like this steers the agent, OpenCode, or a library that draws."""
_NETWORK: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_", "NETRC")
"""These say how the network is reached, and so does each variable with a proxy in its name."""
_USUAL_UMASK: Final = 0o022
"""Some tests write a store for another user, who has to be able to read it."""


def settle() -> None:
    """Forget what steers the programs under test, and let new files be readable, as they usually are."""
    for name in list(os.environ):
        if name.upper().startswith(_STEERING):
            del os.environ[name]
    os.environ["LANG"] = "C.UTF-8"
    os.umask(_USUAL_UMASK)


def of_the_network() -> list[str]:
    """Return the name of each variable that says how the network is reached."""
    return [name for name in os.environ if name.upper().startswith(_NETWORK) or "PROXY" in name.upper()]
