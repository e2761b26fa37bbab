"""The advice follows from the status, not from the words and numbers around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.delivery.advice import advice
from otel_agent.delivery.otlp_file import FileSpans, try_out
from otel_agent.delivery.retry import grpc_failure, http_failure
from otel_agent.export.send_summary import SendSummary
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver.sending import span

NUMBERS = [401, 403, 404, 405, 407, 413, 429, 431]
OTLP = ("OTEL_EXPORTER", "OTLP", "receiver")


@pytest.mark.parametrize("seconds", NUMBERS)
def test_a_pause_in_seconds_is_no_status(seconds: int) -> None:
    busy = SendSummary.of_failure(http_failure(429, "Too Many Requests", seconds)).reason
    assert str(seconds) in busy
    assert "Check its quota" in advice(busy)
    assert "look into its log" in advice(SendSummary.of_failure(http_failure(503, "", seconds)).reason)
    assert "Check its quota" in advice(
        SendSummary.of_failure(grpc_failure("RESOURCE_EXHAUSTED", retry_after_s=seconds)).reason
    )


@pytest.mark.parametrize("phrase", [*map(str, NUMBERS), "proxy", "TLS", "portal", "refused", "is too large", "in time"])
def test_a_phrase_of_the_backend_decides_nothing(phrase: str) -> None:
    assert "Check the key" in advice(http_failure(401, phrase).reason)
    assert "look into its log" in advice(http_failure(500, phrase).reason)


def test_a_request_that_is_too_large_is_said_to_be_over_either_wire() -> None:
    assert "smaller requests" in advice(http_failure(413, "").reason)
    assert "smaller requests" in advice(grpc_failure("RESOURCE_EXHAUSTED", "message larger than max").reason)


@pytest.mark.parametrize("folder", ["/proc/nowhere", "file/below"])
def test_a_folder_that_cannot_be_used_is_said_by_the_doctor_too(
    folder: str, agent: Agent, tree: JsonTree, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    chosen = {"OTEL_AGENT_EXPORTER": "file", "OTEL_AGENT_FILE_DIR": str(tmp_path / folder)}
    tree.put_turn(message(session(), Tokens(7)))
    run = agent.attempt(**chosen)
    assert run.returncode == 3
    assert "Check the folder that `file_dir` names" in run.stderr
    assert not any(sign in run.stderr for sign in OTLP)
    doctor = agent.command("doctor", **chosen)
    assert doctor.returncode == 1
    assert "Check the folder that `file_dir` names" in " ".join(doctor.stdout.split())


def test_a_trial_of_a_folder_leaves_it_as_it_was(tmp_path: Path) -> None:
    assert try_out(tmp_path / "new" / "below") == ""
    assert list(tmp_path.iterdir()) == []
    files = FileSpans(tmp_path, max_bytes=1 << 20, backups=1)
    assert files.send([span()]).accepted
    before = (tmp_path / "traces.jsonl").read_bytes()
    assert try_out(tmp_path) == ""
    assert [each.name for each in tmp_path.iterdir()] == ["traces.jsonl"]
    assert (tmp_path / "traces.jsonl").read_bytes() == before
    (tmp_path / "metrics.jsonl").mkdir()
    assert "metrics.jsonl" in try_out(tmp_path)
