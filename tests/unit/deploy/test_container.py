"""The image and its compose service: what can be told of them without an engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.unit.deploy.files import DEPLOY, ROOT, copied, instructions, read
from tests.unit.loopback import Answer, closed_port, serving

USER = "10001:10001"


def _all(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def _last_stage() -> list[tuple[str, str]]:
    found = instructions()
    begin = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[begin:]


def test_both_stages_have_one_base_that_must_be_named() -> None:
    """No tag is a default: it is bound to nothing, so whoever builds names a digest."""
    assert [rest.split()[0] for rest in _all("FROM")] == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]
    assert instructions()[0] == ("ARG", "PYTHON_IMAGE")
    assert set(_service()["build"]["args"]) == {"PYTHON_IMAGE", "REVISION"}


def test_a_manifest_that_is_lost_is_missed() -> None:
    """Image and unit name it: without that a tree without one would be taken for one that never had any."""
    place = "RECONCILER_MANIFEST=/opt/hedgehog-reconciler/reconciler-manifest.json"

    assert place in dict(_last_stage())["ENV"].split()
    assert f"Environment={place}" in (DEPLOY / "systemd" / "hedgehog-reconciler.service").read_text().splitlines()
    for name in ("compose.yaml", "kubernetes/base/deployment.yaml", "systemd/hedgehog-reconciler.service"):
        assert re.search(r"^ *#.*RECONCILER_MANIFEST_DIGEST", (DEPLOY / name).read_text(), re.MULTILINE)


def test_it_runs_as_nobody_in_particular() -> None:
    """A number, which Kubernetes can tell from root, that the system has a name for: ssh wants one."""
    stage = dict(_last_stage())

    assert stage["USER"] == USER
    assert "useradd --uid 10001 --gid 10001" in stage["RUN"]
    assert stage["STOPSIGNAL"] == "SIGTERM"
    assert (stage["ENTRYPOINT"], stage["CMD"]) == ('["reconciler"]', '["serve"]')


def test_it_looks_after_its_own_health() -> None:
    """By the interpreter that is there anyway."""
    (check,) = _all("HEALTHCHECK")

    assert "/readyz" in check
    assert "python" in check
    assert "curl" not in (DEPLOY / "Containerfile").read_text()


def test_compose_checks_as_the_image_does() -> None:
    """Images in the OCI format have no check of their own."""
    (check,) = _all("HEALTHCHECK")
    ours = _service()["healthcheck"]

    assert ours["test"] == ["CMD", *json.loads(check.partition(" CMD ")[2])]
    options = dict(word.removeprefix("--").split("=") for word in check.split(" CMD ")[0].split())
    assert options == {name.replace("_", "-"): str(ours[name]) for name in ours if name != "test"}


def test_the_check_asks_no_proxy() -> None:
    """The service is in the same container, whatever proxy the environment names for all else."""
    (check,) = _all("HEALTHCHECK")
    command = [sys.executable, *json.loads(check.partition(" CMD ")[2])[1:]]
    with serving() as server:
        server.answer("GET /readyz", Answer())
        proxy = f"http://127.0.0.1:{closed_port()}"
        variables = {"RECONCILER_SERVER": server.url, "http_proxy": proxy, "HTTP_PROXY": proxy}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_tree_is_built_by_the_script_alone() -> None:
    """Both of its steps, and no other way to install anything of Python's."""
    script = "deploy/build_tree.sh /opt/hedgehog-reconciler"
    assert [rest for rest in _all("RUN") if "build_tree" in rest] == [f"{script} dependencies", f"{script} project"]
    assert not re.search(r"\bpip\b|\bADD\b", (DEPLOY / "Containerfile").read_text())


def _is_ignored(path: str) -> bool:
    """As .containerignore says: the last line that fits decides."""
    ignored = False
    for line in (ROOT / ".containerignore").read_text().splitlines():
        pattern = line.removeprefix("!").strip()
        if pattern and not line.startswith("#") and (fnmatch(path, pattern) or path.startswith(f"{pattern}/")):
            ignored = not line.startswith("!")
    return ignored


def test_what_is_copied_is_there_and_sent_along() -> None:
    """Every source of a COPY exists, and reaches the engine."""
    assert [name for name in copied() if not (ROOT / name).exists() or _is_ignored(name)] == []


@pytest.mark.parametrize("path", [".git/config", "deploy/secrets/api-token", "state/reconciler.db", "secrets/webhook"])
def test_nothing_else_is_sent_along(path: str) -> None:
    """No secret and no state can get into an image."""
    assert _is_ignored(path)
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def _service() -> Any:
    (service,) = read(DEPLOY / "compose.yaml")["services"].values()
    return service


def test_the_service_comes_back_and_keeps_its_state() -> None:
    """After a crash and after a restart of the host, with the time to end in order."""
    service = _service()

    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].removesuffix("s")) > 20
    assert "state:/var/lib/hedgehog-reconciler" in service["volumes"]
    assert "state" in read(DEPLOY / "compose.yaml")["volumes"]
    assert _all("VOLUME") == ["/var/lib/hedgehog-reconciler"]


def test_the_service_can_do_no_more_than_it_has_to() -> None:
    """No root, no capability, nothing to write but state and temporary files, no port but on this host."""
    service = _service()

    assert (service["user"], service["read_only"], service["cap_drop"]) == (USER, True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"privileged", "network_mode", "cap_add", "pid", "environment", "env_file", "secrets"}.isdisjoint(service)
    assert [port.rpartition(":")[0] for port in service["ports"]] == ["127.0.0.1:8080"]
    assert {volume for volume in service["volumes"] if not volume.endswith(":ro")} == {
        "state:/var/lib/hedgehog-reconciler"
    }
    assert {"mem_limit", "pids_limit", "cpus"} <= service.keys()


def test_temporary_files_can_be_run() -> None:
    """Git runs a script of ours to ask for a password, and `reconciler check` has it in a temporary folder."""
    (options,) = _service()["tmpfs"]
    assert {"exec", "nosuid", "nodev"} <= set(options.partition(":")[2].split(","))
