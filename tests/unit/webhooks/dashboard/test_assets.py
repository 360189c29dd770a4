"""Style, scripts and icon."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.webhooks.dashboard.conftest import Browser

STATIC = resources.files("webhooks.dashboard") / "static"


def _urls(browser: Browser) -> list[str]:
    return sorted(set(re.findall(r'"(/assets/[^"]+)"', browser.get("/").text)))


def test_assets(browser: Browser) -> None:
    """Whatever a page names is there, may be kept for ever, and is of a type that a browser believes."""
    found = {url.rpartition("/")[2]: browser.client.get(url) for url in _urls(browser)}

    assert {name: answer.headers["content-type"] for name, answer in found.items()} == {
        "dashboard.css": "text/css; charset=utf-8",
        "dashboard.js": "text/javascript; charset=utf-8",
        "htmx.min.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
        "idiomorph-ext.min.js": "text/javascript; charset=utf-8",
    }
    for answer in found.values():
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert hashlib.sha256(answer.content).hexdigest()[:16] in str(answer.url)


def test_not_modified(browser: Browser) -> None:
    """A browser that asks whether its copy still holds is told so without the copy."""
    url = _urls(browser)[0]
    tag = browser.client.get(url).headers["etag"]

    answer = browser.client.get(url, headers={"If-None-Match": tag})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/dashboard.css",
        "/assets/0000000000000000/dashboard.css",
        "/assets/../app.py",
        "/assets/..%2f..%2fapp.py",
        "/assets/%2Fetc%2Fpasswd",
        "/assets/VENDORED.md",
        "/static/dashboard.css",
    ],
)
def test_nothing_else_is_served(browser: Browser, path: str) -> None:
    """A path is looked up among the few that were read at the start; it never becomes the name of a file."""
    assert browser.client.get(path, headers={"Range": "bytes=" + "0-," * 10_000}).status_code == 404


def test_vendored_files_are_what_was_published() -> None:
    """The hashes that the tree notes are those of its files, and each has its licence beside it."""
    rows = re.findall(
        r"^\| `([^`]+)` .*\(`([^`]+)`\) \| `([0-9a-f]{64})` \|$", (STATIC / "VENDORED.md").read_text(), re.MULTILINE
    )

    assert {name for name, _, _ in rows} == {one.name for one in STATIC.iterdir() if one.name.endswith(".min.js")}
    for name, licence, digest in rows:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest
        assert "Zero-Clause BSD" in (STATIC / licence).read_text()
