"""Receivers of notifications: which keys go together, and where their URLs may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import ConfigurationError
from reconciler.settings import SecretSource, load
from reconciler.settings.notifications import UrlSource
from tests.unit.settings.example import CANARY, MINIMAL, changed

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.settings.known_secrets import KnownSecrets
    from tests.unit.settings.example import ConfigurationFile

HOOK = f"https://hooks.slack.com/services/T0/{CANARY}"


def _with(*entries: dict[str, Any]) -> dict[str, Any]:
    return changed(MINIMAL, ("notifications", list(entries)))


def _entry(kind: str = "webhook", **keys: Any) -> dict[str, Any]:
    return {"name": "people", "kind": kind, "url": "https://h/x", **keys}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (_entry(url=None), [": one of these keys is required: url, url_file, url_env"]),
        (_entry(url_file="secrets/url"), [": only one of these keys may be given: url, url_file, url_env"]),
        (_entry(url="http://h/x"), [".url: must be https (plain http to a loopback address only)"]),
        (_entry(url="https://h/x?token=1"), [".url: must not hold a query or a fragment"]),
        (_entry(url="https://me:pw@h/x"), [".url: must not hold a user or a password: they have keys of their own"]),
        (_entry("slack"), [".url: a Slack URL is a secret: use url_file or url_env"]),
        (_entry("slack", url=None, url_file="secrets/url", secret_file="secrets/any"), [".secret_file: has no effect"]),
        (_entry("slack", url=None, url_file="secrets/url", token_env="PATH"), [".token_env: has no effect for slack"]),
        (_entry("alertmanager", secret_file="secrets/any"), [".secret_file: has no effect for alertmanager"]),
        (_entry(secret_file="secrets/any", secret_env="PATH"), [": only one of these keys may be given: secret_file"]),
        (_entry(token_file="secrets/any", token_env="PATH"), [": only one of these keys may be given: token_file"]),
        (_entry(fabrics=["dc1", "dc9"]), [".fabrics[1]: no fabric has the name dc9"]),
        (_entry(tell=["error", "stale"]), [".tell[1]: must be 'error', 'out_of_sync', 'disabled' or 'recovery'"]),
        (_entry(after={"error": -1}), [".after.error: must be at least 0"]),
        (_entry(repeat=0.5), [".repeat: must be at least 1"]),
        (_entry(url=None, url_file="secrets/any"), [".url_file: must be a URL that begins with https://"]),
        (_entry(url=None, url_file="secrets/plain"), [".url_file: must be https (plain http to a loopback address"]),
        (_entry(url=None, url_file="secrets/fragment"), [".url_file: must be a URL, without spaces, control"]),
        (_entry(url=None, url_file="secrets/absent"), [".url_file: no such file or directory"]),
        (_entry(url=None, url_env="PATH"), [".url_env: must be a URL that begins with https://"]),
        (_entry(url=None, url_env="NOT_SET"), [".url_env: the environment variable is not set"]),
    ],
)
def test_refused(file: ConfigurationFile, entry: dict[str, Any], expected: list[str]) -> None:
    """What could not be sent, or has no effect, is refused by its key; no URL that may be a secret is quoted."""
    file.secret("url", HOOK.encode())
    file.secret("plain", f"http://hooks.example.com/{CANARY}".encode())
    file.secret("fragment", f"{HOOK}?key#{CANARY}".encode())

    findings = file.refusal(_with(entry))

    assert len(findings) == len(expected)
    for finding, text in zip(findings, expected, strict=True):
        assert finding.startswith(f"notifications[0]{text}")
        assert CANARY not in finding


def test_names_are_unique(file: ConfigurationFile) -> None:
    """Two receivers of one name would share what they were told."""
    assert file.refusal(_with(_entry(), _entry("alertmanager"))) == [
        "notifications[1].name: the same name as notifications[0]"
    ]


@pytest.mark.parametrize("url", [HOOK, f"{HOOK}?key={CANARY}", f"http://127.0.0.1:1/{CANARY}"])
@pytest.mark.parametrize("key", ["url_file", "url_env"])
def test_a_secret_url(file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch, key: str, url: str) -> None:
    """It is read anew each time, may hold a query, and is not in the settings."""
    file.secret("url", f"{url}\n".encode())
    monkeypatch.setenv("HOOK_URL", url)
    place = {"url_file": "secrets/url", "url_env": "HOOK_URL"}[key]
    settings = file.load(_with(_entry("slack", url=None, **{key: place})))
    address = settings.notifications[0].address

    assert address.read() == url
    assert CANARY not in repr(settings)
    file.secret("url", b"nonsense")
    monkeypatch.setenv("HOOK_URL", "nonsense")
    with pytest.raises(ConfigurationError, match="must be a URL that begins with https://"):
        address.read()


def test_parts_of_a_secret_url_are_hidden(tmp_path: Path, known: KnownSecrets) -> None:
    """Libraries tell of paths alone, and of URLs with a port; what stays is the host."""
    path = tmp_path / "url"
    path.write_text("https://hooks.example.com/services/T0?key=abcdefgh&x=1\n")
    UrlSource(None, SecretSource(path)).read()

    host = "https://hooks.example.com:443"
    assert known.hide(f"{host}/services/T0") == f"{host}***"
    assert known.hide(f"{host}/services/T0?key=abcdefgh&x=1") == f"{host}***"
    assert known.hide(f"{host}/?key=abcdefgh&x=1") == f"{host}/?***"


def test_short_parts_of_a_secret_url_are_not(tmp_path: Path, known: KnownSecrets) -> None:
    """A path that says nothing stands in many texts."""
    path = tmp_path / "url"
    path.write_text("https://am.example.com/hook?a=1234")
    UrlSource(None, SecretSource(path)).read()

    assert known.hide("/hook and a=1234, https://am.example.com/hook?a=1234") == "/hook and a=1234, ***"


def test_a_plain_url_and_repeats(file: ConfigurationFile) -> None:
    """Alerts are sent again without being asked for; the others only where it is configured."""
    entries = [_entry(), _entry("alertmanager", name="am"), _entry(name="often", repeat=60), {}]
    settings = file.load(_with(*entries[:3]))

    assert [one.repeat_after for one in settings.notifications] == [None, 60.0, 60]
    assert settings.notifications[0].address.read() == "https://h/x"


def test_offline(file: ConfigurationFile) -> None:
    """Where nothing is connected to, the file of a URL need not be there."""
    assert file.refusal(_with(_entry(url=None, url_file="secrets/absent")))
    assert load(file.path, is_offline=True).notifications[0].url is None
