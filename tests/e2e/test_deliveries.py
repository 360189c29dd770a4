"""Deliveries that must not count: none of them queues anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.payloads import github

if TYPE_CHECKING:
    import requests

    from tests.e2e.conftest import World
    from tests.e2e.installation import Installation

pytestmark = pytest.mark.lab

COMMIT = "d" * 40


@pytest.fixture
def service(world: World) -> Installation:
    """A running service, with a second repository that has a secret of its own."""
    service = world.service
    world.fabric.pop("netbox")
    other = service.folder / "secrets" / "other-webhook"
    other.touch(mode=0o600)
    other.write_text("another secret")
    (first,) = service.settings["repositories"]
    webhook = {"provider": "github", "secret_file": "secrets/other-webhook"}
    second = {**first, "name": "other", "url": first["url"].replace(".git", "-other.git"), "webhook": webhook}
    service.settings["repositories"].append(second)
    service.start()
    service.wait_idle()
    return service


def _body(service: Installation, *, url: str | None = None) -> bytes:
    named = github.repository() | {"clone_url": url or service.repository.url}
    return json.dumps(github.push(after=COMMIT, repository=named)).encode()


def _wrong_signature(service: Installation) -> requests.Response:
    return service.deliver(COMMIT, secret=b"guessed")


def _no_signature(service: Installation) -> requests.Response:
    return service.deliver(COMMIT, headers={"X-Hub-Signature-256": ""})


def _too_large(service: Installation) -> requests.Response:
    return service.deliver_body(b'{"ref":"' + b"A" * 6_000_000 + b'"}')


def _broken_json(service: Installation) -> requests.Response:
    return service.deliver_body(b'{"ref": "refs/heads/main"')


def _unknown_repository(service: Installation) -> requests.Response:
    return service.deliver_body(_body(service, url="https://elsewhere.example.com/x/y.git"))


def _other_repository_with_our_secret(service: Installation) -> requests.Response:
    return service.deliver_body(_body(service, url=service.settings["repositories"][1]["url"]))


def _our_repository_with_the_other_secret(service: Installation) -> requests.Response:
    return service.deliver_body(_body(service), secret=b"another secret")


TABLE = [
    (_wrong_signature, 401, None),
    (_no_signature, 401, None),
    (_too_large, 413, None),
    (_broken_json, 400, None),
    (_unknown_repository, 200, "ignored"),
    (_other_repository_with_our_secret, 200, "ignored"),
    (_our_repository_with_the_other_secret, 200, "ignored"),
]


def test_nothing_is_queued(service: Installation) -> None:
    """Each is answered as documented, and the history and the desired revision stay as they are."""
    before = service.passes(), service.status()["desired_revision"]

    for send, code, result in TABLE:
        answer = send(service)
        assert answer.status_code == code, f"{send.__name__}: {answer.text}"
        body = answer.json()
        assert body.get("result") == result, send.__name__
        assert "reason" in body or body["error"]["message"], send.__name__
        assert service.status()["reconciling"] is False, send.__name__

    assert (service.passes(), service.status()["desired_revision"]) == before


def test_a_redelivery_is_a_duplicate(service: Installation) -> None:
    """The same delivery twice is one request: the second answer names the first's."""
    commit = service.push({"note.txt": "x"}, deliver=False)
    headers = {"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}

    first = service.deliver(commit, headers=headers)
    service.wait_idle()
    again = service.deliver(commit, headers=headers)

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["result"] == "duplicate"
    assert [r["id"] for r in again.json()["requests"]] == [r["id"] for r in first.json()["requests"]]
    assert service.get(f"/fabrics/{service.fabric}")["webhook"]["last_verified"]
