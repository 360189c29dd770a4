"""Keys that depend on each other: choices, clashes, references, and what this version does not do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.settings.places import find
from reconciler.settings.unsupported import UNSUPPORTED
from tests.unit.settings.example import CANARY, COMPLETE, MINIMAL, changed

if TYPE_CHECKING:
    from tests.unit.settings.example import ConfigurationFile

REPOSITORY = "repositories.0"
FABRIC = "fabrics.0"
ABSENT = "postgresql:// is not supported in this version: use sqlite:///PATH"
TOKEN = {"token_file": "secrets/any"}
SERVER = {"server": "https://h:6443", **TOKEN}
SSH = {"ssh_key_file": "secrets/any", "known_hosts_file": "secrets/any"}
NETBOX = {"url": "https://netbox.example.com", **TOKEN}


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_SECRET", "secret")


# Choices


def one_of(*keys: str) -> str:
    return f"one of these keys is required: {', '.join(keys)}"


def only_one(*keys: str) -> str:
    return f"only one of these keys may be given: {', '.join(keys)}"


CLUSTER_KEYS = ("kubeconfig", "in_cluster", "server", "local")
PASSWORD_KEYS = ("password_file", "password_env", "ssh_key_file", "ssh_key_env")


@pytest.mark.parametrize(
    ("key", "value", "findings"),
    [
        (
            "server",
            {"api_token_file": "secrets/any", "api_token_env": "ANY_SECRET"},
            [f"server: {only_one('api_token_file', 'api_token_env')}"],
        ),
        ("server", {"protect_reads": True}, ["server.protect_reads: needs api_token_file or api_token_env"]),
        ("server", {"protect_reads": True, "api_token_env": "ANY_SECRET"}, []),
        (f"{REPOSITORY}.auth", {}, [f"repositories[0].auth: {one_of(*PASSWORD_KEYS)}"]),
        (f"{REPOSITORY}.auth", {"username": "x"}, [f"repositories[0].auth: {one_of(*PASSWORD_KEYS)}"]),
        (
            f"{REPOSITORY}.auth",
            {"password_file": "secrets/any", "password_env": "ANY_SECRET"},
            [f"repositories[0].auth: {only_one(*PASSWORD_KEYS)}"],
        ),
        (f"{REPOSITORY}.auth", {"password_env": "ANY_SECRET"}, []),
        (f"{REPOSITORY}.webhook", {}, [f"repositories[0].webhook: {one_of('secret_file', 'secret_env')}"]),
        (
            f"{REPOSITORY}.webhook",
            {"secret_file": "secrets/any", "secret_env": "ANY_SECRET"},
            [f"repositories[0].webhook: {only_one('secret_file', 'secret_env')}"],
        ),
        (f"{FABRIC}.cluster", {}, [f"fabrics[0].cluster: {one_of(*CLUSTER_KEYS)}"]),
        (
            f"{FABRIC}.cluster",
            {"in_cluster": False, "kubeconfig": None},
            [f"fabrics[0].cluster: {one_of(*CLUSTER_KEYS)}"],
        ),
        (f"{FABRIC}.cluster", {"in_cluster": True, "local": True}, [f"fabrics[0].cluster: {only_one(*CLUSTER_KEYS)}"]),
        (
            f"{FABRIC}.cluster",
            {"kubeconfig": "secrets/any", **SERVER},
            [f"fabrics[0].cluster: {only_one(*CLUSTER_KEYS)}"],
        ),
        (f"{FABRIC}.cluster", {"kubeconfig": "secrets/any", "context": "a"}, []),
        (
            f"{FABRIC}.cluster",
            {"in_cluster": True, "context": "a"},
            ["fabrics[0].cluster.context: has no effect without kubeconfig"],
        ),
        (
            f"{FABRIC}.cluster",
            {"local": True, **TOKEN, "ca_file": "secrets/ca.pem"},
            [
                "fabrics[0].cluster.ca_file: has no effect without server",
                "fabrics[0].cluster.token_file: has no effect without server",
            ],
        ),
        (f"{FABRIC}.cluster", {"server": "https://h"}, [f"fabrics[0].cluster: {one_of('token_file', 'token_env')}"]),
        (
            f"{FABRIC}.cluster",
            {**SERVER, "token_env": "ANY_SECRET"},
            [f"fabrics[0].cluster: {only_one('token_file', 'token_env')}"],
        ),
        (f"{FABRIC}.cluster", {**SERVER, "ca_file": "secrets/ca.pem"}, []),
        (f"{FABRIC}.cluster", {"in_cluster": True}, []),
        (f"{FABRIC}.netbox", {}, [f"fabrics[0].netbox: {one_of('url', 'local')}"]),
        (f"{FABRIC}.netbox", {"local": True, **NETBOX}, [f"fabrics[0].netbox: {only_one('url', 'local')}"]),
        (f"{FABRIC}.netbox", {"local": True, **TOKEN}, ["fabrics[0].netbox.token_file: has no effect without url"]),
        (
            f"{FABRIC}.netbox",
            {"local": True, "webhook_secret_file": "secrets/any"},
            ["fabrics[0].netbox.webhook_secret_file: has no effect without url"],
        ),
        (f"{FABRIC}.netbox", {"url": "https://h"}, [f"fabrics[0].netbox: {one_of('token_file', 'token_env')}"]),
        (f"{FABRIC}.netbox", {"url": "https://h", "token_env": "ANY_SECRET"}, []),
    ],
)
def test_choices(file: ConfigurationFile, key: str, value: Any, findings: list[str]) -> None:
    """Keys that exclude or need each other are refused together, at the mapping or at the idle key."""
    document = changed(COMPLETE, (key, value))

    assert (file.refusal(document) if findings else list(file.load(document).warnings)) == findings


@pytest.mark.parametrize(
    ("url", "local", "finding"),
    [
        ("file:///srv/gitops", True, None),
        ("http://127.0.0.1:3000/gitops", True, None),
        ("file:///srv/gitops", False, "is on this machine: only accepted with allow_local: true"),
        ("http://localhost/gitops", False, "is on this machine: only accepted with allow_local: true"),
        ("http://git.example.com/x", True, "must be https: credentials and content would travel in the clear"),
        (f"https://bot:{CANARY}@h/x", True, "must not hold a user or a password: they have keys of their own"),
    ],
)
def test_repository_url(file: ConfigurationFile, url: str, finding: str | None, *, local: bool) -> None:
    """Which URLs a repository may have, by `allow_local`."""
    document = changed(MINIMAL, (f"{REPOSITORY}.url", url), (f"{REPOSITORY}.allow_local", local))

    if finding is None:
        assert file.load(document).repository("gitops").url == url
    else:
        assert file.refusal(document) == [f"repositories[0].url: {finding}"]


# Clashes


def fabrics(*entries: dict[str, Any], repositories: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A document with these fabrics, each in a folder of its own unless it says otherwise."""
    own = [{"name": f"dc{n}", "repository": "gitops", "path": f"dc{n}", **entry} for n, entry in enumerate(entries)]
    return {"repositories": [*MINIMAL["repositories"], *repositories], "fabrics": own}


@pytest.mark.parametrize(
    ("document", "findings"),
    [
        pytest.param(
            fabrics({"name": "a"}, {"name": "b"}, {"name": "a"}),
            ["fabrics[2].name: the same name as fabrics[0]"],
            id="name",
        ),
        pytest.param(
            fabrics(repositories=({"name": "gitops", "url": "https://h/y"},)),
            ["repositories[1].name: the same name as repositories[0]"],
            id="repository name",
        ),
        pytest.param(
            fabrics({"repository": "other"}),
            ["fabrics[0].repository: no repository has the name other"],
            id="unknown repository",
        ),
        pytest.param(
            fabrics({"path": "a/b"}, {"path": "a/b/"}),
            ["fabrics[1].path: the same folder as fabrics[0].path"],
            id="same folder",
        ),
        pytest.param(
            fabrics({"path": "a/b"}, {"path": "a"}), ["fabrics[1].path: overlaps fabrics[0].path"], id="around"
        ),
        pytest.param(
            fabrics({"path": "a"}, {"path": "a/b/c"}), ["fabrics[1].path: overlaps fabrics[0].path"], id="inside"
        ),
        pytest.param(fabrics({"path": "a"}, {"path": "ab"}, {"path": "b/a"}, {"path": "A"}), [], id="alike but apart"),
        pytest.param(
            fabrics(
                {"path": "a", "repository": "two"},
                {"path": "a"},
                repositories=({"name": "two", "url": "https://h/two"},),
            ),
            [],
            id="same folder of two repositories",
        ),
        pytest.param(
            fabrics(
                {"path": "a", "repository": "two"},
                {"path": "a"},
                repositories=({"name": "two", "url": "https://GIT.example.com/gitops.git"},),
            ),
            ["fabrics[1].path: the same folder as fabrics[0].path"],
            id="one repository by two names",
        ),
        pytest.param(
            fabrics(
                {"path": "a", "repository": "two"},
                {"path": "a"},
                repositories=({"name": "two", "url": "git@git.example.com:gitops.git", "auth": SSH},),
            ),
            ["fabrics[1].path: the same folder as fabrics[0].path"],
            id="one repository by https and ssh",
        ),
        pytest.param(
            fabrics(
                {"path": "a", "repository": "two"},
                {"path": "a"},
                repositories=({"name": "two", "url": "https://git.example.com/gitops", "branch": "next"},),
            ),
            [],
            id="two branches of one repository",
        ),
        pytest.param(
            fabrics(
                {"netbox": {**NETBOX, "site": "x"}},
                {"netbox": {**NETBOX, "site": "x", "url": "https://NetBox.example.com:443/"}},
            ),
            ["fabrics[1].netbox.site: the same NetBox and site as fabrics[0]"],
            id="netbox site",
        ),
        pytest.param(
            fabrics({"netbox": NETBOX}, {"netbox": {**NETBOX, "site": "dc0"}}),
            ["fabrics[1].netbox.site: the same NetBox and site as fabrics[0]"],
            id="netbox default site",
        ),
        pytest.param(fabrics({"netbox": NETBOX}, {"netbox": NETBOX}), [], id="one netbox, two sites"),
        pytest.param(
            fabrics({"netbox": {**NETBOX, "site": "x"}}, {"netbox": {**NETBOX, "site": "x", "url": "https://h"}}),
            [],
            id="two netboxes",
        ),
        pytest.param(
            fabrics({"netbox": {"local": True, "site": "x"}}, {"netbox": {"local": True, "site": "x"}}),
            [],
            id="embedded netbox",
        ),
        pytest.param(
            fabrics({"cluster": SERVER}, {"cluster": {**SERVER, "server": "https://H:6443/", "namespace": "default"}}),
            ["fabrics[1].cluster.namespace: the same cluster and namespace as fabrics[0]"],
            id="server",
        ),
        pytest.param(
            fabrics({"cluster": SERVER}, {"cluster": {**SERVER, "namespace": "two"}}), [], id="two namespaces"
        ),
        pytest.param(
            fabrics({"cluster": SERVER}, {"cluster": {**SERVER, "server": "https://h:6444"}}), [], id="two servers"
        ),
        pytest.param(
            fabrics(
                {"cluster": {"kubeconfig": "secrets/any"}}, {"cluster": {"kubeconfig": "./secrets/../secrets/any"}}
            ),
            ["fabrics[1].cluster.namespace: the same cluster and namespace as fabrics[0]"],
            id="kubeconfig",
        ),
        pytest.param(
            fabrics(
                {"cluster": {"kubeconfig": "secrets/any", "context": "a"}},
                {"cluster": {"kubeconfig": "secrets/any", "context": "b"}},
            ),
            [],
            id="two contexts",
        ),
        pytest.param(
            fabrics({"cluster": {"in_cluster": True}}, {"cluster": {"in_cluster": True}}),
            ["fabrics[1].cluster.namespace: the same cluster and namespace as fabrics[0]"],
            id="in cluster",
        ),
        pytest.param(fabrics({"cluster": {"local": True}}, {"cluster": {"local": True}}), [], id="embedded clusters"),
    ],
)
def test_clashes(file: ConfigurationFile, document: dict[str, Any], findings: list[str]) -> None:
    """What two entries may not share is refused at the later one, naming the first."""
    assert (file.refusal(document) if findings else list(file.load(document).warnings)) == findings


def test_same_file_by_a_link(file: ConfigurationFile) -> None:
    """A kubeconfig is the same by whatever name it is reached."""
    (file.folder / "link").symlink_to(file.folder / "secrets" / "any")
    document = fabrics({"cluster": {"kubeconfig": "link"}}, {"cluster": {"kubeconfig": "secrets/any"}})

    assert file.refusal(document) == ["fabrics[1].cluster.namespace: the same cluster and namespace as fabrics[0]"]


def test_links_in_a_circle(file: ConfigurationFile) -> None:
    """A kubeconfig that leads nowhere is a finding like any other."""
    (file.folder / "one").symlink_to("two")
    (file.folder / "two").symlink_to("one")

    findings = file.refusal(fabrics({"cluster": {"kubeconfig": "one"}}))

    assert findings == ["fabrics[0].cluster.kubeconfig: too many levels of symbolic links"]


FORGE = {"kind": "github", "api_url": "https://api.github.com", "token_file": "secrets/any"}


@pytest.mark.parametrize(
    ("part", "url", "expected"),
    [
        ({}, "https://github.com/net/gitops", []),
        (
            {"kind": "gitlab"},
            "https://h/net/gitops",
            ["api_url: must be the address of the API: one that ends in /api/v4"],
        ),
        ({"api_url": "https://h/api/v4"}, "https://h/net/gitops", ["api_url: must be the address of the API"]),
        ({}, "https://h/gitops", ["url must end in the owner and the name"]),
        ({"api_url": "http://h/api/v3"}, "https://h/gitops", ["api_url: must be https"]),
        ({"token_file": None}, "https://h/net/gitops", ["one of these keys is required: token_file, token_env"]),
        ({"token_env": "PATH"}, "https://h/net/gitops", ["only one of these keys may be given"]),
        ({"kind": "bitbucket"}, "https://h/gitops", ["kind: must be 'github', 'gitlab' or 'gitea'"]),
    ],
)
def test_forges(file: ConfigurationFile, part: dict[str, Any], url: str, expected: list[str]) -> None:
    """A forge where nothing could be told is refused by the key that is to blame, and nothing is found twice."""
    document = changed(COMPLETE, (f"{REPOSITORY}.url", url), (f"{REPOSITORY}.forge", {**FORGE, **part}))

    if not expected:
        assert file.load(document).repositories[0].forge is not None
        return
    findings = file.refusal(document)

    assert len(findings) == len(expected)
    for finding, text in zip(findings, expected, strict=True):
        assert finding.startswith("repositories[0].forge")
        assert text in finding


# Not supported


UNSUPPORTED_VALUES: dict[str, list[Any]] = {
    "state": ["postgresql://h/db", "postgresql+psycopg://h/db"],
}


def test_unsupported_table_is_complete() -> None:
    """Every row of the table is tested below."""
    assert {row.key for row in UNSUPPORTED} == {key.replace(".0", "[]") for key in UNSUPPORTED_VALUES}


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key, values in UNSUPPORTED_VALUES.items() for value in values],
)
def test_unsupported(file: ConfigurationFile, key: str, value: Any) -> None:
    """A value whose feature is not built is refused as such; what else could be said of it is not."""
    findings = file.refusal(changed(COMPLETE, (key, value)))

    assert findings == [f"{key.replace('.0', '[0]')}: {ABSENT}"]


# Places


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a", [(("a",), {"b": [{"c": 1}, 5, {"c": None}]})]),
        ("a.b[].c", [(("a", "b", 0, "c"), 1), (("a", "b", 2, "c"), None)]),
        ("a.b[]", [(("a", "b", 0), {"c": 1}), (("a", "b", 1), 5), (("a", "b", 2), {"c": None})]),
        ("a.x", []),
        ("a.b.c", []),
        ("d[]", []),
    ],
)
def test_find(pattern: str, expected: list[Any]) -> None:
    """Values are found with their places, through lists, past what has another shape."""
    assert list(find({"a": {"b": [{"c": 1}, 5, {"c": None}]}, "d": "text"}, pattern)) == expected


# Signing tokens

NO_TOKEN = "a signing token must be whsec_ and a key in base64"


@pytest.mark.parametrize(
    ("secret", "provider", "is_good"),
    [
        pytest.param("whsec_Y2FuYXJ5", "gitlab", True, id="a signing token"),
        pytest.param("whsec_Y2FuYXJ5", "github", True, id="any secret of another forge"),
        pytest.param("whsec_-odd-", "github", True, id="an odd one of another forge"),
        pytest.param("-odd-", "gitlab", True, id="a secret token"),
        pytest.param("whsec_-odd-", "gitlab", False, id="no base64"),
        pytest.param("whsec_Y2FuYXJ", "gitlab", False, id="cut off"),
        pytest.param("whsec_", "gitlab", False, id="no key"),
    ],
)
@pytest.mark.parametrize("key", ["secret_file", "secret_env"])
def test_signing_token(
    file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch, key: str, secret: str, provider: str, *, is_good: bool
) -> None:
    """A signing token of GitLab by which nothing can be verified is refused at its key, and not shown."""
    file.secret("any", secret.encode())
    monkeypatch.setenv("ANY_SECRET", secret)
    place = {"secret_file": "secrets/any", "secret_env": "ANY_SECRET"}[key]
    document = changed(MINIMAL, (f"{REPOSITORY}.webhook", {"provider": provider, key: place}))

    if is_good:
        webhook = file.load(document).repositories[0].webhook
        assert webhook is not None
        assert webhook.secret.read() == secret.encode()
    else:
        assert file.refusal(document) == [f"repositories[0].webhook.{key}: {NO_TOKEN}"]
