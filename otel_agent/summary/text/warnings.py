"""What a reader has to know to trust the numbers."""

from otel_agent.ledger.problems import ProblemSummary
from otel_agent.ledger.queries import Queries
from otel_agent.model.project import from_home
from otel_agent.opencode.releases import newer_than_known


def warnings(ledger: Queries) -> tuple[str, ...]:
    """Sentences for a person: what could not be read, and releases of OpenCode that this version was not tested with."""
    return (*map(_of_trouble, ledger.problems()), *_of_releases(newer_than_known(ledger.versions())))


def _of_trouble(trouble: ProblemSummary) -> str:
    places = "1 place, which" if trouble.places == 1 else f"{trouble.places:,} places, each of which"
    examples = [from_home(each) for each in trouble.examples] + (
        ["…"] if trouble.places > len(trouble.examples) else []
    )
    return f"Not read ({trouble.kind.value}): {places} {trouble.kind.meaning}: {', '.join(examples)}"


def _of_releases(newer: list[str]) -> list[str]:
    if not newer:
        return []
    told = (
        f"OpenCode {newer[-1]} is newer than what this otel-agent was tested with (up to 1.18, and 2.x). What it could "
        "read of it is counted; look for a newer otel-agent to be sure that this is all."
    )
    return [told]
