"""A Java program from its jars, which Maven fetches."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scripts.real_programs.errors import GetError
from scripts.real_programs.running import run

POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>none</groupId><artifactId>real-program</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{dependencies}
  </dependencies>
</project>
"""

DEPENDENCY = """
    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"""

COMMAND = """\
#!/bin/sh
exec java ${{KAFKA_OPTS:-}} -XX:TieredStopAtLevel=1 -cp "$(dirname "$0")/../libs/*" {main_class} "$@"
"""


@dataclass(frozen=True, slots=True)
class Maven:
    """The folder gets `libs/` with all jars, and in `bin/` the commands: file name → main class.

    `jars` are `group:artifact` at the program's own version, or `group:artifact:version`.
    """

    jars: tuple[str, ...]
    commands: Mapping[str, str]
    oldest_java: int

    label = "Maven"
    needs: ClassVar[Sequence[str]] = ("java", "mvn")
    source = "`settings.xml` in ~/.m2 says where Maven fetches from."

    def make(self, version: str, made: Path) -> None:
        """Fetch the jars and write the commands."""
        self._require_java()
        dependencies = [(jar if jar.count(":") == 2 else f"{jar}:{version}").split(":") for jar in self.jars]
        pom = made.with_name("pom.xml")
        text = POM.format(dependencies="".join(DEPENDENCY.format(*dependency) for dependency in dependencies))
        pom.write_text(text, encoding="utf-8")
        copy = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={made / 'libs'}")
        run(["mvn", "--quiet", "--batch-mode", "-Dstyle.color=never", *copy], pom.parent)
        (made / "bin").mkdir()
        for name, main_class in self.commands.items():
            command = made / "bin" / name
            command.write_text(COMMAND.format(main_class=main_class), encoding="utf-8")
            command.chmod(0o755)

    def _require_java(self) -> None:
        # Java prints its version on standard error, so no `output`.
        asked = subprocess.run(["java", "-version"], stderr=subprocess.PIPE, text=True, check=False)
        found = re.search(r'version "([0-9]+)', asked.stderr)
        if found is None or int(found[1]) < self.oldest_java:
            said = asked.stderr.strip().partition("\n")[0] or "nothing"
            raise GetError(f"It needs Java {self.oldest_java} or newer; `java -version` says: {said}")
