"""The mode of a process by its command line, as command lines were recorded from processes that ran."""

from __future__ import annotations

import pytest

from otel_agent.model import ProcessMode
from otel_agent.opencode.running.command_line import mode_of

CLI, SERVER, LSP = ProcessMode.CLI, ProcessMode.SERVER, ProcessMode.LSP
NATIVE = "/w/node_modules/opencode-linux-x64/bin/opencode"
"""npm up to 1.2, curl, Homebrew: the native program."""
EXE = "/w/node_modules/opencode-ai/bin/opencode.exe"
"""npm 1.18, on Linux too; it is called by the name of the link `.bin/opencode`."""


@pytest.mark.parametrize(
    ("arguments", "mode"),
    [
        ("", CLI),
        (".", CLI),
        ("/home/dev/projects/serve", CLI),
        ("./web", CLI),
        ("serve-docs", CLI),
        ("--continue", CLI),
        ("-s ses_1 --fork", CLI),
        ("--prompt serve", CLI),
        ("--agent acp .", CLI),
        ("run hello", CLI),
        ("run --model serve/web hello", CLI),
        ("run serve", CLI),
        ("-m openai/gpt run hello", CLI),
        ("attach http://127.0.0.1:4096", CLI),
        ("github run", CLI),
        ("pr 12", CLI),
        ("run server.js --stdio", CLI),
        ("serve", SERVER),
        ("serve --port 0 --hostname 127.0.0.1", SERVER),
        ("--print-logs serve", SERVER),
        ("--log-level DEBUG serve", SERVER),
        ("--log-level=DEBUG web", SERVER),
        ("web", SERVER),
        ("acp", SERVER),
        ("acp --cwd /home/dev", SERVER),
        ("serve --service", SERVER),
        ("serve --stdio --port 0", SERVER),
        ("--print-logs serve --service", SERVER),
        ("serve --hostname service --port 0", SERVER),
        ("mini", CLI),
        ("mini --server http://127.0.0.1:49374 --continue", CLI),
        ("run --standalone reload", CLI),
        ("--server http://127.0.0.1:49374", CLI),
        ("--standalone .", CLI),
        ("--prompt pair", CLI),
        ("./service", CLI),
        ("run /home/dev/.cache/opencode/node_modules/pyright/dist/pyright-langserver.js --stdio", LSP),
        ("run /x/typescript-language-server/lib/cli.mjs --stdio", LSP),
        ("/x/vscode-eslint/server/out/eslintServer.js --stdio", LSP),
        ("x @vue/language-server --stdio", LSP),
        (r"run C:\x\server.js --stdio", LSP),
        ("x some-package", None),
        ("stats", None),
        ("db path", None),
        ("export ses_1", None),
        ("import file.json", None),
        ("auth login", None),
        ("models", None),
        ("mcp list", None),
        ("session list", None),
        ("upgrade", None),
        ("update 2.3.2", None),
        ("uninstall --dry-run", None),
        ("api GET /session", None),
        ("debug paths db", None),
        ("auth export", None),
        ("mcp add docs -- serve", None),
        ("plugin check", None),
        ("service start", None),
        ("service set port 0", None),
        ("reload --server http://127.0.0.1:49374", None),
        ("pair --remote", None),
        ("migrate", None),
        ("browser", None),
        ("--server http://127.0.0.1:49374 stats", None),
        ("--log-level DEBUG service status", None),
        ("install --cwd /home/dev/.opencode", None),
        ("add @opencode-ai/plugin", None),
    ],
)
@pytest.mark.parametrize("executable", [NATIVE, EXE])
def test_the_first_word_of_the_command_line_decides_the_mode(
    executable: str, arguments: str, mode: ProcessMode | None
) -> None:
    assert mode_of(executable, ["/w/node_modules/.bin/opencode", *arguments.split()]) == mode


def test_a_prompt_on_the_command_line_never_decides_the_mode() -> None:
    assert mode_of(NATIVE, [NATIVE, "run", "please serve /x/server.js --stdio"]) == CLI


@pytest.mark.parametrize(
    ("executable", "first"),
    [
        (NATIVE, NATIVE),
        (EXE, "/w/node_modules/.bin/opencode"),
        (EXE, EXE),
        ("", "opencode"),
        ("/usr/bin/opencode-cli", "opencode-cli"),
        ("/usr/bin/opencode2", "opencode2"),
        (r"C:\Program Files\OpenCode\OpenCode.exe", r"C:\Program Files\OpenCode\OpenCode.exe"),
        ("/nix/store/abc-opencode-1.1.27/bin/.opencode-wrapped", "/run/current-system/sw/bin/opencode"),
        (NATIVE, "something else"),
    ],
)
def test_opencode_is_known_by_the_name_of_its_executable_or_first_argument(executable: str, first: str) -> None:
    assert mode_of(executable, [first, "serve"]) == SERVER


@pytest.mark.parametrize(
    ("executable", "arguments"),
    [
        ("/usr/bin/node", ["node", "/w/node_modules/.bin/opencode", "serve"]),
        ("/usr/bin/node", ["node", "/w/node_modules/opencode-ai/bin/opencode"]),
        ("/usr/bin/bun", ["bun", "/w/opencode/packages/opencode/src/index.ts", "serve"]),
        ("/usr/bin/npm", ["npm exec opencode-ai", "serve"]),
        ("/usr/bin/vim", ["vim", "opencode.json"]),
        ("/usr/bin/nvim", ["nvim", "/home/dev/.config/opencode/opencode"]),
        ("/usr/bin/code", ["code", "--folder", "opencode"]),
        ("/usr/bin/python3", ["python3", "tracker.py", "--provider", "opencode"]),
        ("/usr/bin/python3", ["/usr/bin/python3", "-m", "otel_agent", "run"]),
        ("/usr/bin/bash", ["bash", "-c", "opencode run hello"]),
        ("/usr/bin/bash", ["/bin/sh", "/usr/local/bin/opencode", "serve"]),
        ("/usr/bin/sudo", ["sudo", "opencode", "serve"]),
        ("/usr/bin/strace", ["strace", "-f", "opencode"]),
        ("/usr/bin/grep", ["grep", "opencode"]),
        ("/usr/bin/tail", ["tail", "-f", "/home/dev/.local/share/opencode/log/dev.log"]),
        ("/usr/bin/tmux", ["tmux", "new", "-s", "opencode"]),
        ("/usr/bin/opencode-tracker", ["opencode-tracker", "serve"]),
        ("/usr/bin/myopencode", ["myopencode"]),
        ("/home/dev/opencode/bin/gopls", ["/home/dev/opencode/bin/gopls"]),
        ("", []),
        ("", [""]),
    ],
)
def test_a_program_that_only_mentions_opencode_is_no_opencode(executable: str, arguments: list[str]) -> None:
    assert mode_of(executable, arguments) is None
