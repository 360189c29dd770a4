"""Which project of a forge a repository is."""

from __future__ import annotations

import pytest

from reconciler.plan.forge_project import check_api, project_of

GITHUB, GHES = "https://api.github.com", "https://git.example.com/api/v3"
GITLAB, GITEA = "https://git.example.com/api/v4", "https://git.example.com/api/v1"
BELOW = "https://example.com/git/api"


@pytest.mark.parametrize(
    ("kind", "api_url", "url", "expected"),
    [
        ("github", GITHUB, "https://github.com/net/gitops.git", "net/gitops"),
        ("github", GITHUB, "https://github.com/net/gitops/", "net/gitops"),
        ("github", GHES, "git@git.example.com:net/gitops.git", "net/gitops"),
        ("github", GHES, "git.example.com:/net/gitops", "net/gitops"),
        ("github", GHES, "git@[::1]:net/gitops", "net/gitops"),
        ("gitlab", GITLAB, "https://git.example.com/a/b/c/gitops.git", "a/b/c/gitops"),
        ("gitlab", GITLAB, "ssh://git@git.example.com:2222/a/b/gitops.git", "a/b/gitops"),
        ("gitlab", f"{BELOW}/v4", "https://example.com/git/a/b/gitops.git", "a/b/gitops"),
        ("gitlab", f"{BELOW}/v4", "ssh://git@example.com/a/b/gitops.git", "a/b/gitops"),
        ("gitea", GITEA, "https://git.example.com/net/git%2Dops.git", "net/git-ops"),
        ("gitea", f"{BELOW}/v1", "https://example.com/git/net/gitops.git", "net/gitops"),
        ("gitea", f"{BELOW}/v1/", "https://git.example.com/net/gitops.git", "net/gitops"),
    ],
)
def test_project(kind: str, api_url: str, url: str, expected: str) -> None:
    """It is what the repository's address ends in, without what a forge below a path has in front of it."""
    assert project_of(kind, api_url, url) == expected


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("github", "https://github.com/gitops.git"),
        ("github", "https://github.com/a/b/gitops.git"),
        ("gitea", "https://git.example.com/git/net/gitops.git"),
        ("gitlab", "https://git.example.com/gitops"),
        ("gitlab", "https://git.example.com/a/../gitops"),
        ("gitlab", "https://git.example.com/a/%2e%2e/gitops"),
        ("gitlab", "https://git.example.com/a/b%3Fc"),
        ("github", "file:///net/gitops.git"),
        ("github", "git@host"),
    ],
)
def test_no_project(kind: str, url: str) -> None:
    """What tells no owner and name, or could mean another path of the API, is refused without being quoted."""
    with pytest.raises(ValueError, match="repository") as refusal:
        project_of(kind, "https://git.example.com/api", url)

    assert "gitops" not in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "api_url", "is_one"),
    [
        ("github", GITHUB, True),
        ("github", f"{GITHUB}/", True),
        ("github", GHES, True),
        ("github", "https://git.example.com/api/v4", False),
        ("gitlab", GITLAB, True),
        ("gitlab", "https://git.example.com", False),
        ("gitea", f"{BELOW}/v1/", True),
        ("gitea", "https://git.example.com/api", False),
    ],
)
def test_address_of_an_api(kind: str, api_url: str, *, is_one: bool) -> None:
    """A forge's own address, or another forge's API, is noticed before anything is sent there."""
    if is_one:
        check_api(kind, api_url)
        return
    with pytest.raises(ValueError, match="must be the address of the API"):
        check_api(kind, api_url)
