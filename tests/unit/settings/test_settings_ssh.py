"""Repositories over ssh: what they need, and what has no effect beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.settings.urls import canonical_repository
from tests.unit.settings.example import COMPLETE, changed

if TYPE_CHECKING:
    from tests.unit.settings.example import ConfigurationFile

URL = "git@git.example.com:net/gitops.git"
AUTH = {"ssh_key_file": "secrets/any", "known_hosts_file": "secrets/any"}
KNOWN = "repositories[0].auth.known_hosts_file: required for ssh: no host key is trusted because it is the first"
KEYS = "password_file, password_env, ssh_key_file, ssh_key_env"
NO_KEY = "has no effect over ssh: ssh_key_file or ssh_key_env is needed"


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_SECRET", "secret")


@pytest.mark.parametrize(
    ("url", "auth"),
    [
        (URL, AUTH),
        (URL, {"ssh_key_env": "ANY_SECRET", "known_hosts_file": "secrets/any"}),
        ("ssh://git@git.example.com:2222/net/gitops.git", AUTH),
        ("ssh://git.example.com/net/gitops.git", {**AUTH, "username": "deploy"}),
        ("git.example.com:net/gitops.git", {**AUTH, "username": "deploy"}),
    ],
)
def test_accepted(file: ConfigurationFile, url: str, auth: dict[str, Any]) -> None:
    """Both spellings, with a key from a file or a variable, and with a user beside the URL where it names none."""
    settings = file.load(changed(COMPLETE, ("repositories.0.url", url), ("repositories.0.auth", auth)))

    assert settings.repository("gitops").url == url


@pytest.mark.parametrize(
    ("auth", "findings"),
    [
        (None, ["repositories[0].auth: required for ssh: known_hosts_file, and ssh_key_file or ssh_key_env"]),
        ({"ssh_key_file": "secrets/any"}, [KNOWN]),
        (
            {"known_hosts_file": "secrets/any"},
            [f"repositories[0].auth: one of these keys is required: {KEYS}"],
        ),
        ({"password_file": "secrets/any"}, [KNOWN, f"repositories[0].auth.password_file: {NO_KEY}"]),
        (
            {**AUTH, "password_env": "ANY_SECRET"},
            [f"repositories[0].auth: only one of these keys may be given: {KEYS}"],
        ),
        ({**AUTH, "username": "git"}, ["repositories[0].auth.username: has no effect: url names the user"]),
        (
            {**AUTH, "known_hosts_file": "secrets/nothing"},
            ["repositories[0].auth.known_hosts_file: no such file or directory below {folder}"],
        ),
        ("key", ["repositories[0].auth: must be a mapping"]),
    ],
)
def test_refused_over_ssh(file: ConfigurationFile, auth: Any, findings: list[str]) -> None:
    """A key, and host keys to hold the host against, are asked for by their place; idle keys are refused."""
    document = changed(COMPLETE, ("repositories.0.url", URL), ("repositories.0.auth", auth))

    assert file.refusal(document) == [finding.replace("{folder}", str(file.folder)) for finding in findings]


def test_a_user_that_is_an_option(file: ConfigurationFile) -> None:
    """What ssh could take for an option is no user."""
    auth = {**AUTH, "username": "-oProxyCommand=x"}
    document = changed(COMPLETE, ("repositories.0.url", "ssh://h/net/x"), ("repositories.0.auth", auth))

    (finding,) = file.refusal(document)

    assert finding.startswith("repositories[0].auth.username: must name a user")


def test_an_unusable_url_is_all_that_is_said(file: ConfigurationFile) -> None:
    """What is wrong with the URL is not said of the user as well."""
    auth = {**AUTH, "username": "git"}
    document = changed(COMPLETE, ("repositories.0.url", "ssh://-oProxyCommand=x/y"), ("repositories.0.auth", auth))

    assert file.refusal(document) == ["repositories[0].url: must name a host for ssh"]


def test_refused_without_ssh(file: ConfigurationFile) -> None:
    """What only ssh uses is refused beside another URL, and authorities beside ssh."""
    assert file.refusal(changed(COMPLETE, ("repositories.0.auth", AUTH))) == [
        "repositories[0].auth.known_hosts_file: has no effect: url is not ssh",
        "repositories[0].auth.ssh_key_file: has no effect: url is not ssh",
    ]
    with_authority = changed(
        COMPLETE,
        ("repositories.0.url", URL),
        ("repositories.0.auth", AUTH),
        ("repositories.0.ca_file", "secrets/ca.pem"),
    )
    assert file.refusal(with_authority) == ["repositories[0].ca_file: has no effect over ssh"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (URL, "https://git.example.com/net/gitops", True),
        (URL, "ssh://somebody@GIT.example.com:22/net/gitops.git/", True),
        (URL, "https://git.example.com:8443/net/gitops", False),
        (URL, "ssh://git@git.example.com:2222/net/gitops", False),
        ("ssh://[2001:db8::1]/x", "https://[2001:db8::1]/x", True),
        ("ssh://h:2222/x", "ssh://git@h:2222/x.git", True),
        ("ssh://h:2222/x", "ssh://h:2223/x", False),
        ("ssh://-h/x", "ssh://-h/y", False),
    ],
)
def test_canonical_repository(one: str, other: str, *, expected: bool) -> None:
    """One repository by https and by ssh is one; what may be two is two."""
    assert (canonical_repository(one) == canonical_repository(other)) is expected


def test_an_installation_outlives_its_transport(file: ConfigurationFile) -> None:
    """Whoever changes from https to ssh shows the same folder of the same branch."""
    ssh = changed(COMPLETE, ("repositories.0.url", URL), ("repositories.0.auth", AUTH))
    found = [
        settings.fabrics[0].installation(settings.repositories[0]) for settings in (file.load(COMPLETE), file.load(ssh))
    ]

    assert found[0] == found[1]
