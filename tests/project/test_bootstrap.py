"""scripts/bootstrap says what to do if it cannot go on, and touches no environment it did not make."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SCRIPT = ROOT / "scripts" / "bootstrap"

pytestmark = pytest.mark.skipif(find_spec("pip") is None, reason="this environment has no pip to lend")

# An interpreter whose environments borrow the pip of this one: quick, and the same with or without ensurepip.
LENDING_PYTHON = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec "{python}" "$@"
"{python}" -m venv --without-pip "$3" || exit
for folder in "$3"/lib/python*/site-packages; do echo "{site_packages}" > "$folder/lent.pth"; done
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    text = LENDING_PYTHON.format(python=sys.executable, site_packages=sysconfig.get_path("purelib"))
    return executable(tmp_path / "python3.11", text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing to install in it."""
    root = tmp_path / "a checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, root / "scripts")
    (root / "requirements").mkdir()
    for lock in ("runtime.txt", "dev.txt"):
        (root / "requirements" / lock).touch()
    return root


def executable(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def bootstrap(
    checkout: Path, python: Path, wanted: str = "runtime", **variables: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/bootstrap", wanted]
    environment = {**os.environ, "PYTHON": str(python), **variables}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_makes_an_environment_that_runs_the_checkout_from_anywhere(checkout: Path, python: Path) -> None:
    (checkout / "otel_agent").mkdir()
    (checkout / "otel_agent" / "__main__.py").write_text("print('the agent')", encoding="utf-8")
    done = bootstrap(checkout, python)
    assert done.returncode == 0, done.stderr
    assert ".runtime" in names(checkout / ".venv")
    assert names(checkout / ".venv").isdisjoint({".dev", ".unfinished"})
    launcher = checkout / ".venv" / "bin" / "otel-agent"
    said = subprocess.run([launcher], cwd="/", capture_output=True, text=True, check=True)
    assert said.stdout == "the agent\n"


def test_dev_finishes_both_sets(checkout: Path, python: Path) -> None:
    assert bootstrap(checkout, python, "dev").returncode == 0
    assert {".runtime", ".dev"} <= names(checkout / ".venv")


@pytest.mark.parametrize("again", ["runtime", "dev"])
def test_a_second_call_keeps_the_environment(checkout: Path, python: Path, again: str) -> None:
    bootstrap(checkout, python, "dev")
    (checkout / ".venv" / "kept").touch()
    done = bootstrap(checkout, python, again)
    assert done.returncode == 0
    assert "making" not in done.stdout
    assert "kept" in names(checkout / ".venv")


def test_a_lock_that_was_only_touched_needs_no_network(checkout: Path, python: Path) -> None:
    """A change of branch and back touches it. make then calls the script, and afterwards finds the times in order."""
    bootstrap(checkout, python, "dev")
    locks = [checkout / "requirements" / "runtime.txt", checkout / "requirements" / "dev.txt"]
    for stamp in (".runtime", ".dev"):
        os.utime(checkout / ".venv" / stamp, (0, 0))
    assert bootstrap(checkout, python, "dev", PATH="/nowhere").returncode == 0
    times = [(checkout / ".venv" / stamp).stat().st_mtime for stamp in (".runtime", ".dev")]
    assert min(times) >= max(lock.stat().st_mtime for lock in locks)


def test_a_larger_set_comes_in_a_new_environment_and_the_old_one_is_removed(checkout: Path, python: Path) -> None:
    bootstrap(checkout, python)
    (checkout / ".venv" / "old").touch()
    assert bootstrap(checkout, python, "dev").returncode == 0
    assert "old" not in names(checkout / ".venv")
    assert len(names(checkout / ".cache" / "venvs")) == 1


@pytest.mark.parametrize("mark", [".unfinished", ".runtime"])
def test_an_unfinished_or_broken_environment_is_made_afresh(checkout: Path, python: Path, mark: str) -> None:
    """Interrupted half-way, or its interpreter removed by a system upgrade: there is no python in it that runs."""
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / mark).touch()
    (checkout / ".venv" / "left-over").touch()
    done = bootstrap(checkout, python)
    assert done.returncode == 0, done.stderr
    assert "left-over" not in names(checkout / ".venv")


def test_a_failed_install_is_never_taken_for_a_finished_one(checkout: Path, python: Path) -> None:
    (checkout / "requirements" / "runtime.txt").write_text("no-hash-for-this==1.0\n", encoding="utf-8")
    for _ in range(2):
        done = bootstrap(checkout, python)
        assert done.returncode == 1
        assert "pip could not install requirements/runtime.txt" in done.stderr
        assert "still there" not in done.stderr
        assert not os.path.lexists(checkout / ".venv")


def test_without_a_network_the_old_environment_goes_on_working(checkout: Path, python: Path) -> None:
    (checkout / "otel_agent").mkdir()
    (checkout / "otel_agent" / "__main__.py").write_text("print('the agent')", encoding="utf-8")
    bootstrap(checkout, python)
    before = stamped(checkout)
    (checkout / "requirements" / "dev.txt").write_text(f"not-at-hand==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    done = bootstrap(checkout, python, "dev", PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0", PIP_NO_INDEX="0")
    assert done.returncode == 1
    assert "pip could not install requirements/dev.txt" in done.stderr
    assert "The earlier environment is still there and works: .venv/bin/otel-agent" in done.stderr
    assert stamped(checkout) == before, "make finds the smaller set finished, as it was"
    said = subprocess.run([checkout / ".venv/bin/otel-agent"], cwd="/", capture_output=True, text=True, check=True)
    assert said.stdout == "the agent\n"


def stamped(checkout: Path) -> dict[str, float]:
    """Return the names of the finished sets, each with the time at which it was finished."""
    return {
        path.name: path.stat().st_mtime for path in (checkout / ".venv").iterdir() if path.name in (".runtime", ".dev")
    }


KILLING = 'case "$*" in *"{at}"*) kill -9 $PPID; exit 1;; esac'
# A lending interpreter that kills the script at one of its calls. So does the interpreter of each environment it makes.
KILLING_PYTHON = f"""#!/bin/sh
{KILLING}
{LENDING_PYTHON}mv "$3/bin/python" "$3/bin/real-python"
cat > "$3/bin/python" <<'END'
#!/bin/sh
{KILLING}
exec "$(dirname "$0")/real-python" "$@"
END
chmod +x "$3/bin/python"
"""


@pytest.mark.parametrize(
    ("at", "set_up_before"),
    [("-m venv", True), ("pip install", True), ("pip install", False)],
)
def test_killed_at_any_moment_it_leaves_the_old_environment_or_none(
    checkout: Path, python: Path, tmp_path: Path, at: str, set_up_before: bool
) -> None:
    if set_up_before:
        bootstrap(checkout, python)
        (checkout / ".venv" / "old").touch()
    (checkout / "requirements" / "runtime.txt").write_text("# changed\n", encoding="utf-8")
    text = KILLING_PYTHON.format(at=at, python=sys.executable, site_packages=sysconfig.get_path("purelib"))
    killing = executable(tmp_path / "killing-python", text)
    assert bootstrap(checkout, killing).returncode == -signal.SIGKILL
    if set_up_before:
        assert {"old", ".runtime"} <= names(checkout / ".venv")
        subprocess.run([checkout / ".venv/bin/python", "-m", "pip", "--version"], stdout=subprocess.DEVNULL, check=True)
    else:
        assert not os.path.lexists(checkout / ".venv")
    done = bootstrap(checkout, python)
    assert done.returncode == 0, done.stderr
    assert "old" not in names(checkout / ".venv")
    assert len(names(checkout / ".cache" / "venvs")) == 1


def test_a_folder_of_an_earlier_version_of_the_script_becomes_a_link(checkout: Path, python: Path) -> None:
    made_before(checkout / ".venv")
    assert bootstrap(checkout, python).returncode == 0
    assert (checkout / ".venv").is_symlink()
    assert not (checkout / ".cache" / "venv.old").exists()


def test_a_folder_of_an_earlier_version_comes_back_after_a_kill_between_the_two_steps(
    checkout: Path, tmp_path: Path
) -> None:
    made_before(checkout / ".cache" / "venv.old")
    done = bootstrap(checkout, executable(tmp_path / "python3.8", "#!/bin/sh\necho 3.8.18\n"))
    assert done.returncode == 1
    assert ".runtime" in names(checkout / ".venv")


def made_before(venv: Path) -> None:
    venv.mkdir(parents=True)
    (venv / ".runtime").touch()


def test_a_path_with_a_colon_gets_advice(checkout: Path, python: Path) -> None:
    odd = checkout.rename(checkout.with_name("at 12:30"))
    done = bootstrap(odd, python)
    assert done.returncode == 1
    assert 'contains a ":"' in done.stderr
    assert f"mv '{odd}' '{odd.with_name('at 12-30')}'" in done.stderr
    assert names(odd) == {"scripts", "requirements"}


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_a_path_with_other_letters_works_in_any_locale(checkout: Path, python: Path, variables: dict[str, str]) -> None:
    (checkout / "otel_agent").mkdir()
    (checkout / "otel_agent" / "__main__.py").write_text("print('the agent')", encoding="utf-8")
    odd = checkout.rename(checkout.with_name("Bücher 山"))
    done = bootstrap(odd, python, **variables)
    assert done.returncode == 0, done.stderr
    for locale in (variables, {"LC_ALL": "C.UTF-8"}):
        said = subprocess.run(
            [odd / ".venv/bin/otel-agent"], cwd="/", env={**os.environ, **locale}, capture_output=True, check=True
        )
        assert said.stdout == b"the agent\n"


def test_a_path_that_is_no_utf8_gets_advice(checkout: Path, python: Path) -> None:
    odd = checkout.with_name(os.fsdecode(b"caf\xe9"))
    try:
        checkout.rename(odd)
    except OSError:
        pytest.skip("this file system has no such names")
    done = bootstrap(odd, python)
    assert done.returncode == 1
    assert "not valid UTF-8" in done.stderr
    assert "caf\\udce9" in done.stderr


def test_a_file_system_from_which_nothing_runs_gets_advice(checkout: Path, python: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    inside = 'mount -t tmpfs -o noexec none "$1" && cp -R "$2/." "$1" && cd "$1" && shift 2 && exec "$@"'
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            [*unshare, 'mount -t tmpfs none "$1"', "sh", mounted], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("no file system can be mounted here (needs unshare and user namespaces)")
    done = subprocess.run(
        [*unshare, inside, "sh", mounted, checkout, sys.executable, "scripts/bootstrap", "runtime"],
        env={**os.environ, "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'mounted with "noexec"' in done.stderr
    assert "findmnt --target ." in done.stderr


def test_the_newest_known_python_is_preferred(checkout: Path, python: Path, tmp_path: Path) -> None:
    """The variable PYTHON names none."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("python3.14", "python3.13", "python3"):
        (programs / name).symlink_to(python)
    path = f"{programs}:{os.environ['PATH']}"
    done = bootstrap(checkout, Path(), PYTHON="", PATH=path)
    assert done.returncode == 0, done.stderr
    assert "making .venv with python3.14 " in done.stdout


def test_an_environment_made_by_something_else_is_left_alone(checkout: Path, python: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "precious").touch()
    done = bootstrap(checkout, python)
    assert done.returncode == 1
    assert "mv .venv .venv.old" in done.stderr
    assert names(checkout / ".venv") == {"precious"}


def test_a_python_that_is_too_old_gets_advice(checkout: Path, tmp_path: Path) -> None:
    done = bootstrap(checkout, executable(tmp_path / "python3.8", "#!/bin/sh\necho 3.8.18\n"))
    assert done.returncode == 1
    assert "no Python 3.11 or newer found" in done.stderr
    assert "apt-get install python3" in done.stderr
    assert not (checkout / ".venv").exists()


def test_where_every_way_to_a_pip_fails_each_reason_and_the_remedies_are_named(checkout: Path, tmp_path: Path) -> None:
    text = '#!/bin/sh\n[ "$1" = -c ] && echo 3.13.0 && exit\necho no such module >&2; exit 1\n'
    done = bootstrap(checkout, executable(tmp_path / "python3.13", text))
    assert done.returncode == 1
    assert done.stderr.count("no such module") == 3
    assert "apt-get install python3-venv" in done.stderr
    assert not os.path.lexists(checkout / ".venv")


def test_a_wrong_argument_is_a_usage_error(checkout: Path, python: Path) -> None:
    done = bootstrap(checkout, python, "everything")
    assert done.returncode == 2
    assert "usage" in done.stderr
