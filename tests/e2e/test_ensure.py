"""`ensure` over real systems: what is missing is made once, and all that must run is found running."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab


def _ensure(world: World) -> list[JSONObject]:
    config = str(world.service.process.configuration)
    said = world.service.run_cli("ensure", "--config", config, "--output", "json")
    assert said.returncode == 1, said.stderr  # a source tree has no record of its files
    found: list[JSONObject] = json.loads(said.stdout)["findings"]
    return found


def _in(state: str, findings: list[JSONObject]) -> set[str]:
    return {one["subject"] for one in findings if one["state"] == state}


def test_from_nothing_to_a_service_that_runs_whole(world: World) -> None:
    """State, what NetBox needs and the directory's structure in Git are made; the second run, with the service, makes
    nothing, and finds every task, watches too, every right, and the clocks of three real hosts.
    """
    service, name = world.service, world.service.fabric
    service.fabric_settings["structure"] = {"enabled": True}
    service.push({"README.md": "a fabric\n"}, deliver=False)
    service.write_settings()

    first = _ensure(world)
    assert {"state", f"fabric {name}: netbox setup", f"fabric {name}: structure"} == _in("done", first)
    assert _in("failing", first) == {"service"}
    assert [site["name"] for site in world.netbox.records("dcim/sites", slug=name)] == [name]

    service.start()
    second = _ensure(world)
    assert (_in("done", second), _in("failing", second)) == (set(), set())
    found = {one["subject"]: one for one in second}
    assert f"watch/{name}/VPC" in found["service: tasks"]["message"]
    assert found[f"fabric {name}: structure"]["state"] == "ok"
    clocks = {one["state"] for subject, one in found.items() if subject.startswith("clock of ")}
    assert (clocks, sum(subject.startswith("clock of ") for subject in found)) == ({"ok"}, 3)
