"""The command line on a real terminal, and in a pipe: colours, progress, watching, width, completion."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.processes.cli.terminal import RECONCILER, terminal
from tests.unit.app.configuration import LOCAL, local_repository, settings
from tests.unit.cli import answers
from tests.unit.loopback import Loopback, as_json, error

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).with_name("reconciler")
LONG = "a-fabric-with-a-name-of-exactly-the-greatest-length-there-is-63"
PROGRESS = {"reconciling": True, "progress": {"phase": "netbox", "done": 320, "total": 1693}}


@pytest.fixture
def address(service: Loopback) -> str:
    """A service with two fabrics, one of which has the longest name."""
    answers.serve_fabrics(service, answers.fabric(), answers.fabric(LONG))
    return service.url


def test_colours_on_a_terminal(address: str) -> None:
    """A terminal gets colours, unless NO_COLOR is set; what stands there is the same."""
    with terminal([*RECONCILER, "status", "--server", address]) as coloured:
        assert coloured.end() == 0
    with terminal([*RECONCILER, "status", "--server", address], NO_COLOR="1") as plain:
        assert plain.end() == 0

    assert "\x1b[32min_sync\x1b[0m" in coloured.raw
    assert "\x1b[32m" not in plain.raw
    assert coloured.text == plain.text


def test_nothing_but_text_in_a_pipe(address: str) -> None:
    """No control code in what a program reads, on either stream, whatever takes long."""
    done = subprocess.run(
        [*RECONCILER, "reconcile", "nothing", "--server", address], capture_output=True, timeout=60, check=False
    )
    listed = subprocess.run([*RECONCILER, "status", "--server", address], capture_output=True, timeout=60, check=False)

    assert (done.returncode, listed.returncode) == (1, 0)
    assert b"\x1b" not in done.stdout + done.stderr + listed.stdout + listed.stderr


@pytest.mark.parametrize("columns", [24, 60])
def test_a_narrow_terminal(address: str, columns: int) -> None:
    """Where a table does not fit, each fabric is a block: nothing is cut off, and no line is longer than the screen."""
    with terminal([*RECONCILER, "status", "--server", address], columns=columns) as narrow:
        assert narrow.end() == 0

    lines = narrow.text.splitlines()
    assert max(map(len, lines)) <= columns
    assert LONG in "".join(line.rstrip() for line in lines)
    assert "  status in_sync" in [line.rstrip() for line in lines]


def test_an_ordinary_terminal(service: Loopback) -> None:
    """Eighty columns are enough for a table, with ages instead of times."""
    answers.serve_fabrics(service, answers.fabric())
    with terminal([*RECONCILER, "status", "--server", service.url], columns=80) as ordinary:
        assert ordinary.end() == 0

    assert ordinary.text.splitlines()[0].split()[:2] == ["FABRIC", "STATUS"]
    assert " d ago " in ordinary.text


def test_watch_outlives_a_restart(address: str, service: Loopback) -> None:
    """A service that goes is waited for, with a word; Ctrl-C ends it cleanly and gives the cursor back."""
    with terminal([*RECONCILER, "status", "--watch", "--server", address]) as watching:
        watching.wait_for("in_sync")
        service.answer("GET /fabrics", error(503, "stopping", "The service is stopping."))
        watching.wait_for("not reachable, trying again: The service is stopping.")
        drift: dict[str, Any] = {"last_pass": None}
        service.answer("GET /fabrics", as_json({"fabrics": [answers.fabric(**drift)]}))
        watching.wait_for("never_synced")
        watching.interrupt()
        code = watching.end()

    assert code == 0
    assert watching.raw.rfind("\x1b[?25h") > watching.raw.rfind("\x1b[?25l"), "the cursor is shown again"
    assert "Traceback" not in watching.text


def test_progress_while_waiting(address: str, service: Loopback) -> None:
    """`reconcile` tells on the terminal how far the pass is that it waits for, and nothing of that stays."""
    go_on = threading.Event()
    requests = {"requests": [answers.request("succeeded")], "skipped": []}
    answer = as_json(requests)
    service.answer("GET /fabrics/dc1", as_json(answers.fabric() | PROGRESS))
    service.answer("POST /reconcile", type(answer)(200, answer.body, before=lambda: go_on.wait(30)))

    with terminal([*RECONCILER, "reconcile", "dc1", "--server", address]) as waiting:
        waiting.wait_for("dc1: writing to NetBox 320/1693")
        go_on.set()
        code = waiting.end()

    assert code == 0
    assert "REQUEST" in waiting.text


@pytest.mark.parametrize("command", ["check", "ingest --dry-run dc1"])
def test_what_is_done_now(tmp_path: Path, command: str) -> None:
    """Commands that work by themselves tell what they are at."""
    settings(tmp_path, LOCAL, repositories=[local_repository(tmp_path / "nowhere.git")])

    with terminal([*RECONCILER, *command.split(), "--config", str(tmp_path / "reconciler.yaml")]) as shown:
        shown.wait_for("repository gitops")
        shown.end()

    assert "Traceback" not in shown.text


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a bash in whose home the completion is installed, as `--install-completion` does it."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "SHELL": "/bin/bash"}
    done = subprocess.run(
        ["bash", "-c", "reconciler --install-completion bash; true"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "bash completion installed" in done.stdout + done.stderr, done
    yield environment
    shutil.rmtree(home)


def _completed(environment: dict[str, str], words: str, folder: Path) -> list[str]:
    """What TAB offers behind these words, asked of bash's own completion function."""
    script = f"""
        source ~/.bashrc
        COMP_LINE={words!r} COMP_WORDS=({words.rstrip()}{" ''" if words.endswith(" ") else ""})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMP_POINT=${{#COMP_LINE}}
        $(complete -p reconciler | sed 's/.*-F \\([^ ]*\\).*/\\1/') reconciler
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.split()


def test_completion(bash: dict[str, str], address: str, tmp_path: Path) -> None:
    """In a real bash: commands, options, and fabrics by the configuration or else by the service."""
    configured = tmp_path / "configured"
    configured.mkdir()
    settings(configured, LOCAL, repositories=[local_repository(tmp_path / "nowhere.git")])
    with_service = {**bash, "RECONCILER_SERVER": address}

    assert _completed(bash, "reconciler sta", configured) == ["status"]
    assert "--watch" in _completed(bash, "reconciler status --w", configured)
    assert _completed(bash, "reconciler status ", configured) == ["dc1"]
    assert _completed(with_service, "reconciler passes a-", tmp_path) == [LONG]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_completion_of_other_shells(shell: str) -> None:
    """Each shell gets a script that calls this program back."""
    done = subprocess.run(
        [str(PROGRAM)], env={"_RECONCILER_COMPLETE": f"source_{shell}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert f"_RECONCILER_COMPLETE=complete_{shell}" in done.stdout
