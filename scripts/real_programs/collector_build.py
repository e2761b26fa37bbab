"""The OpenTelemetry Collector that a manifest describes, built by the Collector project's own builder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.go_build import FLAGS, SOURCE, VARIABLES
from scripts.real_programs.running import output, run

NEEDED_GO = (1, 26, 0)
"""The `go` line of the Collector's modules that the manifest pins."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the builder reads, as far as it matters here. A test compares this with what a YAML parser finds."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read the file. Raise GetError if it is not there."""
        try:
            return cls(path, path.read_text(encoding="utf-8"))
        except OSError as error:
            raise GetError(f"{path} cannot be read: {error.strerror}.") from error

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal: an edited manifest is another Collector."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def version(self) -> str:
        """`dist.version`, such as 0.155.0. It is also the release of the builder."""
        found = re.search(r"^  version: *([0-9]+\.[0-9]+\.[0-9]+)\b", self.text, re.MULTILINE)
        if found is None:
            raise GetError(f"{self.path} has no `version` like 0.155.0 under `dist`.")
        return found[1]

    @property
    def modules(self) -> list[str]:
        """The pinned Go modules, as `module@version`."""
        return [f"{module}@{pin}" for module, pin in re.findall(r"^ *- gomod: (\S+) (\S+)", self.text, re.MULTILINE)]


@dataclass(frozen=True, slots=True)
class CollectorBuild:
    """The folder gets the program of this name."""

    manifest: Manifest
    program: str

    label = "go build"
    needs: ClassVar[Sequence[str]] = ("go",)
    source = SOURCE

    def make(self, version: str, made: Path) -> None:
        """Have the builder write the sources, then fetch the modules and build here.

        The builder's own `go mod tidy` would also fetch what the components' tests import, and a program needs none of
        that. `go get` fails if two pins contradict each other.
        """
        _require_go(made.parent)
        builder = f"go.opentelemetry.io/collector/cmd/builder@v{version}"
        manifest = ("--config", self.manifest.path, "--skip-get-modules", "--skip-compilation")
        run(["go", "run", builder, *manifest], made.parent, VARIABLES)
        sources = made.with_name("build")  # `dist.output_path` of the manifest
        run(["go", "mod", "init", self.program], sources, VARIABLES)
        core = f"go.opentelemetry.io/collector/otelcol@v{version}"
        run(["go", "get", *self.manifest.modules, core], sources, VARIABLES)
        run(["go", "build", *FLAGS, "-o", made / self.program, "."], sources, VARIABLES)


def _require_go(folder: Path) -> None:
    """Raise GetError if this go is too old and may not fetch the toolchain that it lacks."""
    have = output(["go", "env", "GOVERSION"], folder)
    numbers = tuple(int(number) for number in re.findall(r"[0-9]+", have)[:3])
    if numbers < NEEDED_GO and output(["go", "env", "GOTOOLCHAIN"], folder) == "local":
        needed = ".".join(map(str, NEEDED_GO))
        raise GetError(f"This is {have}: install Go {needed} or newer, or set GOTOOLCHAIN=auto and go fetches it.")
