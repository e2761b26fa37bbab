"""Budgets and `--fail-above` say when more was used than somebody wanted."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.noon import zone_at_noon
from tests.support.shell import Shell


class TestBudgets:
    @pytest.mark.parametrize(
        ("most", "code"),
        [
            ("142516", 0),
            ("142_515", 6),
            ("142,515", 6),
            ("142,516", 0),
            ("1M", 0),
            ("0.3 USD", 0),
            ("$0.0001", 6),
            ("$1,000", 0),
        ],
    )
    def test_a_total_above_the_amount_has_an_exit_code_of_its_own(self, most: str, code: int, filled: Shell) -> None:
        run = filled.run("summary", "models", "--range", "all", "--fail-above", most)
        assert run.returncode == code, run.stderr
        assert "142,516" in run.stdout
        assert ("--fail-above allows" in run.stderr) == (code == 6)

    @pytest.mark.parametrize(
        ("written", "advice"),
        [
            ("1,5M", "For decimals write 1.5M."),
            ("$0,5", "For decimals write $0.5."),
            ("1,5 USD", "For decimals write 1.5 USD."),
            *(
                (text, "Write tokens")
                for text in ("12,12", "1_5", "0,500", "1,500_000", "1,,500", "1.500", "1.5", "5Y")
            ),
        ],
    )
    def test_a_comma_that_can_begin_decimals_is_refused(self, written: str, advice: str, filled: Shell) -> None:
        run = filled.run("summary", "models", "--range", "all", "--fail-above", written)
        assert run.returncode == 2
        assert f"--fail-above {written}: not an amount." in " ".join(run.stderr.split())
        assert advice in " ".join(run.stderr.split())

    def test_what_was_used_and_what_is_allowed_can_be_told_apart(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1), cost=13.4964))
        run = shell.run("summary", "--range", "all", "--fail-above", "13.496USD")
        said = "13.4964 USD were used, and --fail-above allows 13.4960."
        assert (run.returncode, run.stderr) == (6, f"otel-agent: {said}\n")

    def test_one_token_is_no_plural(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
        run = shell.run("summary", "--range", "all", "--fail-above", "0")
        assert run.stderr == "otel-agent: 1 token was used, and --fail-above allows 0.\n"

    def test_the_budgets_of_the_settings_are_in_the_overview(self, shell: Shell) -> None:
        now, zone = round(time.time() * 1000), zone_at_noon()
        JsonTree(shell.data_dir).put_turn(message(session(now), Tokens(input=80), now - 10, completed=now - 5))
        shell.config.parent.mkdir(parents=True)
        shell.config.write_text("[[budget]]\ntokens = 50\n[[budget]]\nname = 'Team'\ncost_usd = 20\nper = 'month'\n")
        lines = [line.split() for line in shell.output("summary", TZ=zone).splitlines()]
        assert ["all", "a", "day", "80", "of", "50", "160.0%", "0", "passed"] in lines
        assert ["Team", "a", "month", "0.00", "of", "20.00", "USD", "0.0%", "20.00", "lasts"] in lines
        budget, other = json.loads(shell.output("summary", "--json", TZ=zone))["budgets"]
        assert (budget["limit"], budget["used"], budget["passed"]) == (50, 80, True)
        assert (other["unit"], other["limit"], other["name"]) == ("cost_usd", 20.0, "Team")

    @pytest.mark.parametrize(
        ("table", "error"),
        [
            ("tokens = 5\ncost_usd = 1", "a budget needs either tokens or cost_usd"),
            ("per = 'day'", "a budget needs either tokens or cost_usd"),
            ("tokens = 0", "greater than or equal to 1"),
            ("token = 5", "Did you mean tokens?"),
        ],
    )
    def test_a_budget_that_cannot_be_meant_is_refused(self, table: str, error: str, shell: Shell) -> None:
        shell.config.parent.mkdir(parents=True)
        shell.config.write_text(f"[[budget]]\n{table}\n")
        run = shell.run("summary")
        assert run.returncode == 2
        assert error in run.stderr
