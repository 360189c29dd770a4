"""Deliveries of every forge, and NetBox's own events, through the running service."""

from __future__ import annotations

import secrets
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.e2e.conftest import LOCAL
from tests.e2e.fabrics import files
from tests.e2e.installation import REQUEST_TIMEOUT, lay_out, wait_until
from tests.e2e.service_log import entries
from tests.e2e.targets import NetBoxView
from tests.payloads import bitbucket, generic, gitea, github, gitlab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

    from tests.e2e.installation import Installation
    from tests.lab.git_server import Repository
    from tests.lab.netbox_server import NetBoxServer

pytestmark = pytest.mark.lab

HEALED_WITHIN = 15.0
"""Seconds, on a machine that does other things too; it is about one."""


# Forges


def _gitlab(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    body = github.encoded(gitlab.push(commit=commit, url=url))
    return body, gitlab.headers(body, secret=secret, delivery=str(uuid.uuid4()))


def _gitlab_signed(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    body = github.encoded(gitlab.push(commit=commit, url=url))
    delivery, now = str(uuid.uuid4()), int(time.time())
    return body, gitlab.signed_headers(body, secret=secret, delivery=delivery, timestamp=now)


def _gitea(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    body = github.encoded(gitea.push(commit=commit, url=url))
    return body, gitea.headers(body, secret=secret, delivery=str(uuid.uuid4()))


def _forgejo(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    body = github.encoded(gitea.push(commit=commit, url=url))
    return body, gitea.forgejo_headers(body, secret=secret, delivery=str(uuid.uuid4()))


def _github_form(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    body = github.form(github.push(after=commit, repository=github.repository() | {"clone_url": url}))
    headers = github.headers(body, secret=secret, delivery=str(uuid.uuid4()))
    return body, headers | {"Content-Type": "application/x-www-form-urlencoded"}


def _gitea_form(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    payload = gitea.push(commit=commit, url=url)
    document = github.encoded(payload)
    body = gitea.form(payload)
    return body, gitea.headers(body, secret=secret, delivery=str(uuid.uuid4()), document=document)


def _bitbucket(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    changes = [
        bitbucket.change(bitbucket.branch("topic", "d" * 40)),
        bitbucket.change(bitbucket.branch(commit=commit)),
    ]
    body = github.encoded(bitbucket.push(changes=changes, url=url))
    return body, bitbucket.headers(body, secret=secret, delivery=str(uuid.uuid4()))


def _data_center(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    payload = bitbucket.data_center_push([bitbucket.data_center_change(commit=commit)])
    payload["repository"]["links"]["clone"] = [{"name": "http", "href": url}]
    body = github.encoded(payload)
    return body, bitbucket.data_center_headers(body, secret=secret, delivery=str(uuid.uuid4()))


def _generic(commit: str, url: str, secret: bytes) -> tuple[bytes, dict[str, str]]:
    body = github.encoded(generic.push(commit=commit, url=url))
    return body, generic.headers(body, secret=secret, delivery=str(uuid.uuid4()))


Sender: TypeAlias = "Callable[[str, str, bytes], tuple[bytes, dict[str, str]]]"
SENDERS: dict[str, tuple[str, Sender]] = {
    "github-form": ("github", _github_form),
    "gitlab": ("gitlab", _gitlab),
    "gitlab-signed": ("gitlab", _gitlab_signed),
    "gitea": ("gitea", _gitea),
    "gitea-as-github": ("github", _gitea_form),
    "forgejo": ("forgejo", _forgejo),
    "bitbucket": ("bitbucket", _bitbucket),
    "bitbucket-data-center": ("bitbucket", _data_center),
    "generic": ("generic", _generic),
}


def _use_provider(service: Installation, name: str) -> None:
    """Set up the repository's webhook for the sender of this name."""
    webhook = service.repository_settings["webhook"]
    webhook["provider"] = SENDERS[name][0]
    if name == "gitlab-signed":
        (service.folder / webhook["secret_file"]).write_bytes(gitlab.SIGNING_SECRET)


def _send(service: Installation, name: str, commit: str) -> requests.Response:
    provider, sender = SENDERS[name]
    body, headers = sender(commit, service.repository.url, service.webhook_secret)
    url = f"{service.url}/webhooks/{provider}"
    return service.session.post(url, data=body, headers=headers, timeout=REQUEST_TIMEOUT)


def test_a_push_of_each_forge(local_service: Installation, another_repository: Callable[[], Repository]) -> None:
    """A push that any forge announces is accepted, applied by a pass of that push, and proves the webhook."""
    first, *others = SENDERS
    views = {first: local_service}
    views |= {name: local_service.add_fabric(f"of-{name}", LOCAL, another_repository()) for name in others}
    for name, service in views.items():
        _use_provider(service, name)
        service.push({"note.txt": "x"}, deliver=False)
    local_service.start()
    for service in views.values():
        service.wait_idle()

    for name, service in views.items():
        commit = service.push(files(), deliver=False)
        answer = _send(service, name, commit)
        assert answer.status_code == 202, f"{name}: {answer.text}"
        assert [one["fabric"] for one in answer.json()["requests"]] == [service.fabric], name
        status = service.wait_applied(commit)
        assert (status["sync_status"], status["last_pass"]["triggers"]) == ("in_sync", ["push"]), name
        assert status["webhook"]["last_verified"], name


# NetBox


@contextmanager
def _event_rule(netbox: NetBoxView, url: str, secret: str) -> Iterator[None]:
    """NetBox tells of every change of a device, until the context ends."""
    hook = netbox.create("extras/webhooks", {"name": f"hook {netbox.site}", "payload_url": url, "secret": secret})
    rule = netbox.create(
        "extras/event-rules",
        {
            "name": f"rule {netbox.site}",
            "object_types": ["dcim.device"],
            "event_types": ["object_created", "object_updated", "object_deleted"],
            "action_type": "webhook",
            "action_object_type": "extras.webhook",
            "action_object_id": hook["id"],
        },
    )
    netbox.server.start_webhook_worker()
    try:
        yield
    finally:
        netbox.server.stop_webhook_worker()
        netbox.delete("extras/event-rules", rule)
        netbox.delete("extras/webhooks", hook)


@pytest.fixture
def mirrored(repository: Repository, netbox_server: NetBoxServer, tmp_path: Path) -> Iterator[Installation]:
    """A service with an embedded cluster, whose NetBox tells it of edits; laid out and not started."""
    fabric = f"f{secrets.token_hex(3)}"
    token = tmp_path / "netbox-token"
    token.touch(mode=0o600)
    token.write_text(netbox_server.token)
    netbox = {"url": netbox_server.url, "token_file": str(token), "site": fabric}
    service = lay_out(tmp_path / "service", repository, fabric, {**LOCAL, "netbox": netbox})
    secret = service.folder / "secrets" / "netbox-webhook"
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(24))
    netbox["webhook_secret_file"] = "secrets/netbox-webhook"
    yield service
    service.close()


def _events(service: Installation) -> Counter[tuple[str, str]]:
    """What became of NetBox's events: how many had which result and reason."""
    found = [e for e in entries(service.log) if e["event"] == "delivery" and e["provider"] == "netbox"]
    return Counter((entry["result"], entry["reason"] or "") for entry in found)


OWN = ("ignored", "it is what the reconciler wrote")


def test_an_edit_in_netbox(mirrored: Installation, netbox_server: NetBoxServer) -> None:
    """What a person edits in NetBox is put right by a pass of that edit, within seconds; what the service writes
    itself, at first and to put it right, is recognised and causes no pass.
    """
    service, netbox = mirrored, NetBoxView(netbox_server, mirrored.fabric)
    secret = (service.folder / "secrets" / "netbox-webhook").read_text()
    service.repository.push_files({f"{service.path}/{name}": text for name, text in files().items()})

    with _event_rule(netbox, f"{service.url}/webhooks/netbox", secret):
        service.start()
        status = service.wait_idle()
        devices = netbox.owned("dcim/devices").values()
        # a device is made, and then told which of the addresses made for it is its own
        written = len(devices) + sum(device["primary_ip4"] is not None for device in devices)
        wait_until(lambda: sum(_events(service).values()) >= written, what=f"{written} events: {_events(service)}")
        assert (status["sync_status"], len(service.passes())) == ("in_sync", 1), _events(service)
        assert _events(service) == {OWN: written}

        key, device = next(iter(netbox.owned("dcim/devices").items()))
        netbox.update("dcim/devices", device, {"description": "by hand"})
        wait_until(
            lambda: netbox.owned("dcim/devices")[key]["description"] == device["description"],
            seconds=HEALED_WITHIN,
            what=f"{key} healed: {_events(service)}",
        )
        wait_until(lambda: _events(service)[OWN] > written, what=f"the event of our own write: {_events(service)}")
        service.wait_idle()

    assert [one["triggers"] for one in service.passes()] == [["netbox"], ["startup"]], _events(service)
    assert _events(service)["accepted", ""] == 1
    netbox.session.close()
