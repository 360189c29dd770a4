"""Whatever a delivery holds, every provider reads it or refuses it."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.requests import Delivery, Receiver
from tests.payloads import gitea, github
from tests.payloads.forges import FORGES, Forge
from tests.unit.webhooks.asgi import Body, ask
from tests.unit.webhooks.reading import lowered
from webhooks.app import WebOptions, create_app
from webhooks.payload import MalformedPayloadError, is_token
from webhooks.providers import PROVIDERS, Provider
from webhooks.testing import FakeFabric, FakeIntake, FakePlans, FakeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anyio.from_thread import BlockingPortal

    from reconciler.model.json import JSON

every = pytest.mark.parametrize("forge", FORGES, ids=lambda forge: forge.name)
NAMES = sorted({name.lower() for forge in FORGES for name in forge.headers(b"")})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3),
    max_leaves=6,
)
header_values = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["push", "ping", "Push Hook", "System Hook", "repo:push", "repo:refs_changed", "application/json"]
)


def places(value: JSON, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value within a document."""
    if path:
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from places(member, (*path, name))


def replaced(payload: Any, path: tuple[str | int, ...], value: JSON) -> Any:
    """A copy with another value at one place."""
    changed = copy.deepcopy(payload)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return changed


def read(provider: Provider, headers: Mapping[str, str], body: bytes) -> Delivery | str:
    """The delivery, or why it is refused. Anything else that is raised fails the test."""
    try:
        number = provider.delivery_id(headers, body)
        delivery = provider.parse(headers, body)
    except MalformedPayloadError as error:
        return error.message
    assert (delivery.provider, delivery.id) == (provider.NAME, number)
    return delivery


def check(provider: Provider, headers: Mapping[str, str], body: bytes) -> None:
    """Every function of the provider answers; what is shown to people can be printed."""
    assert provider.is_authentic(b"secret", headers, body, 0.0) in {True, False}
    found = read(provider, headers, body)
    if isinstance(found, str):
        assert found.isprintable()
    else:
        assert is_token(found.id)
        assert found.event.isprintable()


@every
@given(data=st.data())
def test_any_value_anywhere(forge: Forge, data: st.DataObject) -> None:
    """A genuine payload with anything at all in one place is read or refused."""
    payload = forge.push()
    path = data.draw(st.sampled_from(list(places(payload))))
    body = json.dumps(replaced(payload, path, data.draw(json_values))).encode()

    check(PROVIDERS[forge.provider], lowered(forge.headers(body)), body)


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
@given(
    headers=st.dictionaries(st.sampled_from(NAMES), header_values, max_size=8),
    body=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()),
)
def test_any_headers_and_body(provider: Provider, headers: dict[str, str], body: bytes) -> None:
    """Whatever headers and body are, they are read or refused."""
    check(provider, headers, body)


@pytest.mark.parametrize("name", ["github", "gitea", "forgejo"])
@given(body=st.binary(max_size=200) | json_values.map(gitea.form))
def test_any_form(name: str, body: bytes) -> None:
    """Whatever a form holds, it is read or refused."""
    forge = next(one for one in FORGES if one.name == name)

    check(PROVIDERS[name], lowered(forge.headers(body)) | {"content-type": "application/x-www-form-urlencoded"}, body)


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    """One event loop for all examples."""
    with anyio.from_thread.start_blocking_portal() as portal:
        yield portal


@every
@given(data=st.data())
def test_any_signed_delivery(portal: BlockingPortal, forge: Forge, data: st.DataObject) -> None:
    """Whatever is signed with a secret is answered, and never with a 5xx; a fabric is queued for a push alone."""
    name = "dc1" if forge.provider == "netbox" else "gitops"
    intake = FakeIntake([Receiver(forge.provider, name, forge.url, forge.secret)], [FakeFabric("dc1")])
    app = create_app(intake, FakeStatus(intake), FakePlans(), WebOptions(api_token=lambda: None, now=lambda: 0.0))
    path = data.draw(st.sampled_from(list(places(forge.push()))))
    body = github.encoded(replaced(forge.push(), path, data.draw(json_values)))

    answer = portal.call(ask, app, "POST", f"/webhooks/{forge.provider}", forge.headers(body), Body([body]))

    assert answer.status in {200, 202, 400}
    assert bool(intake.requests) == (answer.status == 202)
