"""A program as `otel-agent service install` would describe it."""

from __future__ import annotations

from pathlib import Path

from otel_agent.service.program import Program


def made(folder: Path, **environment: str) -> Program:
    """Return a program whose files are all in `folder`."""
    return Program(
        command=(str(folder / "otel-agent"), "run", "--config", str(folder / "settings.toml")),
        environment=environment,
        state_dir=folder / "state",
        environment_file=folder / "environment",
        log_file=folder / "state" / "agent.log",
    )
