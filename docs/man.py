"""Writes the manual page `docs/otel-agent.1` from the commands themselves: python -m docs.man."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from otel_agent.cli.commands import app

PAGE = Path(__file__).parent / "otel-agent.1"

_FILES = (
    (
        "$XDG_CONFIG_HOME/otel-agent/otel-agent.toml",
        "The settings, else below ~/.config. otel-agent config init writes it.",
    ),
    ("$XDG_STATE_HOME/otel-agent", "The ledger and the pending spans, else below ~/.local/state."),
    ("$XDG_DATA_HOME/opencode", "OpenCode's stores, which are only read, else below ~/.local/share."),
)
_CODES = (
    (0, "The command did what it says; status: the agent runs and delivers."),
    (
        1,
        "doctor: a check failed. verify: a difference has no explanation. Any other: an error without a code of its own.",
    ),
    (2, "The settings or options cannot be used."),
    (3, "run --once, status: the backend did not accept everything. Nothing is lost."),
    (4, "The ledger cannot be read or written. status: nothing can be counted."),
    (5, "status: no agent is running."),
    (6, "summary --fail-above: more was used than the amount."),
    (130, "Ctrl-C."),
)


def page() -> str:
    """Return the manual page in roff's man macros."""
    root = typer.main.get_command(app())
    lines = [
        '.TH OTEL\\-AGENT 1 "" "otel\\-agent" "User Commands"',
        ".SH NAME",
        "otel\\-agent \\- make OpenCode observable, with OTLP metrics and spans",
        ".SH SYNOPSIS",
        ".B otel\\-agent",
        ".RI [ option \\&.\\|.\\|.]",
        ".I command",
        ".RI [ argument \\&.\\|.\\|.]",
        ".SH DESCRIPTION",
        *_paragraphs(root.help or ""),
        ".SH OPTIONS",
        *_options(root),
        ".SH COMMANDS",
        *_commands(root),
        ".SH FILES",
        *(line for name, text in _FILES for line in _item(_bold(name), text)),
        ".SH ENVIRONMENT",
        *_item(_bold("OTEL_AGENT_<NAME>"), "Any setting by its name in capitals; it wins over the settings file."),
        *_item(_bold("OTEL_EXPORTER_OTLP_ENDPOINT"), "Where to send; with OpenTelemetry's other standard variables."),
        ".SH EXIT STATUS",
        *(line for code, text in _CODES for line in _item(_bold(str(code)), text)),
        ".SH SEE ALSO",
        *_text("otel-agent COMMAND --help, and otel-agent config init --print, which explains every setting."),
    ]
    return "\n".join(lines) + "\n"


def _commands(group: Any, *path: str) -> Iterator[str]:
    for name, command in getattr(group, "commands", {}).items():
        if command.hidden:
            continue
        words = (*path, name)
        yield f".SS {_bold_words(' '.join(words))}"
        yield from _paragraphs(command.help or "")
        yield from _options(command)
        if command.epilog:
            yield ".PP"
            yield from _text(command.epilog)
        yield from _commands(command, *words)


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if not getattr(parameter, "hidden", False):
            yield from _item(_head(parameter), _explained(parameter))


def _head(parameter: Any) -> str:
    value = "" if parameter.metavar == "" or getattr(parameter, "is_flag", False) else parameter.metavar or "VALUE"
    if parameter.param_type_name == "argument":
        return f"\\fI{_escaped(value)}\\fR"
    names = ", ".join(_bold(name) for name in (*parameter.opts, *parameter.secondary_opts))
    return f"{names} \\fI{_escaped(value)}\\fR" if value else names


def _explained(parameter: Any) -> str:
    text = parameter.help or ""
    return f"{text} Variable: {parameter.envvar}." if getattr(parameter, "envvar", None) else text


def _item(head: str, text: str) -> Iterator[str]:
    yield ".TP"
    yield head
    yield from _text(text or "See above.")


def _paragraphs(text: str) -> Iterator[str]:
    """Yield a help text. Click keeps the lines of a paragraph that begins with a backspace, and so does the page."""
    for paragraph in text.strip().split("\n\n"):
        yield ".PP"
        if paragraph.startswith("\b"):
            yield ".nf"
            yield from (_line(line) for line in paragraph.lstrip("\b\n").splitlines())
            yield ".fi"
        else:
            yield from _text(paragraph)


def _text(text: str) -> Iterator[str]:
    """Yield a line for each sentence: so a changed sentence is a changed line."""
    flat = " ".join(text.split())
    yield from map(_line, re.split(r"(?<=[.:;]) (?=[A-Z`])", flat) if flat else [])


def _line(text: str) -> str:
    # A line that begins with a dot or an apostrophe would be a command.
    escaped = _escaped(text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _bold(text: str) -> str:
    return f"\\fB{_escaped(text)}\\fR"


def _bold_words(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    # Groff reads UTF-8 only if it is told so; these names work everywhere.
    return "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in escaped)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="ascii")
