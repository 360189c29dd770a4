"""What holds for the deliveries of every provider, through the web application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.requests import Receiver
from tests.payloads import bitbucket, generic, gitea, github, gitlab, netbox
from tests.payloads.forges import FORGES, Forge
from tests.unit.webhooks.asgi import Answer, Body, ask
from tests.unit.webhooks.reading import lowered
from webhooks.app import WebOptions, create_app
from webhooks.providers import PROVIDERS
from webhooks.testing import FakeFabric, FakeIntake, FakePlans, FakeStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.applications import Starlette

every = pytest.mark.parametrize("forge", FORGES, ids=lambda forge: forge.name)
TOO_LARGE = 2**20


@pytest.fixture
def intake() -> FakeIntake:
    """One repository behind the webhook of every forge, and the NetBox of its fabric."""
    receivers = [
        Receiver(one.provider, "dc1" if one.provider == "netbox" else "gitops", one.url, one.secret) for one in FORGES
    ]
    return FakeIntake(receivers, [FakeFabric("dc1")])


@pytest.fixture
def unverified() -> list[str]:
    """The providers of deliveries that proved nothing."""
    return []


@pytest.fixture
def app(intake: FakeIntake, unverified: list[str]) -> Starlette:
    options = WebOptions(
        api_token=lambda: None, max_body_bytes=TOO_LARGE, on_unverified=unverified.append, now=lambda: 0.0
    )
    return create_app(intake, FakeStatus(intake), FakePlans(), options)


def genuine(forge: Forge) -> bytes:
    return github.encoded(forge.push())


async def send(app: Starlette, forge: Forge, body: bytes, **headers: str | None) -> Answer:
    """A delivery with genuine headers for this body, except for those that are given; None leaves one out."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    merged = {name: value for name, value in (lowered(forge.headers(body)) | named).items() if value is not None}
    return await ask(app, "POST", f"/webhooks/{forge.provider}", merged, body)


def test_every_provider_is_here() -> None:
    """No provider is left out of what follows."""
    assert {forge.provider for forge in FORGES} == set(PROVIDERS)


@every
def test_row(forge: Forge) -> None:
    """The rows name headers that their deliveries carry."""
    sent = forge.headers(b"{}")

    assert {name for name in (forge.proof, forge.number, forge.event) if name} <= set(sent)


@every
async def test_accepted(app: Starlette, intake: FakeIntake, forge: Forge) -> None:
    """A genuine push of a branch that is followed, or edit of a record of ours, is taken in and answered 202."""
    answer = await send(app, forge, genuine(forge))

    assert answer.status == 202
    assert answer.json["requests"] == [{"id": "r1", "fabric": "dc1", "state": "queued"}]
    assert intake.requests["r1"].commit == (None if forge.provider == "netbox" else github.COMMIT)
    assert intake.working == (set() if forge.provider == "netbox" else {"gitops"})


@every
async def test_twice(app: Starlette, intake: FakeIntake, forge: Forge) -> None:
    """The same delivery a second time causes nothing, and is answered 200 with the first requests."""
    first = await send(app, forge, genuine(forge))
    again = await send(app, forge, genuine(forge))

    assert (again.status, again.json["result"]) == (200, "duplicate")
    assert (again.json["delivery"], again.json["requests"]) == (first.json["delivery"], first.json["requests"])
    assert len(intake.requests) == 1


@pytest.mark.parametrize("body", [b"[]", b"{}", b""], ids=["a list", "nothing in it", "empty"])
@pytest.mark.parametrize("forge", [one for one in FORGES if one.provider != "netbox"], ids=lambda forge: forge.name)
async def test_known_id_of_what_cannot_be_read(app: Starlette, forge: Forge, body: bytes) -> None:
    """A known id is a duplicate whatever the body is that comes with it."""
    first = await send(app, forge, genuine(forge))

    assert first.status == 202
    assert (await send(app, forge, body)).json["result"] == "duplicate"


@pytest.mark.parametrize("secret", [generic.SECRET, b"another"], ids=["one secret", "two secrets"])
async def test_ids_are_the_senders_own(app: Starlette, intake: FakeIntake, secret: bytes) -> None:
    """Senders of two repositories may number their deliveries alike: neither's push is taken for the other's."""
    intake.webhooks = [
        Receiver("generic", "gitops", generic.URL, generic.SECRET),
        Receiver("generic", "other", "https://git.example.com/other.git", secret),
    ]
    intake.fabrics = [FakeFabric("dc1"), FakeFabric("dc2", repository="other")]
    bodies = [
        (github.encoded(generic.push()), generic.SECRET),
        (github.encoded(generic.push(url="https://git.example.com/other.git")), secret),
    ]

    async def send_both() -> list[Answer]:
        headers = [generic.headers(body, secret=key, delivery="build-1042") for body, key in bodies]
        return [
            await ask(app, "POST", "/webhooks/generic", lowered(named), body)
            for named, (body, _) in zip(headers, bodies, strict=True)
        ]

    first, again = await send_both(), await send_both()

    assert [(one.status, one.json["requests"][0]["fabric"]) for one in first] == [(202, "dc1"), (202, "dc2")]
    assert [(one.status, one.json["result"]) for one in again] == [(200, "duplicate")] * 2
    assert {one.json["delivery"] for one in first + again} == {"build-1042"}
    assert [one.json["requests"][0]["id"] for one in first] == [one.json["requests"][0]["id"] for one in again]


async def test_ids_of_one_netbox_are_not_those_of_another(app: Starlette, intake: FakeIntake) -> None:
    """Who knows the secret of one fabric's NetBox cannot use up the ids of another's edits."""
    intake.fabrics = [FakeFabric("dc1"), FakeFabric("dc2")]
    intake.webhooks = [
        Receiver("netbox", "dc1", "https://netbox.example.com", netbox.SECRET),
        Receiver("netbox", "dc2", "https://other.example.com", b"another"),
    ]
    bodies = [
        (github.encoded(netbox.edit()), netbox.SECRET),
        (github.encoded(netbox.edit(key="dc2/Switch/x")), b"another"),
    ]

    answers = [
        await ask(app, "POST", "/webhooks/netbox", lowered(netbox.headers(body, secret=key)), body)
        for body, key in bodies
    ]

    assert len({one.json["delivery"] for one in answers}) == 1
    assert [(one.status, one.json["requests"][0]["fabric"]) for one in answers] == [(202, "dc1"), (202, "dc2")]


# Proof


FORGED = {
    "absent": None,
    "empty": "",
    "empty digest": "sha256=",
    "not ASCII": "sha256=\u00e9",
    "zeros": "0" * 64,
    "zeros with SHA-256": "sha256=" + "0" * 64,
    "zeros with SHA-512": "0" * 128,
    "zeros by Standard Webhooks": f"v1,{'A' * 43}=",
    "a million letters": "x" * 1_000_000,
}


@every
@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_unverified(
    app: Starlette, intake: FakeIntake, unverified: list[str], forge: Forge, forged: str | None
) -> None:
    """Without the right proof the answer is 401, nothing happens, and it is told that somebody tried."""
    own = {forge.proof: forged}
    if forge.provider == "forgejo":
        own["X-Gitea-Signature"] = forged

    answer = await send(app, forge, genuine(forge), **own)

    assert (answer.status, answer.code) == (401, "bad_signature")
    assert (intake.delivered, intake.working, unverified) == ([], set(), [forge.provider])


@every
async def test_nothing_but_a_content_type(app: Starlette, intake: FakeIntake, forge: Forge) -> None:
    """A body without any other header is 401, also where its sender would say that there is no secret."""
    answer = await ask(app, "POST", f"/webhooks/{forge.provider}", {"Content-Type": "application/json"}, genuine(forge))

    assert (answer.status, intake.delivered) == (401, [])


@every
@pytest.mark.parametrize("other", FORGES, ids=lambda forge: forge.name)
async def test_secret_of_another(app: Starlette, intake: FakeIntake, forge: Forge, other: Forge) -> None:
    """A delivery counts on the route of its own provider alone."""
    body = genuine(forge)
    accepts = {forge.provider, "forgejo"} if forge.provider == "gitea" else {forge.provider}
    accepts |= {"gitea"} if forge.provider == "forgejo" else set()

    answer = await ask(app, "POST", f"/webhooks/{other.provider}", forge.headers(body), body)

    assert answer.status == (202 if other.provider in accepts else 401)
    assert bool(intake.requests) == (answer.status == 202)


async def test_gitlab_never_falls_back(app: Starlette) -> None:
    """A delivery with GitLab's token and a wrong signature is refused: the signature must pass."""
    forge = next(one for one in FORGES if one.name == "gitlab")

    answer = await send(app, forge, genuine(forge), webhook_signature=f"v1,{'A' * 43}=")

    assert answer.status == 401


async def test_gitlab_signature_of_yesterday(intake: FakeIntake) -> None:
    """A signed delivery that is kept and sent later proves nothing."""
    forge = next(one for one in FORGES if one.name == "gitlab-signed")
    clock = {"now": 0.0}
    options = WebOptions(api_token=lambda: None, now=lambda: clock["now"])
    app = create_app(intake, FakeStatus(intake), FakePlans(), options)

    clock["now"] = 86_400.0
    assert (await send(app, forge, genuine(forge))).status == 401
    clock["now"] = 299.0
    assert (await send(app, forge, genuine(forge))).status == 202


def of_forge(name: str) -> Forge:
    return next(one for one in FORGES if one.name == name)


@pytest.mark.parametrize("headers", [gitea.headers, gitea.forgejo_headers], ids=["gitea", "forgejo"])
@pytest.mark.parametrize("is_form", [False, True], ids=["JSON", "form"])
async def test_gitea_set_up_as_github(intake: FakeIntake, *, headers: object, is_form: bool) -> None:
    """A delivery of Gitea or Forgejo on GitHub's route is proven by its own rules, against the route's secrets."""
    assert callable(headers)
    intake.webhooks = [Receiver("github", "gitops", gitea.URL, gitea.SECRET)]
    app = create_app(intake, FakeStatus(intake), FakePlans(), WebOptions(api_token=lambda: None))
    document = github.encoded(gitea.push())
    body = gitea.form(gitea.push()) if is_form else document
    sent: Mapping[str, str] = headers(body, document=document if is_form else None)
    forged = {
        name: "0" * 64 if name.endswith(("Gitea-Signature", "Forgejo-Signature")) else sent[name] for name in sent
    }

    refused = await ask(app, "POST", "/webhooks/github", forged, body)
    answer = await ask(app, "POST", "/webhooks/github", sent, body)

    assert (refused.status, answer.status) == (401, 202)


async def test_bitbucket_hook_uuid_is_no_proof(app: Starlette) -> None:
    """The right id of the hook with a wrong signature is 401."""
    forge = of_forge("bitbucket")
    answer = await send(app, forge, genuine(forge), X_Hub_Signature="sha256=" + "0" * 64)

    assert "X-Hook-UUID" in forge.headers(b"")
    assert answer.status == 401


# Bodies that brought others down


HOSTILE = {
    "empty": b"",
    "not JSON": b"Hello, World!",
    "a list": b"[]",
    "nothing in it": b"{}",
    "deep": b"[" * 1000 + b"]" * 1000,
    "very deep": b'{"a":' * 100_000,
    "NaN": b'{"a": NaN}',
    "ref twice": b'{"ref": "x", "ref": "refs/heads/main"}',
    "lone surrogate": b'{"ref": "\\ud800"}',
    "5000 digits": b'{"a": ' + b"1" * 5000 + b"}",
    "null repository": b'{"ref": "test", "repository": null}',
    "null repository of another spelling": b'{"ref": "test", "repo": null}',
    "text for addresses": b'{"repository": {"links": {"clone": "boom"}}}',
    "list for an address": b'{"repository": {"links": {"clone": [{"name": "http", "href": []}]}}}',
    "no updates of Azure DevOps": b'{"eventType": "git.push", "resource": {"refUpdates": []}}',
    "empty web address": b'{"ref": "refs/heads/main", "repository": {"html_url": ""}}',
    "ref of two lines": b'{"ref": "refs/heads/a\\nlevel=error", "repository": {"html_url": "x"}}',
    "not UTF-8": b"\xff\xfe{}",
    "a form": b"payload=%7B%7D",
}


@every
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_hostile_body(app: Starlette, intake: FakeIntake, forge: Forge, body: bytes) -> None:
    """However odd a body is that somebody signed, the answer is no 5xx, and nothing is queued."""
    answer = await send(app, forge, body)

    assert answer.status in {200, 400}
    assert answer.status == 200 or (answer.code == "malformed" and answer.json["error"]["message"].isprintable())
    assert (intake.requests, intake.working) == ({}, set())


@pytest.mark.parametrize("forge", [one for one in FORGES if one.event], ids=lambda forge: forge.name)
@pytest.mark.parametrize("name", ["null repository", "no updates of Azure DevOps", "text for addresses", "deep"])
async def test_hostile_push(app: Starlette, forge: Forge, name: str) -> None:
    """What comes as a push and holds none is answered 400."""
    assert (await send(app, forge, HOSTILE[name])).status == 400


@every
@pytest.mark.parametrize(
    "value", ["", "\u00e9", "a\nlevel=error", "x" * 10_000], ids=["empty", "not ASCII", "two lines", "long"]
)
@pytest.mark.parametrize("which", ["number", "event"])
async def test_hostile_header(app: Starlette, intake: FakeIntake, forge: Forge, which: str, value: str) -> None:
    """However odd the headers that number and name a delivery are, the answer is no 5xx and nothing is queued."""
    name = getattr(forge, which)
    answer = await send(app, forge, genuine(forge), **({name: value} if name else {"X-Unknown": value}))

    if name:
        assert answer.status in {200, 400, 401}
        assert not intake.requests
    else:
        assert answer.status == 202


@every
async def test_size_comes_first(app: Starlette, forge: Forge) -> None:
    """A body that is too large is 413, on every route, before anybody asks who sent it."""
    answer = await ask(app, "POST", f"/webhooks/{forge.provider}", {}, Body([b"A" * 65_536] * 32))

    assert (answer.status, answer.code) == (413, "too_large")


@every
@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "text/plain", "application/xml", None])
async def test_content_type(app: Starlette, intake: FakeIntake, forge: Forge, content_type: str | None) -> None:
    """A content type that the provider never sends is 415, multipart above all."""
    answer = await send(app, forge, genuine(forge), content_type=content_type)

    assert (answer.status, intake.delivered) == (415, [])


@pytest.mark.parametrize(
    "forge",
    [one for one in FORGES if one.provider in {"gitlab", "bitbucket", "generic", "netbox"}],
    ids=lambda forge: forge.name,
)
async def test_forms_where_there_are_none(app: Starlette, forge: Forge) -> None:
    """A form is 415 for those who send none."""
    assert (await send(app, forge, b"payload=x", content_type="application/x-www-form-urlencoded")).status == 415


@every
async def test_ranges(app: Starlette, forge: Forge) -> None:
    """A Range header of ten thousand ranges is no more than a header."""
    ranges = "bytes=" + ",".join(f"{start}-" for start in range(10_000))

    assert (await send(app, forge, genuine(forge), range=ranges)).status == 202


# What causes nothing


OTHER_EVENTS = {
    "github": {"X-GitHub-Event": "star"},
    "gitlab": {"X-Gitlab-Event": "Merge Request Hook"},
    "gitlab-signed": {"X-Gitlab-Event": "Merge Request Hook"},
    "gitea": {"X-Gitea-Event": "issues"},
    "forgejo": {"X-Forgejo-Event": "issues"},
    "bitbucket": {"X-Event-Key": "repo:fork"},
    "bitbucket-data-center": {"X-Event-Key": "pr:opened"},
}


@pytest.mark.parametrize("name", OTHER_EVENTS)
async def test_other_event(app: Starlette, intake: FakeIntake, name: str) -> None:
    """An event that causes nothing is 200 with the reason, never an error: forges switch off webhooks that fail."""
    forge = of_forge(name)
    answer = await send(app, forge, genuine(forge), **OTHER_EVENTS[name])

    assert (answer.status, answer.json["result"], intake.requests) == (200, "ignored", {})
    assert "causes nothing, only push does" in answer.json["reason"]


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        pytest.param("github", github.deletion(), id="github"),
        pytest.param("gitlab", gitlab.deletion(), id="gitlab"),
        pytest.param("gitea", gitea.deletion(), id="gitea"),
        pytest.param("bitbucket", bitbucket.push(changes=[bitbucket.change(None, bitbucket.branch())]), id="bitbucket"),
        pytest.param(
            "bitbucket-data-center",
            bitbucket.data_center_push([bitbucket.data_center_change(kind="DELETE")]),
            id="bitbucket-data-center",
        ),
    ],
)
async def test_deletion(app: Starlette, intake: FakeIntake, name: str, payload: dict[str, object]) -> None:
    """A deleted branch is 200 with the reason; that the webhook works is noted all the same."""
    answer = await send(app, of_forge(name), github.encoded(payload))

    assert (answer.status, answer.json["reason"], intake.requests) == (200, "the branch was deleted", {})
    assert intake.working == {"gitops"}


async def test_main_among_other_refs(app: Starlette, intake: FakeIntake) -> None:
    """A push that moves the followed branch among others is taken in with that branch's commit."""
    changes = [
        bitbucket.change(bitbucket.branch("topic", "b" * 40)),
        bitbucket.change(bitbucket.branch("v1", "b" * 40, "tag")),
        bitbucket.change(bitbucket.branch()),
    ]

    answer = await send(app, of_forge("bitbucket"), github.encoded(bitbucket.push(changes=changes)))

    assert (answer.status, intake.requests["r1"].commit) == (202, github.COMMIT)


async def test_repository_without_an_address(app: Starlette) -> None:
    """A push that names no address of its repository is ignored, and that is the reason."""
    payload = bitbucket.data_center_push(repository={"slug": "gitops"})

    answer = await send(app, of_forge("bitbucket-data-center"), github.encoded(payload))

    assert (answer.status, answer.json["reason"]) == (200, "it names no address of its repository")


async def test_ping_of_data_center(app: Starlette) -> None:
    """The test of a connection is a ping."""
    answer = await send(app, of_forge("bitbucket-data-center"), b'{"test": true}', X_Event_Key="diagnostics:ping")

    assert (answer.status, answer.json["result"], answer.json["reason"]) == (200, "ping", "the signature is right")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(netbox.edit(request={"id": "ours"}), "our own write", id="own write"),
        pytest.param(netbox.edit(key=None), "the record belongs to no fabric that is enabled", id="record of others"),
        pytest.param(
            netbox.edit(key="dc9/Switch/x"), "the record belongs to no fabric that is enabled", id="another fabric"
        ),
        pytest.param({}, "the record belongs to no fabric that is enabled", id="no record"),
    ],
)
async def test_edits_that_cause_nothing(
    app: Starlette, intake: FakeIntake, payload: dict[str, object], reason: str
) -> None:
    """Our own writes and the records of others are 200 with the reason."""
    intake.own_writes = {"ours"}

    answer = await send(app, of_forge("netbox"), github.encoded(payload))

    assert (answer.status, answer.json["result"], answer.json["reason"]) == (200, "ignored", reason)
    assert not intake.requests


async def test_an_edit_reaches_only_the_fabrics_of_its_secret(app: Starlette, intake: FakeIntake) -> None:
    """A secret of one fabric's NetBox does not speak for the records of another."""
    intake.fabrics = [FakeFabric("dc1"), FakeFabric("dc2")]
    intake.webhooks = [
        Receiver("netbox", "dc1", "https://netbox.example.com", netbox.SECRET),
        Receiver("netbox", "dc2", "https://other.example.com", b"another"),
    ]

    own = await send(app, of_forge("netbox"), github.encoded(netbox.edit()))
    other = await send(app, of_forge("netbox"), github.encoded(netbox.edit(key="dc2/Switch/x", event="created")))

    assert ([one["fabric"] for one in own.json["requests"]], other.json["result"]) == (["dc1"], "ignored")
    assert [names for _, names in intake.delivered] == [("dc1",), ("dc1",)]


# Effort


async def test_what_is_stored_is_not_written_twice(app: Starlette, intake: FakeIntake) -> None:
    """A delivery that is taken in is not looked up and not noted apart: both are part of storing it."""
    asked: list[str] = []

    class Counting(FakeIntake):
        async def known(self, provider: str, delivery_id: str) -> None:
            asked.append("known")

        async def verified(self, repositories: object) -> None:
            asked.append("verified")

    counting = Counting(intake.webhooks, intake.fabrics)
    app = create_app(counting, FakeStatus(counting), FakePlans(), WebOptions(api_token=lambda: None))
    forge = of_forge("github")

    assert (await send(app, forge, genuine(forge))).status == 202
    assert asked == []
    assert (await send(app, forge, github.encoded(github.deletion()), X_GitHub_Delivery="other")).status == 200
    assert asked == ["verified", "known"]


@every
async def test_large_bodies(app: Starlette, forge: Forge) -> None:
    """A body that is read in a thread is read the same."""
    body = genuine(forge) + b" " * 200_000

    assert (await send(app, forge, body)).status == 202
