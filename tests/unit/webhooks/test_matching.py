"""Which repositories a delivery speaks of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.requests import Delivery, Receiver
from webhooks.matching import matching, normalise

SAME = [
    "https://git.example.com/net/GitOps.git",
    "https://git.example.com/net/GitOps",
    "https://git.example.com/net/GitOps/",
    "https://git.example.com/net/GitOps.git/",
    "https://git.example.com:443/net/GitOps.git",
    "https://bot:token@git.example.com/net/GitOps.git",
    "HTTPS://Git.Example.COM/net/GitOps.git",
    "https://git.example.com./net/GitOps.git",
    "https://git.example.com/net/%47itOps.git",
    "http://git.example.com/net/GitOps.git",
    "http://git.example.com:80/net/GitOps",
    "git://git.example.com/net/GitOps.git",
    "git://git.example.com:9418/net/GitOps.git",
    "ssh://git@git.example.com/net/GitOps.git",
    "ssh://git@git.example.com:22/net/GitOps.git",
    "ssh://git@git.example.com:2222/net/GitOps.git",
    "git@git.example.com:net/GitOps.git",
    "git@git.example.com:/net/GitOps.git",
    "git.example.com:net/GitOps",
    "git@GIT.example.com:net/GitOps",
]


def receiver(url: str, repository: str = "gitops") -> Receiver:
    return Receiver("github", repository, url, b"secret")


def delivery(*urls: str) -> Delivery:
    return Delivery("github", "id", "push", urls=urls)


@pytest.mark.parametrize("url", SAME)
def test_spellings_of_one_address(url: str) -> None:
    """All spellings of one repository's address are the same address."""
    assert normalise(url) == "git.example.com/net/GitOps"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://git.example.com/net/gitops", "git.example.com/net/gitops", id="path in another case"),
        pytest.param("https://git.example.com:8443/net/x", "git.example.com:8443/net/x", id="another port"),
        pytest.param("http://git.example.com:443/net/x", "git.example.com:443/net/x", id="a port of another scheme"),
        pytest.param("ssh://git@ssh.github.com:443/net/x.git", "github.com/net/x", id="GitHub's ssh on 443"),
        pytest.param("ssh://git@altssh.gitlab.com:443/net/x.git", "gitlab.com/net/x", id="GitLab's ssh on 443"),
        pytest.param("https://git.example.com:0/net/x", "git.example.com:0/net/x", id="port zero"),
        pytest.param("https://[2001:DB8::1]:8443/net/x", "2001:db8::1:8443/net/x", id="IPv6"),
        pytest.param("git@[2001:db8::1]:net/x", "2001:db8::1/net/x", id="IPv6 for scp"),
        pytest.param("file:///srv/git/gitops.git", "/srv/git/gitops", id="file"),
        pytest.param("file://localhost/srv/git/gitops.git", "/srv/git/gitops", id="file on localhost"),
        pytest.param("file:///srv/git/gitops/.git", "/srv/git/gitops", id="directory of a working tree"),
        pytest.param("/srv/git/gitops.git", "/srv/git/gitops", id="local path"),
        pytest.param("https://git.example.com/net/.github", "git.example.com/net/.github", id="a name with a dot"),
    ],
)
def test_address(url: str, expected: str) -> None:
    """What makes a difference is kept."""
    assert normalise(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "boom",
        "net/gitops",
        "https://",
        "https://git.example.com",
        "https://git.example.com/",
        "https://git.example.com/.git",
        "https:///net/gitops",
        "https://git.example.com:port/net/gitops",
        "https://git.example.com:99999/net/gitops",
        "https://[::1/net/gitops",
        "file://elsewhere/srv/git/gitops.git",
        "//git.example.com/net/gitops",
        "mailto:",
    ],
)
def test_no_address(url: str) -> None:
    """What is no address of a repository matches nothing, itself included."""
    assert normalise(url) is None
    assert matching(delivery(url), [receiver(url)]) == ()


@pytest.mark.parametrize("configured", SAME)
def test_any_spelling_matches(configured: str) -> None:
    """A repository is found under each spelling of its address, whichever the configuration uses."""
    assert matching(delivery("https://git.example.com/net/GitOps.git"), [receiver(configured)]) == ("gitops",)


@pytest.mark.parametrize(
    "configured",
    [
        "https://git.example.com/net/gitops.git",
        "https://git.example.com/net/GitOps2.git",
        "https://git.example.com/GitOps.git",
        "https://example.com/net/GitOps.git",
        "https://git.example.com:8443/net/GitOps.git",
        "https://git.example.com/net/GitOps.git.git",
        "file:///net/GitOps.git",
    ],
)
def test_other_repositories_do_not_match(configured: str) -> None:
    """A repository with another host, port or path is another one."""
    assert matching(delivery("https://git.example.com/net/GitOps.git"), [receiver(configured)]) == ()


def test_only_given_receivers_match() -> None:
    """A delivery reaches nobody but the receivers that its secret verified."""
    assert matching(delivery("https://git.example.com/a"), []) == ()


def test_names_once_in_order() -> None:
    """Every repository is named once, in the order of the configuration."""
    receivers = [
        receiver("https://git.example.com/b", "second"),
        receiver("https://git.example.com/c", "other"),
        receiver("git@git.example.com:a", "first"),
        receiver("https://git.example.com/a", "second"),
    ]

    found = matching(delivery("https://git.example.com/a", "git@git.example.com:b"), receivers)

    assert found == ("second", "first")


@given(st.text(max_size=60) | st.from_regex(r"[a-z]{0,5}:?/{0,3}[a-z@:\[\].]{0,20}/?[a-z.%/]{0,20}", fullmatch=True))
def test_any_text_is_an_address_or_none(text: str) -> None:
    """Whatever the text is, nothing is raised; and an address is never without a path."""
    address = normalise(text)

    assert address is None or address.partition("/")[2]
