"""The options that name a backend. A key never comes on the command line: everybody on the machine could read it there."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from otel_agent.errors import SettingsError, UsageError
from otel_agent.obstacles import obstacle
from otel_agent.settings.file_content import file_text
from otel_agent.settings.user_folders import without_tilde

STANDARD_INPUT: Final = "-"

EndpointOption = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="URL", help="Address of the backend, such as http://localhost:4318."),
]
HeaderOption = Annotated[
    str | None,
    typer.Option(
        "--header",
        metavar="-",
        help="Read headers with keys from standard input, a line each: `authorization: Bearer KEY`.",
    ),
]
HeaderFileOption = Annotated[
    Path | None,
    typer.Option("--header-file", metavar="FILE", help="Read headers from a file, a line each; - is standard input."),
]
ProtocolOption = Annotated[
    Literal["http/protobuf", "grpc"] | None,
    typer.Option("--protocol", metavar="NAME", help="http/protobuf or grpc. Default: what the backend accepts."),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--certificate", metavar="FILE", help="PEM file of the authority that signed the backend's certificate."
    ),
]


def otlp_asked(
    endpoint: str | None,
    protocol: str | None,
    certificate: Path | None,
    header: str | None,
    header_file: Path | None,
) -> dict[str, Any]:
    """Return the keys of ``[otlp]`` that the options set. Raises ``UsageError`` and ``SettingsError``."""
    from otel_agent.setup import paste

    found: dict[str, Any] = {}
    if endpoint is not None:
        found["endpoint"] = paste.address(endpoint)
    if protocol is not None:
        found["protocol"] = protocol
    if certificate is not None:
        found["certificate"] = str(without_tilde(certificate).absolute())
    if header is not None or header_file is not None:
        text, place = _header_text(header, header_file)
        found["headers"] = paste.header_lines(text, place)
    return found


def _header_text(header: str | None, file: Path | None) -> tuple[str, str]:
    if header is not None and file is not None:
        raise UsageError("--header and --header-file contradict each other. Choose one.")
    if header not in (None, STANDARD_INPUT):
        raise UsageError(
            "--header takes - only: a key on the command line can be read by everybody on this machine, and stays in the "
            "shell's history. Use --header - and paste it, or --header-file FILE, or OTEL_EXPORTER_OTLP_HEADERS."
        )
    if file is None or str(file) == STANDARD_INPUT:
        if sys.stdin is not None and sys.stdin.isatty():
            return str(typer.prompt("Header (not shown)", hide_input=True)), "the header"
        return sys.stdin.read() if sys.stdin is not None else "", "standard input"
    try:
        return file_text(without_tilde(file), "file of headers", "Name another one."), str(file)
    except SettingsError as error:
        raise UsageError(f"--header-file {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        what, todo = obstacle(without_tilde(file)) or (why, "Name a text file that you may read")
        raise UsageError(f"--header-file {file}: cannot be read: {what}. {todo}.") from None
