"""Finds the name of a repository in git's settings. A remote's address can hold a key, so only the last part of its path is used."""

import re
from typing import Final
from urllib.parse import unquote

from otel_agent.opencode.bounded_files import is_plain_name

_SECTION: Final = re.compile(r"\[\s*([\w.-]+)(?:\s+\"((?:[^\"\\]|\\.)*)\")?\s*\]\s*")
_URL: Final = re.compile(r"url\s*=\s*(.*)", re.IGNORECASE)
_COMMENT: Final = re.compile(r"\s[#;].*")
_PREFERRED: Final = "origin"


def remote_url(config: str) -> str:
    """Return the address of the remote ``origin``, else of the first one that has an address; empty if none has."""
    found: dict[str, str] = {}
    remote = ""
    for written in config.split("\n"):
        line = written.strip()
        if section := _SECTION.match(line):
            remote = (section[2] or "") if section[1].lower() == "remote" else ""
            line = line[section.end() :]
        url = _URL.fullmatch(line)
        if remote and url:
            found.setdefault(remote, _COMMENT.sub("", url[1]).strip().strip('"'))
    return found.get(_PREFERRED) or next(filter(None, found.values()), "")


def name_in(url: str) -> str:
    """Return the last part of the address' path without ``.git``; empty if there is none, or if it may be no name.

    Neither a host nor anything before an ``@`` is returned, whatever form the address has.
    """
    if "::" in url:  # what follows is for a program of its own
        return ""
    scheme, found, rest = url.partition("://")
    if found:
        path = re.split(r"[?#]", rest.partition("/")[2], maxsplit=1)[0]
        path = unquote(path)
    else:
        # `git@host:owner/name.git`, or the path of a folder.
        path = scheme.replace("\\", "/").rpartition(":")[2]
    parts = [part for part in path.rstrip("/").split("/") if part]
    if len(parts) > 1 and parts[-1] == ".git":
        parts.pop()
    name = parts[-1].removesuffix(".git").strip() if parts else ""
    return name if is_plain_name(name) and "@" not in name else ""
