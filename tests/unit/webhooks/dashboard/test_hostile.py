"""Names and messages come from Git and from clusters: whoever writes there must not write our pages."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.webhooks.dashboard import samples

if TYPE_CHECKING:
    from tests.unit.webhooks.dashboard.conftest import Browser
    from webhooks.testing import FakePlans, FakeStatus

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</td></table><form action=https://evil.example.com>",
    "\u202etxt.exe\u2066\u200f",
    "\x00\x1b[31m\x7f",
    "\ud800 lone",
    "../../login?next=//evil.example.com",
    "x" * 100_000,
    "ü 名前 🦔",
]
_MEANT = {
    *("sync_status", "state", "status", "outcome", "severity", "since", "last_ok", "last_sync", "next_poll", "started"),
    *("finished", "last_received", "last_verified", "silent_since", "last_transition_time", "last_heartbeat", "type"),
    *("last_applied", "hash", "plan_hash", "action"),
}
"""Fields that hold words and times of our own."""

_OURS = ("/assets/", "/fabrics", "/login", "/logout", "/healthz", "/metrics", "/openapi.json", "#")


class Page(HTMLParser):
    """The elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def poisoned(found: Any, poison: str) -> Any:
    """The same JSON, with poison for all text that strangers choose."""
    if isinstance(found, dict):
        return {
            key: one if key in _MEANT and isinstance(one, str) else poisoned(one, poison) for key, one in found.items()
        }
    if isinstance(found, list):
        return [poisoned(one, poison) for one in found]
    return poison if isinstance(found, str) else found


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def poison(request: pytest.FixtureRequest, status: FakeStatus, plans: FakePlans) -> str:
    text: str = request.param
    fabric = poisoned(samples.fabric(), text)
    fabric["kinds"] = {text: samples.fabric()["kinds"]["VPC"]}
    status.views["dc1"] = fabric
    status.objects["dc1"] = poisoned(samples.resources(), text)
    status.histories["dc1"] = [poisoned(samples.done(), text) | {"id": "p1"}]
    for node in status.wirings["dc1"]["nodes"]:
        node["description"] = text
    status.wirings["dc1"]["links"][0]["connection"] = text
    plans.views["dc1"] = poisoned(samples.plan(), text)
    return text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/fabrics/dc1",
        "/fabrics/dc1/resources",
        "/fabrics/dc1/plan?look=now",
        "/fabrics/dc1/topology",
        "/fabrics/dc1/passes",
        "/fabrics/dc1/passes/p1",
    ],
)
def test_hostile_text(member: Browser, poison: str, path: str) -> None:
    """It is shown as text: no element, attribute, link or direction of writing comes from it."""
    clean_elements = {tag for tag, _ in Page(member.get("/login").text).elements}
    answer = member.get(path)

    assert answer.status_code == 200
    assert len(answer.content) < 3_000_000
    assert not set("\u202e\u2066\u200f\x00\x1b\x7f\ud800") & set(answer.text)
    _require_harmless(answer.text)
    assert "img" in clean_elements
    if poison.startswith("<script"):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text


def _require_harmless(text: str) -> None:
    page = Page(text)
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert all((one["src"] or "").startswith("/assets/") for one in scripts)
    assert len(scripts) == 3
    for tag, attributes in page.elements:
        assert tag not in {"iframe", "object", "embed", "base", "style", "template"}
        assert not [name for name in attributes if name.startswith(("on", "style", "hx-on", "srcdoc"))], attributes
        for name in ("href", "src", "action", "hx-get"):
            url = attributes.get(name)
            assert url is None or url == "/" or url.startswith(_OURS), url
            assert url is None or not set(url) & set("\"'<> \\"), url


@pytest.mark.parametrize("poison", HOSTILE[:-2])
def test_hostile_queries(member: Browser, poison: str) -> None:
    """What a stranger writes into a link to us is shown as text too."""
    for path in ("/fabrics/dc1/resources", "/fabrics/dc1", "/login", "/nonesuch"):
        answer = member.client.get(
            path,
            params={
                "q": poison.encode("utf-8", "replace"),
                "kind": "<b>",
                "state": "<i>",
                "next": "<u>",
                "done": "<s>",
            },
            headers={"Accept": "text/html"},
        )

        assert answer.status_code in {200, 404}
        _require_harmless(answer.text)


def test_hostile_paths(member: Browser) -> None:
    """A name in a path that nobody has is text in the page that says so."""
    answer = member.get("/fabrics/%3Cscript%3Ealert(1)%3C%2Fscript%3E%E2%80%AE")

    assert answer.status_code == 404
    assert "\u202e" not in answer.text
    _require_harmless(answer.text)


def test_links_lead_to_the_object(member: Browser, status: FakeStatus) -> None:
    """A name that needs quoting is found again by its own link."""
    name = "a/b?c#d é&"
    status.objects["dc1"] = [samples.resource(name)]
    links = [one["href"] or "" for tag, one in Page(member.get("/fabrics/dc1/resources").text).elements if tag == "a"]
    (link,) = [one for one in links if one.startswith("/fabrics/dc1/resources/VPC/")]

    assert member.get(link).status_code == 200
