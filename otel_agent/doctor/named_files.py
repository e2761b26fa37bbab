"""Checks the files and folders that settings name, apart from those of a backend, which its exporter opens."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from otel_agent.errors import SettingsError
from otel_agent.obstacles import obstacle
from otel_agent.semconv import Signal
from otel_agent.settings import Settings


def unusable_files(settings: Settings) -> Iterator[str]:
    """Yield what is wrong and what to do for each file or folder that a setting names in vain."""
    yield from _prices(settings)
    if any(settings.exporter_of(signal) == "file" for signal in get_args(Signal)):
        yield from unusable_folder("file_dir", settings.file_exporter_dir)
    yield from _command(settings)


def unusable_folder(setting: str, folder: Path) -> Iterator[str]:
    """Yield why nothing can be written into a folder, if so. It need not be there yet."""
    what, todo = obstacle(folder, is_folder=True, to_write=True) or ("", "")
    nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not what and not os.access(nearest, os.W_OK | os.X_OK):
        what, todo = f"{nearest} cannot be written", "Make it writable"
    if what:
        yield f"{setting}: {what}. {todo}, or set {setting} to another folder."


def _prices(settings: Settings) -> Iterator[str]:
    if settings.prices_file is None:
        return
    from otel_agent.summary.price_file import load_prices  # noqa: PLC0415 - few people have one

    try:
        load_prices(settings.prices_file)
    except SettingsError as error:
        yield str(error)


def _command(settings: Settings) -> Iterator[str]:
    """A program is looked for as the agent would find it if it was started here."""
    if not settings.budget_notice.command:
        return
    program = os.path.expanduser(settings.budget_notice.command[0])  # noqa: PTH111 - may be no path
    if shutil.which(program) is not None:
        return
    why = "is there, and cannot be executed" if Path(program).is_file() else "is not there"
    place = "" if os.sep in program else " in any folder of PATH"
    todo = "chmod +x lets it run" if Path(program).is_file() else "Write the whole path of the program"
    yield f"budget_notice.command: {program} {why}{place}, so no notice would reach it. {todo}."
