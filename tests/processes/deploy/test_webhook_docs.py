"""The deliveries that docs/webhooks.md makes by hand are taken in."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from reconciler.app.parts import build_parts
from reconciler.settings import load
from tests.lab.packages import ensure
from tests.lab.progress import Progress
from tests.processes.app.running import Client, run
from tests.processes.deploy.tree import PROJECT

if TYPE_CHECKING:
    from reconciler.demo.place import Place

COMMANDS = re.findall(r"^```sh\n(.*?)^```$", (PROJECT / "docs" / "webhooks.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("provider", ["generic", "github"])
def test_a_delivery_by_hand_is_taken_in(place: Place, provider: str) -> None:
    """With the variables that the text names."""
    ensure({"curl", "openssl", "git"}, Progress())
    (command,) = [one for one in COMMANDS if f"/webhooks/{provider}" in one]
    settings = yaml.safe_load(place.config.read_text())
    settings["repositories"][0]["webhook"]["provider"] = provider
    place.config.write_text(yaml.safe_dump(settings))
    tip = ["git", "--git-dir", str(place.repository), "rev-parse", "main"]
    commit = subprocess.run(tip, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    answers = []

    def deliver(client: Client) -> None:
        variables = {
            "PATH": "/usr/bin:/bin",
            "SERVER": client.url,
            "SECRET_FILE": str(place.webhook_secret),
            "REPOSITORY": place.repository.as_uri(),
            "COMMIT": commit,
        }
        done = subprocess.run(
            ["sh", "-c", command], env=variables, capture_output=True, text=True, timeout=60, check=True
        )
        answers.append(json.loads(done.stdout))

    run(lambda: build_parts(load(place.config)), deliver)

    assert [answer.get("result") for answer in answers] == ["accepted"], answers
