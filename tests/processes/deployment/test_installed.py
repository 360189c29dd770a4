"""The built wheel in an empty environment: it verifies, and each kind of damage is named, also by the service."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler import __version__
from tests.processes.deployment.artefact import PROJECT, build_wheel, lay_out, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.processes.deployment.artefact import Environment


def test_what_a_wheel_says_of_itself(wheel: Path) -> None:
    """Version and locked versions, with their markers; no commit, because a copy of the tree has none."""
    with zipfile.ZipFile(wheel) as archive:
        build = json.loads(archive.read("reconciler/_build.json"))

    assert (build["version"], build["commit"]) == (__version__, None)
    pins = [line for line in (PROJECT / "requirements.lock").read_text().splitlines() if "==" in line]
    assert len(build["locked"]) == len(pins) > 30
    assert "colorama==0.4.6 ; sys_platform == 'win32'" in build["locked"]


def test_the_same_tree_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Whoever builds it again can tell whether theirs is ours."""
    assert build_wheel(tmp_path).read_bytes() == wheel.read_bytes()


def test_from_installation_to_service(installed: Environment, tmp_path: Path) -> None:
    """`ensure` makes the state and misses the service; with that it finds nothing more to do, and all is verified."""
    place = lay_out(tmp_path / "place")
    config = ("--config", str(place.config))

    code, found = installed.findings("ensure", *config, "--wait", "0")
    wrong = {one["subject"]: one["state"] for one in found if one["state"] not in {"ok", "not applicable"}}
    assert (code, wrong) == (1, {"state": "done", "service": "failing"})

    with serving(installed, place) as service:
        for command in ("ensure", "verify"):
            code, found = installed.findings(command, *config)
            assert (code, {one["state"] for one in found}) == (0, {"ok", "not applicable"}), found
        subjects = {one["subject"] for one in found}
        assert {"integrity", "modules", "dependencies", "python", "program git", "secrets", "state file"} <= subjects
        assert {"service: version", "service: tasks", "service: readiness"} <= subjects
        assert service.wait_looked() == {"status": "ok", "not_running": {}}
        assert service.get("/healthz").json()["build"].startswith("sha256:")


def test_a_scrape_tells_the_commit(copied: Callable[[], Environment], tmp_path: Path) -> None:
    """It is the one that the wheel was built of, whatever the environment of the process says."""
    environment = copied()
    description = environment.packages / "reconciler" / "_build.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "commit": "0123abcd"}))

    with serving(environment, lay_out(tmp_path / "place"), {"RECONCILER_COMMIT": "another"}) as service:
        service.wait_looked()
        (line,) = [one for one in service.get("/metrics").text.splitlines() if one.startswith("reconciler_build_info{")]
        assert 'commit="0123abcd"' in line


def _truncate(packages: Path) -> str:
    path = packages / "reconciler" / "queue.py"
    path.write_bytes(path.read_bytes()[:-1])
    return "reconciler/queue.py is truncated"


def _change_a_byte(packages: Path) -> str:
    path = packages / "webhooks" / "signature.py"
    content = path.read_bytes()
    path.write_bytes(content.replace(b".", b"!", 1))
    return "webhooks/signature.py is changed"


def _remove(packages: Path) -> str:
    (packages / "webhooks" / "testing.py").unlink()
    return "webhooks/testing.py is missing"


def _leave_a_stale_module(packages: Path) -> str:
    (packages / "webhooks" / "providers" / "gogs.py").write_text("PROVIDER = 'gogs'\n")
    return "webhooks/providers/gogs.py is extra"


def _leave_stale_byte_code(packages: Path) -> str:
    cache = packages / "reconciler" / "model" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "timer.cpython-311.pyc").write_bytes(b"\x00" * 64)
    return "reconciler/model/__pycache__/timer.cpython-311.pyc is extra"


DAMAGES = [_truncate, _change_a_byte, _remove, _leave_a_stale_module, _leave_stale_byte_code]


def test_verify_names_all_damage(copied: Callable[[], Environment]) -> None:
    """Each file has a finding, with its path, how it differs, and size and hash of what is there and was expected."""
    environment = copied()
    named = [damage(environment.packages) for damage in DAMAGES]

    code, found = environment.findings("verify", "--installation-only")

    wrong = sorted(one["message"] for one in found if one["subject"].startswith("integrity"))
    assert code == 1
    assert [message.partition(":")[0].partition(",")[0] for message in wrong] == sorted(named)
    assert all("bytes (sha256 " in message for message in wrong)
    assert next(one for one in found if one["subject"] == "modules")["state"] == "ok"


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_service_names_damage(
    copied: Callable[[], Environment], tmp_path: Path, damage: Callable[[Path], str]
) -> None:
    """It serves, and is not ready for that reason."""
    environment = copied()
    named = damage(environment.packages)

    with serving(environment, lay_out(tmp_path / "place")) as service:
        assert service.wait_looked()["not_running"]["integrity"].startswith(named)
        assert service.get("/readyz").status_code == 503
        assert service.get("/fabrics/demo").status_code == 200


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def _break(path: Path) -> None:
    path.write_text("def broken(:\n")


BREAKING = [
    ("reconciler/errors.py", _cut),
    ("reconciler/cli/output.py", _break),
    ("reconciler/cli/verify.py", _cut),
    ("reconciler/app/installation.py", _break),
    ("reconciler/cli/local.py", Path.unlink),
    ("reconciler/app/verification.py", _cut),
    ("reconciler/__init__.py", Path.unlink),
    ("reconciler/settings/root.py", _cut),
]


@pytest.mark.parametrize(("name", "damage"), BREAKING, ids=[name for name, _ in BREAKING])
def test_verify_outlives_damage(copied: Callable[[], Environment], name: str, damage: Callable[[Path], object]) -> None:
    """Whichever module cannot be imported any more: exit code and document are those of any failure, and name it."""
    environment = copied()
    damage(environment.packages / name)

    code, found = environment.findings("verify", "--installation-only", "--no-service")

    assert code == 1
    assert f"integrity: {name}" in {one["subject"] for one in found if one["state"] == "failing"}


@pytest.mark.parametrize(("name", "damage"), [BREAKING[0], ("reconciler/app/service.py", _cut)])
def test_a_service_that_cannot_start(
    copied: Callable[[], Environment], tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    """Without modules that it cannot be without it names them, in the place of a traceback, for whoever starts it."""
    environment, place = copied(), lay_out(tmp_path / "place")
    damage(environment.packages / name)

    said = environment.run("serve", "--config", str(place.config))

    assert said.returncode == 1
    assert "error: the program cannot go on: " in said.stderr
    assert f"error: {name} is truncated: " in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("name", ["reconciler/app/integrity.py", "reconciler/plan/integrity.py"])
def test_what_names_damage_is_damaged(copied: Callable[[], Environment], name: str) -> None:
    """Even then its own file is named."""
    environment = copied()
    (environment.packages / name).write_text("")

    said = environment.run("verify", "--installation-only")

    assert (said.returncode, f"{environment.packages / name})" in said.stderr) == (1, True)
    assert "error: what would name damaged files is damaged: ImportError" in said.stderr
