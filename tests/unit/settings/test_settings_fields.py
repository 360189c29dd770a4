"""Names, paths, branches and URLs: tables of what may be and what may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.settings.fields import check_fabric_path
from reconciler.settings.urls import (
    canonical,
    check_https_or_loopback,
    check_repository_url,
    check_web_url,
    is_loopback,
    refused_scheme,
)
from tests.unit.settings.example import CANARY, COMPLETE, changed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.settings.example import ConfigurationFile

NAME_REASON = "must be 1 to 63 small letters, digits and -, with a letter or digit first and last"

# Paths of fabrics


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        ("dc1", "dc1"),
        ("gitops/hedgehog/dc1", "gitops/hedgehog/dc1"),
        ("gitops/hedgehog/dc1/", "gitops/hedgehog/dc1"),
        ("a b/ü.d", "a b/ü.d"),
        (".fabric/...", ".fabric/..."),
        ("git/github", "git/github"),
        ("a/b/c/d/e/f/g/h/i/j", "a/b/c/d/e/f/g/h/i/j"),
        ("x" * 255, "x" * 255),
    ],
)
def test_accepts_a_path(path: str, accepted: str) -> None:
    """A path below the root is accepted, without its closing slash."""
    assert check_fabric_path(path) == accepted


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "not its root"),
        ("/", "not its root"),
        ("///", "not its root"),
        (" ", "not its root"),
        ("/etc", "relative"),
        ("//dc1", "relative"),
        (".", "empty parts"),
        ("..", "empty parts"),
        ("./dc1", "empty parts"),
        ("a/../b", "empty parts"),
        ("a/..", "empty parts"),
        ("a//b", "empty parts"),
        ("a//", "empty parts"),
        ("a\\b", "backslashes"),
        ("a\nb", "control characters"),
        ("a\x00", "control characters"),
        ("a\u200bb", "control characters"),
        ("a\u202eb", "control characters"),
        ("a /b", "space"),
        (" a", "space"),
        (".git", "reserved"),
        (".git/hooks", "reserved"),
        ("a/.GIT", "reserved"),
        ("a/.git.", "reserved"),
        (".github/workflows", "reserved"),
        ("a/node_modules/b", "reserved"),
        ("a/.hnp", "reserved"),
        ("x" * 256, "255 characters"),
        ("a/b/c/d/e/f/g/h/i/j/k", "10 levels"),
    ],
)
def test_refuses_a_path(path: str, reason: str) -> None:
    """A path that leaves the repository, is its root, or belongs to something else is refused."""
    with pytest.raises(ValueError, match=reason):
        check_fabric_path(path)


@given(path=st.text(st.sampled_from("ab./\\ \n.git"), max_size=20))
def test_accepted_paths_are_safe(path: str) -> None:
    """Whatever is accepted is relative, has no empty, dot or padded part, and is accepted again as it is."""
    try:
        accepted = check_fabric_path(path)
    except ValueError:
        return
    parts = accepted.split("/")
    assert not {"", ".", "..", ".git"} & set(parts)
    assert all(part == part.strip() for part in parts)
    assert check_fabric_path(accepted) == accepted


# Names


@pytest.mark.parametrize(
    "name",
    ["", "A", "dc_1", "-dc1", "dc1-", "dc.1", "dc1\n", "x" * 64, "é"],
    ids=repr,
)
@pytest.mark.parametrize("key", ["fabrics.0.name", "fabrics.0.cluster.namespace"])
def test_refuses_a_fabric_name(file: ConfigurationFile, key: str, name: str) -> None:
    """Names that are labels elsewhere (Kubernetes, keys in NetBox) are refused where they are none."""
    assert f"{key.replace('.0', '[0]')}: {NAME_REASON}" in file.refusal(changed(COMPLETE, (key, name)))


@pytest.mark.parametrize("name", ["a", "0", "dc1", "a-b", "x" * 63])
def test_accepts_a_fabric_name(file: ConfigurationFile, name: str) -> None:
    """Lower-case letters, digits and inner dashes, up to 63."""
    settings = file.load(changed(COMPLETE, ("fabrics.0.name", name), ("fabrics.0.cluster.namespace", name)))

    assert settings.fabric_values()[0].name == name


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a b", "a\n"], ids=repr)
def test_refuses_a_repository_name(file: ConfigurationFile, name: str) -> None:
    """A repository's name is one word."""
    findings = file.refusal(changed(COMPLETE, ("repositories.0.name", name)))

    assert any(finding.startswith("repositories[0].name: must be 1 to 63 letters") for finding in findings)


@pytest.mark.parametrize("site", ["", "a b", "é", "x" * 101, "a\n"], ids=repr)
def test_refuses_a_site(file: ConfigurationFile, site: str) -> None:
    """A site is a slug of NetBox."""
    findings = file.refusal(changed(COMPLETE, ("fabrics.0.netbox.site", site)))

    assert findings == ["fabrics[0].netbox.site: must be 1 to 100 letters, digits and any of _ -"]


@pytest.mark.parametrize("branch", ["main", "release/1.x", "feature/a_b-c", "_x", "v1.0"])
def test_accepts_a_branch(file: ConfigurationFile, branch: str) -> None:
    """Usual names of branches."""
    assert file.load(changed(COMPLETE, ("repositories.0.branch", branch))).fabric_values()[0].branch == branch


@pytest.mark.parametrize(
    ("branch", "reason"),
    [
        ("", "letters, digits"),
        ("--upload-pack=x", "letters, digits"),
        ("-x", "letters, digits"),
        ("a..b", "letters, digits"),
        ("a//b", "letters, digits"),
        ("/a", "letters, digits"),
        ("a/", "letters, digits"),
        ("a/.b", "letters, digits"),
        ("a b", "letters, digits"),
        ("a@{1}", "letters, digits"),
        ("a~1", "letters, digits"),
        ("a\n", "letters, digits"),
        ("HEAD", "letters, digits"),
        ("a.lock", "no part may end"),
        ("a./b", "no part may end"),
        ("refs/heads/main", "without refs/heads/"),
    ],
)
def test_refuses_a_branch(file: ConfigurationFile, branch: str, reason: str) -> None:
    """What Git would take for an option, an expression or no name at all is refused."""
    (finding,) = file.refusal(changed(COMPLETE, ("repositories.0.branch", branch)))

    assert finding.startswith("repositories[0].branch: must be the name of a branch")
    assert reason in finding


# URLs

BAD_URLS = [
    (f"https://bot:{CANARY}@h/x", "user or a password"),
    (f"https://{CANARY}@h/x", "user or a password"),
    (f"https://h/x?token={CANARY}", "query"),
    (f"https://h/x#{CANARY}", "query"),
    (f"https://h:{CANARY}/x", "must be a URL"),
    (f"https://[{CANARY}/x", "must be a URL"),
    ("https://h:0/x", "must name a host"),
    ("https://h:99999/x", "must be a URL"),
    ("https:///x", "must name a host"),
    ("https://h/ x", "spaces"),
    ("https://h/x\n", "control characters"),
    (f"ftp://h/{CANARY}", "begins with https"),
    (f"{CANARY}/x", "begins with https"),
    ("", "begins with https"),
]


@pytest.mark.parametrize("check", [check_web_url, check_https_or_loopback, check_repository_url])
@pytest.mark.parametrize(("url", "reason"), BAD_URLS)
def test_refuses_a_url(check: Callable[[str], str], url: str, reason: str) -> None:
    """What is no URL, or holds what has a key of its own, is refused and not quoted."""
    with pytest.raises(ValueError, match=reason) as refused:
        check(url)

    assert CANARY not in str(refused.value)


def test_closing_slash() -> None:
    """A closing slash is dropped where paths will be added."""
    assert check_web_url("http://netbox.example.com/base/") == "http://netbox.example.com/base"
    assert check_https_or_loopback("https://h:6443/") == "https://h:6443"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001", "http://localhost", "http://[::1]:1", "https://h"])
def test_safe_url(url: str) -> None:
    """Https anywhere, plain http on this machine only."""
    assert check_https_or_loopback(url) == url
    with pytest.raises(ValueError, match="must be https"):
        check_https_or_loopback("http://h")


@pytest.mark.parametrize(
    ("url", "local", "reason"),
    [
        ("https://h/x", False, None),
        ("https://h/x", True, None),
        ("http://127.0.0.1:3000/x", True, None),
        ("http://localhost/x", True, None),
        ("file:///srv/x", True, None),
        ("http://127.0.0.1:3000/x", False, "allow_local"),
        ("file:///srv/x", False, "allow_local"),
        ("http://h/x", False, "must be https"),
        ("http://h/x", True, "must be https"),
        ("http://127.0.0.1.example.com/x", True, "must be https"),
        ("http://[x/y", True, "must be https"),
        ("git@h:x", False, None),
        ("nonsense", False, None),
    ],
)
def test_refused_scheme(url: str, reason: str | None, *, local: bool) -> None:
    """A machine's own repositories need `allow_local`; plain http leaves it under no circumstances."""
    actual = refused_scheme(url, allow_local=local)

    assert (actual is None) if reason is None else (actual is not None and reason in actual)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://h", "must name a repository"),
        ("https://h/", "must name a repository"),
        ("file://h/x", "must be file:///PATH"),
        ("file:///", "must name a repository"),
        ("git://h/x", "begins with https:// or ssh://"),
        ("git+ssh://git@h/x", "must be ssh://"),
        (f"ssh://bot:{CANARY}@h/x", "no password"),
        ("https:/h/x", "must be a URL"),
    ],
)
def test_refuses_a_repository_url(url: str, reason: str) -> None:
    """A repository's URL names a repository."""
    with pytest.raises(ValueError, match=reason):
        check_repository_url(url)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.9.10", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("h", False)],  # noqa: S104 - a case
)
def test_is_loopback(host: str, *, expected: bool) -> None:
    """Addresses of this machine, and the one name that always means it."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("https://h/x", "https://H:443/x/", True),
        ("https://h/x", "https://h/x.git", True),
        ("http://h", "http://h:80/", True),
        ("https://h/x", "https://h/X", False),
        ("https://h/x", "https://h:8443/x", False),
        ("https://h/x", "http://h/x", False),
        ("https://[h/x", "https://[h/y", False),
    ],
)
def test_canonical(one: str, other: str, *, expected: bool) -> None:
    """Two ways to write one address are equal, two addresses are not."""
    assert (canonical(one) == canonical(other)) is expected


# State


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ("sqlite:///state/reconciler.db", "{folder}/state/reconciler.db"),
        ("sqlite:///x.db", "{folder}/x.db"),
        ("sqlite:////var/lib/x.db", "/var/lib/x.db"),
    ],
)
def test_state_path(file: ConfigurationFile, state: str, path: str) -> None:
    """The path of the state file begins at the configuration file's folder, unless it is absolute."""
    settings = file.load(changed(COMPLETE, ("state", state)))

    assert str(settings.state_path) == path.format(folder=file.folder)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://x.db",
        "sqlite:///x?mode=ro",
        "x.db",
        "mysql://h/x",
    ],
)
def test_refuses_a_state(file: ConfigurationFile, state: str) -> None:
    """What is not a file would be forgotten at the end of the process."""
    assert file.refusal(changed(COMPLETE, ("state", state))) == ["state: must be sqlite:///PATH"]
