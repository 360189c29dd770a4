"""What is secret in a kubeconfig is hidden, however it is written."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.settings.kubeconfig import note_credentials, secret_files

if TYPE_CHECKING:
    from reconciler.settings.known_secrets import KnownSecrets

LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
PEM = f"-----BEGIN PRIVATE KEY-----\n{LINE}\n{LINE[::-1]}\n-----END PRIVATE KEY-----\n"
KEY = base64.b64encode(PEM.encode()).decode()

YAML = f"""
clusters: [{{name: one, cluster: {{server: "https://k8s.example.com"}}}}]
users:
- name: people
  user:
    password: "correct horse battery"
    token: |
      token-of-many-lines
    client-key-data: >-
      {KEY}
- name: provider
  user:
    auth-provider: {{name: oidc, config: {{id-token: "an id, a token", client-secret: 'the one''s secret'}}}}
- name: nothing
  user: {{token: 12345678, password: "", client-certificate-data: certificate}}
- nonsense
"""


@pytest.mark.parametrize(
    "secret",
    ["correct horse battery", "token-of-many-lines", KEY, LINE, LINE[::-1], "an id, a token", "the one's secret"],
)
def test_hidden(known: KnownSecrets, secret: str) -> None:
    """Each credential as a whole; of a key also its lines, which are what a library may quote."""
    note_credentials(YAML.encode())

    assert known.hide(f"is {secret}.") == "is ***."


def test_the_rest_stays(known: KnownSecrets) -> None:
    note_credentials(YAML.encode())

    text = "https://k8s.example.com, people, horse, certificate, oidc, -----BEGIN PRIVATE KEY-----"
    assert known.hide(text) == text


def test_json(known: KnownSecrets) -> None:
    """It is YAML as well."""
    note_credentials(json.dumps({"users": [{"user": {"token": 'a "quoted" token'}}]}).encode())

    assert known.hide('a "quoted" token') == "***"


@pytest.mark.parametrize("config", [[], None, {"users": {}}, {"users": [{"user": ["token"]}]}, {"users": [None]}])
def test_other_shapes(known: KnownSecrets, config: Any) -> None:
    """What no program would take is no reason to fail here."""
    note_credentials(json.dumps(config).encode())

    assert known.hide("token") == "token"


def test_a_key_that_is_no_base64(known: KnownSecrets) -> None:
    note_credentials(b"users: [{user: {client-key-data: abcdefghi}}, {user: {client-key-data: '????'}}]")

    assert known.hide("abcdefghi") == "***"


@pytest.mark.parametrize("broken", ["\t- [", "\n--- second\n", "\nx: !!python/name:os.system\n", "\ny: \x00"])
def test_what_is_no_yaml(known: KnownSecrets, broken: str) -> None:
    """Whoever uses the file says what is wrong with it, and must not quote the secret."""
    note_credentials(f"users:\n- user:\n    token: token-77-of-it\n{broken}".encode())

    assert known.hide("token-77-of-it") == "***"


def _with_users(**changes: Any) -> bytes:
    """Context `one` is of the user with files, `two` of one that holds all itself."""
    config = {
        "current-context": "one",
        "contexts": [{"name": name, "context": {"user": name}} for name in ("one", "two")],
        "users": [
            {
                "name": "one",
                "user": {"client-key": "one.key", "tokenFile": "/run/token", "client-certificate": "a"},
            },
            {"name": "two", "user": {"client-key": "old.key", "client-key-data": KEY, "token": "12345678"}},
        ],
        **changes,
    }
    return json.dumps(config).encode()


@pytest.mark.parametrize(
    ("kubeconfig", "context", "files"),
    [
        (_with_users(), None, ("one.key", "/run/token")),
        (_with_users(), "one", ("one.key", "/run/token")),
        (_with_users(), "two", ()),
        (_with_users(), "three", ()),
        (_with_users(**{"current-context": None}), None, ()),
        (_with_users(contexts=[None, {"name": "one", "context": "one"}]), None, ()),
        (_with_users(users={"one": 1}), None, ()),
        (_with_users(users=[{"name": "one", "user": {"client-key": 5, "tokenFile": ""}}]), None, ()),
        (
            _with_users(users=[{"name": "one", "user": {"client-key": "-----BEGIN\nkey", "tokenFile": "t"}}]),
            None,
            ("t",),
        ),
        (b"[]", None, ()),
        (b"users: [", None, ()),
        (b"\xff", "one", ()),
    ],
)
def test_files_with_secrets(kubeconfig: bytes, context: str | None, files: tuple[str, ...]) -> None:
    """Those of the context's user, where it does not hold the same itself; what no client would take names none."""
    assert secret_files(kubeconfig, context) == files
