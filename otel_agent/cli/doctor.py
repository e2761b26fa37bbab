"""``otel-agent doctor``."""

import typer

from otel_agent.cli import logs
from otel_agent.cli.options import ConfigOption, JsonOption


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check every link from OpenCode's storage to the backend, and say what to do. Exit code 1: a check failed."""
    from otel_agent.cli.terminal import console
    from otel_agent.doctor import show
    from otel_agent.doctor.examine import examine
    from otel_agent.doctor.finding import Verdict
    from otel_agent.settings import load

    logs.set_up("error", "text", quiet=True)
    findings, screen = [], console()
    for finding in examine(lambda: load(config)):
        findings.append(finding)
        if not as_json:
            screen.print(show.line(finding))
    if as_json:
        typer.echo(show.as_json(findings))
    else:
        screen.print(f"\n{show.summary(findings)}", highlight=False)
    raise typer.Exit(any(finding.verdict is Verdict.FAILURE for finding in findings))
