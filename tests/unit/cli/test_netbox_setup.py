"""`reconciler init-netbox`: what is refused before anything is sent, and what is said of a NetBox that refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.app.configuration import LOCAL, secret, settings
from tests.unit.loopback import Answer, Loopback, as_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

    Cli = Callable[..., Said]

WEBHOOK = "extras/webhooks hedgehog-reconciler"
PUBLIC = {"port": 0, "public_url": "https://hh.example"}
PATHS = (
    *("extras/tags", "extras/custom-field-choice-sets", "extras/custom-fields", "dcim/sites", "extras/custom-links"),
    *("extras/webhooks", "extras/event-rules"),
)


def _fabric(url: str = "http://127.0.0.1:9", **changes: Any) -> dict[str, Any]:
    return {"netbox": {"url": url, "token_file": "secrets/netbox-token", **changes}}


WITH_SECRET = _fabric(webhook_secret_file="secrets/webhook")


@pytest.mark.parametrize(
    ("fabrics", "changes", "arguments", "message"),
    [
        pytest.param([WITH_SECRET], {}, [], "server.public_url is needed for the events of NetBox", id="no address"),
        pytest.param([LOCAL], {}, [], "no fabric has a NetBox that is not embedded", id="embedded"),
        pytest.param([LOCAL, _fabric()], {}, ["dc1"], "fabric dc1 has no NetBox that is not embedded", id="named"),
        pytest.param([_fabric()], {}, ["dc9"], "no fabric 'dc9' is configured", id="unknown"),
        pytest.param(
            [WITH_SECRET, _fabric(webhook_secret_file="secrets/api-token", site="x")],
            {"server": PUBLIC},
            ["dc1"],
            "the fabrics dc1, dc2 share a NetBox, which has one webhook",
            id="two secrets",
        ),
        pytest.param([WITH_SECRET], {"server": PUBLIC, "secret": "x" * 256}, [], "at most 255 characters", id="long"),
        pytest.param([WITH_SECRET], {"server": PUBLIC, "secret": " x"}, [], "without spaces at its ends", id="space"),
        pytest.param([WITH_SECRET], {"server": PUBLIC, "secret": b"\xff"}, [], "must be text", id="no text"),
    ],
)
def test_what_is_refused(
    cli: Cli, tmp_path: Path, fabrics: list[Any], changes: dict[str, Any], arguments: list[str], message: str
) -> None:
    """A configuration that cannot be carried out is refused in a sentence, and NetBox is not even asked."""
    content = changes.pop("secret", None) if "secret" in (changes := dict(changes)) else None
    settings(tmp_path, *fabrics, **changes)
    if content is not None:
        path = secret(tmp_path, "webhook", "")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    said = cli("init-netbox", *arguments, "--config", str(tmp_path / "reconciler.yaml"))

    assert (said.code, said.out) == (1, "")
    assert message in " ".join(said.err.split())
    assert "Traceback" not in said.err


def _as_netbox(server: Loopback) -> None:
    """A NetBox that holds nothing and takes everything."""
    server.answer("GET /api/status/", as_json({"netbox-version": "4.7.3"}))
    server.otherwise = as_json({"id": 7, "next": None, "results": []})


def test_a_netbox_that_refuses(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """What is refused is named, and so is what depends on it; all else is made, and the exit code is 1."""
    _as_netbox(service)
    service.answer("POST /api/extras/webhooks/", Answer(403, b'{"detail": "no"}'))
    fabric = _fabric(service.url, webhook_secret_file="secrets/webhook")
    settings(tmp_path, fabric, server=PUBLIC)

    said = cli("init-netbox", "--config", str(tmp_path / "reconciler.yaml"), "--output", "json")

    (found,) = json.loads(said.out)["netboxes"]
    assert said.code == 1
    assert found["faults"] == [
        "extras/webhooks hedgehog-reconciler: NetBoxAccessDenied: POST /api/extras/webhooks/: HTTP 403: no",
        f"extras/event-rules hedgehog-reconciler: NetBoxRejected: it needs {WEBHOOK}, which does not exist in NetBox",
    ]
    assert {change["path"] for change in found["changes"]} == set(PATHS[:5])
    assert {"object_type": "dcim.device", "actions": ["view", "add", "change", "delete"], "only_for_init": False} in (
        found["permissions"]
    )


def test_a_dry_run(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """A dry run says what would be made, and sends no write."""
    _as_netbox(service)
    settings(tmp_path, _fabric(service.url), server=PUBLIC)

    said = cli("init-netbox", "dc1", "--dry-run", "--config", str(tmp_path / "reconciler.yaml"))

    assert said.code == 0
    assert "would create extras/tags hh-managed" in said.out
    assert "note: no fabric has netbox.webhook_secret_file" in said.out
    assert "dcim.device" in said.out
    assert {one.target.split()[0] for one in service.asked} == {"GET"}


def test_a_netbox_that_is_no_netbox(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """One NetBox that does not answer does not keep the others from being prepared."""
    settings(tmp_path, _fabric(service.url), server=PUBLIC)

    said = cli("init-netbox", "--config", str(tmp_path / "reconciler.yaml"))

    assert said.code == 1
    assert "wrong: NetBoxAccessDenied" in said.out
    assert said.out.splitlines()[0] == f"{service.url}, for dc1:", "what did not answer has no version"


OTHER = "b" * 16


def _as_site(server: Loopback, **fields: str | None) -> None:
    """A NetBox whose only record is the site of dc1."""
    _as_netbox(server)
    server.otherwise = as_json({"id": 7, "next": None, "results": [{"id": 7, "slug": "dc1", "custom_fields": fields}]})


def _init(cli: Cli, folder: Path, server: Loopback, *arguments: str) -> Said:
    settings(folder, _fabric(server.url), server=PUBLIC)
    return cli("init-netbox", "dc1", *arguments, "--config", str(folder / "reconciler.yaml"))


def _ours(folder: Path, server: Loopback) -> str:
    (fabric,) = settings(folder, _fabric(server.url), server=PUBLIC).fabric_values()
    assert fabric.netbox is not None
    return fabric.netbox.installation


def _bodies(server: Loopback, target: str) -> list[Any]:
    return [json.loads(one.body) for one in server.asked if one.target == target]


SITE = "PATCH /api/dcim/sites/7/"
JOURNAL = "POST /api/extras/journal-entries/"


def test_rebinding(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """The site is bound to this installation; command and journal say who had it, and that it must be stopped."""
    _as_site(service, hh_installation=OTHER)
    ours = _ours(tmp_path, service)

    said = _init(cli, tmp_path, service, "--rebind")

    line = f"bound site dc1 to installation {ours} (fabric dc1); before, it was bound to {OTHER}, which must be stopped"
    assert line in " ".join(said.out.split())
    assert said.code == 0
    assert [body["custom_fields"] for body in _bodies(service, SITE) if "custom_fields" in body] == [
        {"hh_installation": ours}
    ]
    (entry,) = _bodies(service, JOURNAL)
    assert (ours in entry["comments"], OTHER in entry["comments"], entry["kind"]) == (True, True, "warning")


def test_binding_for_the_first_time(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """A site that nobody had is bound as well, and JSON tells so."""
    _as_site(service, hh_installation=None)
    ours = _ours(tmp_path, service)

    said = _init(cli, tmp_path, service, "--rebind")
    as_data = _init(cli, tmp_path, service, "--rebind", "--output", "json")

    assert "nobody had it before" in " ".join(said.out.split())
    (found,) = json.loads(as_data.out)["netboxes"]
    assert found["bound"] == [{"fabric": "dc1", "site": "dc1", "installation": ours, "before": None}]
    assert _bodies(service, JOURNAL)[0]["kind"] == "info"


def test_a_dry_run_of_rebinding(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """It says what would be bound, and sends no write."""
    _as_site(service, hh_installation=OTHER)

    said = _init(cli, tmp_path, service, "--rebind", "--dry-run")

    assert f"would bind site dc1 to installation {_ours(tmp_path, service)}" in " ".join(said.out.split())
    assert {one.target.split()[0] for one in service.asked} == {"GET"}


@pytest.mark.parametrize("elsewhere", [True, False])
def test_nothing_is_bound_unasked(cli: Cli, tmp_path: Path, service: Loopback, elsewhere: bool) -> None:  # noqa: FBT001 - a table's column
    """Without the option another installation keeps its site, which is said; our own needs no word in either case."""
    _as_site(service, hh_installation=OTHER if elsewhere else _ours(tmp_path, service))

    said = _init(cli, tmp_path, service, *([] if elsewhere else ["--rebind"]))

    assert said.code == 0
    assert _bodies(service, JOURNAL) == []
    assert ("--rebind binds the site to this one" in " ".join(said.out.split())) is elsewhere
    assert "bound site" not in said.out


def test_a_site_that_cannot_be_bound(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """A site without the custom field, and a journal that takes no entry, are named; what was bound is said."""
    _as_site(service)
    unprepared = _init(cli, tmp_path, service, "--rebind")
    _as_site(service, hh_installation=OTHER)
    service.answer(JOURNAL, Answer(403, b'{"detail": "no"}'))
    untold = _init(cli, tmp_path, service, "--rebind")

    assert (unprepared.code, untold.code) == (1, 1)
    assert "NotPrepared: site dc1: the custom field hh_installation does not exist" in " ".join(unprepared.out.split())
    assert "bound site dc1" in untold.out
    assert "wrong: fabric dc1: NetBoxAccessDenied" in untold.out
