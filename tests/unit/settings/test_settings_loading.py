"""The configuration as a whole: everything that is wrong at once, paths, warnings, and no secret anywhere."""

from __future__ import annotations

import copy
import json
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import ConfigurationError
from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.settings import load, warnings_of
from reconciler.settings.warnings import Warned
from tests.unit.settings.example import CANARY, COMPLETE, MINIMAL, changed

if TYPE_CHECKING:
    from tests.unit.settings.example import ConfigurationFile

EVERYTHING_WRONG = """
server: {port: "80", api_token: x, api_token_env: NOT_SET, protect_reads: true, public_url: https://x.example}
state: sqlite://x
wrokers: 3
repositories:
  - name: a
    url: "https://bot:pw@h/x"
    auth: {password: pw, password_file: nope}
    webhook: {provider: gitbucket, secret_file: absent}
  - {name: a, url: "git@h:x", forge: {kind: x}}
  - {name: b, url: "file:///x", branch: refs/heads/main}
  - 7
fabrics:
  - {name: A_b, repository: c, path: ../x, cluster: {in_cluster: true, server: "https://h:443", context: x}}
  - {name: dc1, repository: b, path: x/y, cluster: {server: "https://H/", token_file: secrets/any}, netbox: {local: 1}}
  - {name: dc1, repository: b, path: x, cluster: {server: "https://h", token_file: secrets/any, max_deletes: -1}}
"""

EVERY_FINDING = [
    "fabrics[0].cluster: one of these keys is required: token_file, token_env",
    "fabrics[0].cluster: only one of these keys may be given: kubeconfig, in_cluster, server, local",
    "fabrics[0].cluster.context: has no effect without kubeconfig",
    "fabrics[0].name: must be 1 to 63 small letters, digits and -, with a letter or digit first and last",
    "fabrics[0].path: must not hold empty parts, . or ..",
    "fabrics[0].repository: no repository has the name c",
    "fabrics[1].cluster.namespace: the same cluster and namespace as fabrics[0]",
    "fabrics[1].netbox.local: must be true or false",
    "fabrics[2].cluster.max_deletes: must be at least 0",
    "fabrics[2].cluster.namespace: the same cluster and namespace as fabrics[0]",
    "fabrics[2].name: the same name as fabrics[1]",
    "fabrics[2].path: overlaps fabrics[1].path",
    "repositories[0].auth.password: unknown key; did you mean password_env or password_file?",
    "repositories[0].auth.password_file: no such file or directory below {folder}",
    "repositories[0].url: must not hold a user or a password: they have keys of their own",
    "repositories[0].webhook.provider: must be 'github', 'gitlab', 'gitea', 'forgejo', 'bitbucket' or 'generic'",
    "repositories[0].webhook.secret_file: no such file or directory below {folder}",
    "repositories[1].auth: required for ssh: known_hosts_file, and ssh_key_file or ssh_key_env",
    "repositories[1].forge: one of these keys is required: token_file, token_env",
    "repositories[1].forge.api_url: required",
    "repositories[1].forge.kind: must be 'github', 'gitlab' or 'gitea'",
    "repositories[1].name: the same name as repositories[0]",
    "repositories[2].branch: must be the name of a branch, without refs/heads/",
    "repositories[2].url: is on this machine: only accepted with allow_local: true",
    "repositories[3]: must be a mapping",
    "server.api_token: unknown key; did you mean api_token_env or api_token_file?",
    "server.api_token_env: the environment variable is not set",
    "server.port: must be a whole number",
    "state: must be sqlite:///PATH",
    "wrokers: unknown key; did you mean workers?",
]


def refusal(file: ConfigurationFile, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        file.load_text(text)
    return refused.value.message.splitlines()[1:]


def test_every_finding_at_once(file: ConfigurationFile) -> None:
    """One answer names everything that is wrong, wherever it is, in the order of the keys and lists."""
    expected = [finding.replace("{folder}", str(file.folder)) for finding in EVERY_FINDING]
    assert refusal(file, EVERYTHING_WRONG) == expected


def test_findings_follow_the_lists(file: ConfigurationFile) -> None:
    """The tenth entry comes after the second."""
    fabrics = [{"name": f"dc{n}", "repository": "gitops", "path": f"dc{n}", "enabled": 1} for n in range(12)]

    findings = file.refusal(changed(MINIMAL, ("fabrics", fabrics)))

    assert [finding.partition(".")[0] for finding in findings] == [f"fabrics[{n}]" for n in range(12)]


def test_empty_lists(file: ConfigurationFile) -> None:
    """A configuration may have no fabric yet; it must say so."""
    assert file.load_text("repositories: []\nfabrics: []\n").fabric_values() == ()
    assert refusal(file, "workers: 1\n") == ["fabrics: required", "repositories: required"]


def test_odd_keys(file: ConfigurationFile) -> None:
    """An unknown key is shown on one line, and not without end."""
    assert refusal(file, f'repositories: []\nfabrics: []\n"a\\nb": 1\n? {"x" * 100}\n: 1\n') == [
        "a\\nb: unknown key",
        f"{'x' * 64}…: unknown key",
    ]


def test_fabric_values(file: ConfigurationFile) -> None:
    """A fabric gets the branch of its repository, the interval of the poll, its own policies, and its defaults."""
    document = changed(
        COMPLETE,
        ("poll.interval", 900),
        ("repositories.0.branch", "release"),
        ("fabrics.0.cluster.namespace", "fabric"),
        ("fabrics.0.cluster.prune", True),
        ("fabrics.0.netbox.writers", 4),
        ("fabrics.0.netbox.ports", "all"),
        ("fabrics.0.netbox.site", "berlin"),
    )
    document["fabrics"] += [
        {"name": "dc2", "repository": "gitops", "path": "dc2", "interval": 60, "enabled": False},
        {"name": "dc3", "repository": "gitops", "path": "dc3/", "cluster": {"local": True}, "netbox": {"local": True}},
    ]

    values = file.load(document).fabric_values()
    installations = [fabric.netbox.installation if fabric.netbox else "" for fabric in values]

    assert values == (
        Fabric(
            "dc1",
            "gitops",
            "release",
            "gitops/hedgehog/dc1",
            interval=900.0,
            cluster=ClusterPolicy(namespace="fabric", prune=True),
            netbox=NetBoxPolicy(site="berlin", writers=4, has_all_ports=True, installation=installations[0]),
        ),
        Fabric("dc2", "gitops", "release", "dc2", interval=60.0, is_enabled=False),
        Fabric(
            "dc3",
            "gitops",
            "release",
            "dc3",
            interval=900.0,
            cluster=ClusterPolicy(),
            netbox=NetBoxPolicy(site="dc3", installation=installations[2]),
            simulated=("cluster", "netbox"),
        ),
    )


def test_policies_have_the_documented_defaults(file: ConfigurationFile) -> None:
    """A fabric that says nothing of its policies has those of the model."""
    document = changed(
        MINIMAL,
        ("fabrics.0.cluster", {"in_cluster": True}),
        ("fabrics.0.netbox", {"local": True}),
    )
    (fabric,) = file.load(document).fabric_values()

    policy = NetBoxPolicy("dc1", installation=fabric.netbox.installation if fabric.netbox else "")
    assert fabric == Fabric(
        "dc1", "gitops", "main", "dc1", cluster=ClusterPolicy(), netbox=policy, simulated=("netbox",)
    )


def test_unknown_repository_of_the_settings(file: ConfigurationFile) -> None:
    """Repositories are found by name."""
    loaded = file.load(MINIMAL)

    assert loaded.repository("gitops") is loaded.repositories[0]
    with pytest.raises(KeyError):
        loaded.repository("other")


def test_paths_begin_at_the_file(file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Relative paths begin at the folder of the file, wherever the process runs and however the file is named."""
    file.load(COMPLETE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    loaded = load(Path("../reconciler.yaml"))

    assert loaded.state_path.parent.parent.samefile(file.folder)
    assert loaded.state_path.is_absolute()
    assert loaded.server.api_token is not None
    monkeypatch.chdir("/")
    assert loaded.server.api_token.read() == f"{CANARY}-api-token".encode()


def test_the_digest_is_of_what_it_says(file: ConfigurationFile) -> None:
    """Neither comments nor the order of keys make another configuration; a value does."""
    text = yaml.safe_dump(MINIMAL, sort_keys=False)
    turned = yaml.safe_dump(dict(reversed(MINIMAL.items())), sort_keys=False)
    first = file.load_text(text).digest

    assert re.fullmatch("sha256:[0-9a-f]{64}", first)
    assert file.load_text(f"# of the lab\n{turned}").digest == first
    assert file.load({**MINIMAL, "workers": 2}).digest != first


def test_linked_file(file: ConfigurationFile, tmp_path: Path) -> None:
    """A configuration reached by a link has its paths at the link, as Kubernetes mounts them."""
    file.load(MINIMAL)
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "reconciler.yaml").symlink_to(file.path)

    assert load(mounted / "reconciler.yaml").state_path == mounted / "state/reconciler.db"


def test_sources_read_the_secrets(file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every secret is reached through its source, from a file or a variable."""
    monkeypatch.setenv("PASSWORD", "from-the-environment")
    document = changed(
        COMPLETE,
        ("repositories.0.auth", {"password_env": "PASSWORD"}),
        ("fabrics.0.cluster", {"server": "https://h", "token_file": "secrets/any"}),
    )
    loaded = file.load(document)
    repository, fabric = loaded.repositories[0], loaded.fabrics[0]
    assert repository.auth is not None
    assert repository.webhook is not None
    assert fabric.cluster is not None
    assert fabric.netbox is not None

    sources = [
        loaded.server.api_token,
        repository.auth.password,
        repository.webhook.secret,
        fabric.cluster.token,
        fabric.netbox.token,
    ]
    assert [source.read().decode() if source else None for source in sources] == [
        f"{CANARY}-api-token",
        "from-the-environment",
        f"{CANARY}-webhook",
        f"{CANARY}-any",
        f"{CANARY}-netbox-token",
    ]


SECRET_KEYS = [
    "server.api_token_file",
    "repositories.0.auth.password_file",
    "repositories.0.webhook.secret_file",
    "repositories.0.ca_file",
    "fabrics.0.cluster.kubeconfig",
    "fabrics.0.netbox.token_file",
    "fabrics.0.netbox.ca_file",
]


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("secrets/nothing", "no such file or directory below {folder}"),
        ("secrets", "not a regular file"),
        ("secrets/empty", "empty"),
        ("", "must not be empty"),
        ("a\x00b", "must not hold control characters"),
        ("x" * 300, "file name too long"),
    ],
)
def test_unusable_secret(file: ConfigurationFile, key: str, value: str, reason: str) -> None:
    """A file that is absent, no file, or empty is refused at load, by the key and without the path."""
    file.secret("empty", b"")

    said = reason.format(folder=file.folder)
    assert file.refusal(changed(COMPLETE, (key, value))) == [f"{key.replace('.0', '[0]')}: {said}"]


def test_an_absolute_path_is_not_below_the_configuration(file: ConfigurationFile, tmp_path: Path) -> None:
    """Only where a relative path begins is told."""
    elsewhere = str(tmp_path.parent / "nothing-here")

    assert file.refusal(changed(COMPLETE, ("repositories.0.auth.password_file", elsewhere))) == [
        "repositories[0].auth.password_file: no such file or directory"
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NOT_SET", "the environment variable is not set"),
        ("IS_EMPTY", "empty"),
        ("not a name", "must be the name of an environment variable"),
        ("A\n", "must be the name of an environment variable"),
        ("", "must be the name of an environment variable"),
    ],
)
def test_unusable_variable(file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch, name: str, reason: str) -> None:
    """A variable that is not set, or empty, is refused at load, by the key and without its name."""
    monkeypatch.setenv("IS_EMPTY", "")
    document = changed(COMPLETE, ("server.api_token_file", None), ("server.api_token_env", name))

    assert file.refusal(document) == [f"server.api_token_env: {reason}"]


def test_large_files_that_are_no_secrets(file: ConfigurationFile) -> None:
    """A bundle of certificates, and a kubeconfig with many contexts, may be large; a token may not."""
    for name in ("ca.pem", "dc1.kubeconfig", "any"):
        file.secret(name, b"x" * 200_000)

    file.load(changed(COMPLETE, ("repositories.0.ca_file", "secrets/ca.pem")))

    findings = file.refusal(changed(COMPLETE, ("fabrics.0.netbox.token_file", "secrets/any")))
    assert findings == ["fabrics[0].netbox.token_file: larger than 65536 bytes"]


def test_warns_of_world_readable_secrets(file: ConfigurationFile) -> None:
    """Every secret that all users can read is a warning at its key; certificates are no secret."""
    for name in ("api-token", "git-token", "webhook", "dc1.kubeconfig", "netbox-token", "ca.pem"):
        file.secret(name, b"x", mode=0o644)

    loaded = file.load(changed(COMPLETE, ("repositories.0.ca_file", "secrets/ca.pem")))

    assert loaded.warnings == tuple(
        (key, "every user of this machine can read this secret")
        for key in [
            "server.api_token_file",
            "repositories[0].auth.password_file",
            "repositories[0].webhook.secret_file",
            "fabrics[0].cluster.kubeconfig",
            "fabrics[0].netbox.token_file",
        ]
    )


@pytest.mark.parametrize(("mode", "warns"), [(0o644, True), (0o640, False)])
def test_warns_of_world_readable_keys(file: ConfigurationFile, mode: int, *, warns: bool) -> None:
    """Also of those that a kubeconfig names by path, relative to its own folder."""
    user = {"client-certificate": "me.crt", "client-key": "me.key", "tokenFile": "gone"}
    kubeconfig = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"user": "me"}}],
        "users": [{"name": "me", "user": user}],
    }
    file.secret("dc1.kubeconfig", json.dumps(kubeconfig).encode())
    file.secret("me.crt", b"x", mode=0o644)
    key = file.secret("me.key", b"x", mode=mode)

    message = "every user of this machine can read a secret file that it names"
    expected = [Warned("fabrics[0].cluster.kubeconfig", message, f"chmod 0600 {key}")] if warns else []
    assert list(warnings_of(file.load(COMPLETE))) == expected


def test_warnings_are_of_the_moment(file: ConfigurationFile) -> None:
    """A secret that is opened up after the configuration was read is warned of, one that is closed is not; what is to
    be done names the file as a shell takes it.
    """
    token = file.secret("my token", b"x")
    loaded = file.load(changed(COMPLETE, ("server.api_token_file", "secrets/my token")))
    assert loaded.warnings == ()

    token.chmod(0o644)
    (found,) = warnings_of(loaded)
    assert (found.key, found.advice) == ("server.api_token_file", f"chmod 0600 '{token}'")

    token.chmod(0o600)
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("url", "warns"),
    [("http://netbox.example.com", True), ("http://[::1]:8000", False), ("https://netbox.example.com", False)],
)
def test_warns_of_plain_http(file: ConfigurationFile, url: str, *, warns: bool) -> None:
    """A token that leaves the machine unencrypted is a warning."""
    warnings = file.load(changed(COMPLETE, ("fabrics.0.netbox.url", url))).warnings

    assert [key for key, _ in warnings] == (["fabrics[0].netbox.url"] if warns else [])


# Canary


def texts(document: Any, file: ConfigurationFile) -> str:
    """All that the settings, or their refusal, let out."""
    try:
        loaded = file.load(document)
    except ConfigurationError as error:
        return repr(error) + "".join(traceback.format_exception(error))
    dumps = f"{loaded.model_dump()} {loaded.model_dump_json()}"
    return f"{loaded!r} {loaded} {dumps} {loaded.warnings} {loaded.fabric_values()}"


def test_settings_show_no_secret(file: ConfigurationFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepted settings hold places of secrets only, in every form in which they can be shown."""
    monkeypatch.setenv("PASSWORD", CANARY)
    document = changed(COMPLETE, ("repositories.0.auth", {"password_env": "PASSWORD"}))

    assert file.load(document).repositories[0].auth is not None
    assert CANARY not in texts(document, file)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("repositories.0.auth.password", CANARY, id="inline"),
        pytest.param("repositories.0.auth.password_file", CANARY, id="as a path"),
        pytest.param("repositories.0.auth.password_file", {"value": CANARY}, id="as a mapping"),
        pytest.param("repositories.0.auth.password_file", [CANARY], id="as a list"),
        pytest.param("repositories.0.auth", CANARY, id="in place of a mapping"),
        pytest.param("repositories.0.auth.password_env", CANARY, id="as a variable"),
        pytest.param("repositories.0.auth.password_env", f"A_{CANARY}".replace("-", "_"), id="as a variable's name"),
        pytest.param("repositories.0.auth.username", f"bot:{CANARY}", id="in the user"),
        pytest.param("repositories.0.url", f"https://bot:{CANARY}@h/x", id="in a URL"),
        pytest.param("repositories.0.url", f"https://h/x?token={CANARY}", id="in a query"),
        pytest.param("repositories.0.url", f"http://bot:{CANARY}@h/x", id="in a plain URL"),
        pytest.param("repositories.0.url", f"ssh://bot:{CANARY}@h/x", id="in an ssh URL"),
        pytest.param("repositories.0.url", f"https://h:{CANARY}/x", id="as a port"),
        pytest.param("repositories.0.webhook.provider", CANARY, id="as a choice"),
        pytest.param("repositories.0.webhook.secret_file", f"secrets/{CANARY}", id="in a path"),
        pytest.param("server.api_token", CANARY, id="inline at the server"),
        pytest.param("server.port", CANARY, id="as a number"),
        pytest.param("server.protect_reads", CANARY, id="as a flag"),
        pytest.param("state", f"postgresql://u:{CANARY}@h/db", id="in the state"),
        pytest.param("state", f"mysql://u:{CANARY}@h/db", id="in another state"),
        pytest.param("fabrics.0.netbox.url", f"https://u:{CANARY}@h", id="in NetBox' URL"),
        pytest.param("fabrics.0.netbox.site", f"{CANARY} x", id="as a site"),
        pytest.param("fabrics.0.cluster.server", f"https://u:{CANARY}@h", id="in the server's URL"),
        pytest.param("fabrics.0.path", f"../{CANARY}", id="in a path of the repository"),
        pytest.param("fabrics.0.name", f"{CANARY}!", id="as a name"),
        pytest.param("repositories.0.branch", f"-{CANARY}", id="as a branch"),
    ],
)
def test_refusals_quote_no_value(file: ConfigurationFile, key: str, value: Any) -> None:
    """A secret in the wrong place is refused without being repeated, and hangs on no error behind it."""
    document = changed(COMPLETE, (key, value))

    with pytest.raises(ConfigurationError):
        file.load(document)
    assert CANARY not in texts(document, file)
    assert CANARY.replace("-", "_") not in texts(document, file)


# Anything


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 70_000)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["https://h/x", "secrets/any", "a/b", "github", "http://[", "sqlite:///x", "git@h:x", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "url", "path", "local"]), inner)
    ),
    max_leaves=6,
)


def places(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, below in items for place in [(*prefix, key), *places(below, (*prefix, key))]]


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_document(file: ConfigurationFile, data: st.DataObject) -> None:
    """Whatever is written in any place, the answer is settings or a ConfigurationError whose lines name places."""
    document = copy.deepcopy(COMPLETE)
    for place in data.draw(st.lists(st.sampled_from(places(COMPLETE)), min_size=1, max_size=4)):
        target: Any = document
        for key in place[:-1]:
            target = target[key] if isinstance(target, dict) and key in target else target
        if isinstance(target, dict):
            target[place[-1]] = data.draw(VALUES)
    # JSON is YAML, and writes every value, lone surrogates too.
    message = outcome(file, json.dumps(document))

    assert message == "accepted" or ": " in message


def outcome(file: ConfigurationFile, text: str) -> str:
    try:
        file.load_text(text)
    except ConfigurationError as error:
        return error.message.splitlines()[-1]
    return "accepted"


def test_without_what_it_names(file: ConfigurationFile, tmp_path: Path) -> None:
    """Offline nothing is connected to: secrets may be absent, and everything else is refused as ever."""
    gitlab = {"provider": "gitlab", "secret_file": "secrets/gone"}
    document = changed(COMPLETE, ("server", {"api_token_env": "NOT_SET"}), ("repositories.0.webhook", gitlab))
    for secret in (tmp_path / "secrets").iterdir():
        secret.unlink()

    findings = file.refusal(document)
    loaded = load(file.path, is_offline=True)

    assert "server.api_token_env: the environment variable is not set" in findings
    assert f"repositories[0].webhook.secret_file: no such file or directory below {file.folder}" in findings
    assert loaded.repositories[0].webhook is not None


def test_what_is_wrong_is_refused_offline_too(file: ConfigurationFile) -> None:
    """Only what is outside of the file need not be there."""
    file.path.write_text(json.dumps(changed(COMPLETE, ("server", {"api_token_env": "not a name"}))))

    with pytest.raises(ConfigurationError, match="must be the name of an environment variable"):
        load(file.path, is_offline=True)


def test_installations(file: ConfigurationFile) -> None:
    """The id of an installation is a short word that only name, repository, branch and path decide."""

    def installation(*changes: tuple[str, Any]) -> str:
        (fabric,) = file.load(changed(MINIMAL, ("fabrics.0.netbox", {"local": True}), *changes)).fabric_values()
        assert fabric.netbox is not None
        return fabric.netbox.installation

    first = installation()
    others = {
        installation(("fabrics.0.name", "dc9")),
        installation(("fabrics.0.path", "elsewhere")),
        installation(("repositories.0.branch", "release")),
        installation(("repositories.0.url", "https://git.example.com/other.git")),
    }

    assert re.fullmatch("[0-9a-f]{16}", first)
    assert installation(("fabrics.0.interval", 60), ("state", "sqlite:///other.db")) == first
    assert len(others | {first}) == 5
