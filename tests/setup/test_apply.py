"""Ctrl-C while a set-up is carried out leaves both files as they were, and a service that is refused leaves them written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from otel_agent.service.manager import Manager, ServiceError
from otel_agent.setup.apply import carry_out, changes
from otel_agent.setup.result import SetupResult
from otel_agent.setup.wish import Wish
from tests.service.programs import made

WISH = Wish(
    exporter="otlp",
    otlp={"endpoint": "https://otlp.example"},
    variables={"OTEL_RESOURCE_ATTRIBUTES": "team=a"},
    forgotten=("OTEL_EXPORTER_OTLP_ENDPOINT",),
)
SETTINGS, VARIABLES = 'exporter = "none"\n', "OTEL_EXPORTER_OTLP_ENDPOINT=http://old\n"


class Refusing:
    """A service manager that does not come to the end of an install."""

    file = Path("/no/such/unit")

    def __init__(self, refusal: BaseException) -> None:
        self._refusal = refusal

    def install(self, program: object, *, restart: bool = False) -> bool:
        del program, restart
        raise self._refusal


def refusing(refusal: BaseException) -> Callable[[], Manager]:
    return lambda: cast("Manager", Refusing(refusal))


def contents(settings: Path) -> tuple[str | None, ...]:
    files: Any = (settings, settings.with_name("environment"))
    return tuple(file.read_text() if file.exists() else None for file in files)


@pytest.mark.parametrize("existed", [True, False])
def test_ctrl_c_while_the_service_is_installed_puts_both_files_back(tmp_path: Path, existed: bool) -> None:
    settings = tmp_path / "config.toml"
    if existed:
        settings.write_text(SETTINGS)
        settings.with_name("environment").write_text(VARIABLES)
    before = contents(settings)
    with pytest.raises(KeyboardInterrupt):
        carry_out(
            changes(settings, WISH), manager=refusing(KeyboardInterrupt()), program=lambda: made(tmp_path), dry=False
        )
    assert contents(settings) == before


def test_a_service_that_is_refused_leaves_the_settings_written(tmp_path: Path) -> None:
    """A person can start the agent in another way."""
    settings = tmp_path / "config.toml"
    found = changes(settings, WISH)
    refused = refusing(ServiceError("no bus"))
    result = carry_out(found, manager=refused, program=lambda: made(tmp_path), dry=False)
    assert result == (SetupResult.NO_SERVICE, "no bus")
    assert contents(settings) == (found.settings.after, 'OTEL_RESOURCE_ATTRIBUTES="team=a"\n')
