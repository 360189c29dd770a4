"""Every key: what it may be, what it is when it is left out, and what is said when it is something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import BaseModel

from reconciler.settings import Settings
from tests.unit.settings.example import COMPLETE, MINIMAL, changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.settings.example import ConfigurationFile

REQUIRED = object()
TEXT = "must be text (in quotes, where YAML takes it for something else)"
NUMBER = "must be a whole number"
FLAG = "must be true or false"
MAPPING = "must be a mapping"
LIST = "must be a list"
FILE = "must be the path of a file"

REPOSITORY = "repositories.0"
FABRIC = "fabrics.0"
NOTIFICATION = "notifications.0"

# key, default, a good value that is not the default (or None where this version has none), a wrong one, the reason
KEYS: list[tuple[str, Any, Any, Any, str]] = [
    ("server", {}, {"port": 1}, 5, MAPPING),
    ("server.host", "127.0.0.1", "0.0.0.0", 5, TEXT),  # noqa: S104 - a value of the key
    ("server.port", 8080, 0, "80", NUMBER),
    ("server.public_url", None, "https://reconciler.example.com", 5, TEXT),
    ("server.max_body_bytes", 5242880, 1024, 1.5, NUMBER),
    ("server.api_token_file", None, "secrets/any", 5, FILE),
    ("server.api_token_env", None, "ANY_SECRET", 5, TEXT),
    ("server.protect_reads", False, None, "no", FLAG),
    ("state", "sqlite:///state/reconciler.db", "sqlite:///other.db", 5, TEXT),
    ("workers", 1, 32, True, NUMBER),
    ("poll", {}, {"jitter": 0}, [], MAPPING),
    ("poll.interval", 3600.0, 1, "1h", "must be a number"),
    ("poll.jitter", 0.1, 0, "10%", "must be a number"),
    ("history", {}, {"days": 1}, "30d", MAPPING),
    ("history.days", 30, 1, 1.5, NUMBER),
    ("history.passes", 1000, 1, "all", NUMBER),
    ("repositories", REQUIRED, [{"name": "gitops", "url": "https://h/x"}], {}, LIST),
    (f"{REPOSITORY}.name", REQUIRED, None, 5, TEXT),
    (f"{REPOSITORY}.url", REQUIRED, "https://other.example/x/y", 5, TEXT),
    (f"{REPOSITORY}.branch", "main", "release/1.x", False, TEXT),
    (f"{REPOSITORY}.auth", None, {"password_file": "secrets/any"}, "bot", MAPPING),
    (f"{REPOSITORY}.auth.username", "git", "bot", 5, TEXT),
    (f"{REPOSITORY}.auth.password_file", None, "secrets/any", 5, FILE),
    (f"{REPOSITORY}.auth.password_env", None, "ANY_SECRET", 5, TEXT),
    (f"{REPOSITORY}.auth.ssh_key_file", None, "secrets/any", 5, FILE),
    (f"{REPOSITORY}.auth.ssh_key_env", None, "ANY_SECRET", 5, TEXT),
    (f"{REPOSITORY}.auth.known_hosts_file", None, "secrets/any", 5, FILE),
    (f"{REPOSITORY}.ca_file", None, "secrets/ca.pem", ["x"], FILE),
    (f"{REPOSITORY}.webhook", None, {"secret_file": "secrets/any"}, True, MAPPING),
    (
        f"{REPOSITORY}.webhook.provider",
        "github",
        "gitlab",
        5,
        "must be 'github', 'gitlab', 'gitea', 'forgejo', 'bitbucket' or 'generic'",
    ),
    (f"{REPOSITORY}.webhook.secret_file", None, "secrets/any", 5, FILE),
    (f"{REPOSITORY}.webhook.secret_env", None, "ANY_SECRET", 5, TEXT),
    (f"{REPOSITORY}.commit", {}, {"author": "Robo"}, None, MAPPING),
    (f"{REPOSITORY}.commit.author", "hedgehog-reconciler", "Robo the 2nd", 5, TEXT),
    (f"{REPOSITORY}.commit.email", "reconciler@localhost", "robo@example.com", 5, TEXT),
    (f"{REPOSITORY}.commit.signing_key_file", None, "secrets/any", 5, FILE),
    (f"{REPOSITORY}.commit.signing_key_env", None, "ANY_SECRET", 5, TEXT),
    (f"{REPOSITORY}.commit.signing_format", "ssh", "openpgp", "pgp", "must be 'ssh' or 'openpgp'"),
    (f"{REPOSITORY}.forge", None, None, "github", MAPPING),
    (f"{REPOSITORY}.forge.kind", REQUIRED, "gitea", 5, "must be 'github', 'gitlab' or 'gitea'"),
    (f"{REPOSITORY}.forge.api_url", REQUIRED, "https://git.example.com/api/v3", 5, TEXT),
    (f"{REPOSITORY}.forge.token_file", None, "secrets/any", 5, FILE),
    (f"{REPOSITORY}.forge.token_env", None, "ANY_SECRET", 5, TEXT),
    (f"{REPOSITORY}.allow_local", False, True, 1, FLAG),
    ("fabrics", REQUIRED, [], None, LIST),
    (f"{FABRIC}.name", REQUIRED, "dc2", 5, TEXT),
    (f"{FABRIC}.repository", REQUIRED, None, 5, TEXT),
    (f"{FABRIC}.path", REQUIRED, "other", 5, TEXT),
    (f"{FABRIC}.enabled", True, False, "yes", FLAG),
    (f"{FABRIC}.interval", None, 60, "1m", "must be a number"),
    (f"{FABRIC}.cluster", None, {"local": True}, True, MAPPING),
    (f"{FABRIC}.cluster.kubeconfig", None, "secrets/any", 5, FILE),
    (f"{FABRIC}.cluster.context", None, None, 5, TEXT),
    (f"{FABRIC}.cluster.in_cluster", False, True, "yes", FLAG),
    (f"{FABRIC}.cluster.server", None, None, 5, TEXT),
    (f"{FABRIC}.cluster.token_file", None, None, 5, FILE),
    (f"{FABRIC}.cluster.token_env", None, None, 5, TEXT),
    (f"{FABRIC}.cluster.ca_file", None, None, 5, FILE),
    (f"{FABRIC}.cluster.local", False, True, 1, FLAG),
    (f"{FABRIC}.cluster.namespace", "default", "fabric-1", 5, TEXT),
    (f"{FABRIC}.cluster.mode", "apply", "observe", "watch", "must be 'apply' or 'observe'"),
    (f"{FABRIC}.cluster.self_heal", True, False, "off", FLAG),
    (f"{FABRIC}.cluster.prune", False, True, 1, FLAG),
    (f"{FABRIC}.cluster.max_deletes", 10, 0, "10", NUMBER),
    (f"{FABRIC}.cluster.approval", "none", "required", None, "must be 'none' or 'required'"),
    (f"{FABRIC}.cluster.take_over", False, True, 1, FLAG),
    (f"{FABRIC}.netbox", None, {"local": True}, "http://x", MAPPING),
    (f"{FABRIC}.netbox.url", None, "https://netbox.example.com", 5, TEXT),
    (f"{FABRIC}.netbox.token_file", None, "secrets/any", 5, FILE),
    (f"{FABRIC}.netbox.token_env", None, "ANY_SECRET", 5, TEXT),
    (f"{FABRIC}.netbox.ca_file", None, "secrets/ca.pem", 5, FILE),
    (f"{FABRIC}.netbox.local", False, True, 0, FLAG),
    (f"{FABRIC}.netbox.site", None, "site-7", 7, TEXT),
    (f"{FABRIC}.netbox.self_heal", True, False, 1, FLAG),
    (f"{FABRIC}.netbox.prune", True, False, "no", FLAG),
    (f"{FABRIC}.netbox.max_deletes", 100, 0, [], NUMBER),
    (f"{FABRIC}.netbox.take_over", False, True, 0, FLAG),
    (f"{FABRIC}.netbox.writers", 2, 8, "2", NUMBER),
    (f"{FABRIC}.netbox.ports", "used", None, "none", "must be 'used' or 'all'"),
    (f"{FABRIC}.netbox.webhook_secret_file", None, "secrets/any", 5, FILE),
    (f"{FABRIC}.netbox.webhook_secret_env", None, "ANY_SECRET", 5, TEXT),
    (f"{FABRIC}.structure", {}, {"enabled": False}, None, MAPPING),
    (f"{FABRIC}.structure.enabled", False, None, "no", FLAG),
    (f"{FABRIC}.structure.push", True, False, "no", FLAG),
    ("notifications", [], [], {}, LIST),
    (f"{NOTIFICATION}.name", REQUIRED, "slack-of-net", 5, TEXT),
    (f"{NOTIFICATION}.kind", REQUIRED, None, "mail", "must be 'webhook', 'slack' or 'alertmanager'"),
    (f"{NOTIFICATION}.url", None, "http://127.0.0.1:9093", 5, TEXT),
    (f"{NOTIFICATION}.url_file", None, None, 5, FILE),
    (f"{NOTIFICATION}.url_env", None, None, 5, TEXT),
    (f"{NOTIFICATION}.secret_file", None, "secrets/any", 5, FILE),
    (f"{NOTIFICATION}.secret_env", None, "ANY_SECRET", 5, TEXT),
    (f"{NOTIFICATION}.token_file", None, "secrets/any", 5, FILE),
    (f"{NOTIFICATION}.token_env", None, "ANY_SECRET", 5, TEXT),
    (f"{NOTIFICATION}.ca_file", None, "secrets/ca.pem", 5, FILE),
    (f"{NOTIFICATION}.fabrics", None, ["dc1"], "dc1", LIST),
    (f"{NOTIFICATION}.tell", ["error", "out_of_sync", "recovery"], ["error"], "error", LIST),
    (f"{NOTIFICATION}.after", {}, {"error": 0}, 30, MAPPING),
    (f"{NOTIFICATION}.after.error", 30, 0, "30s", "must be a number"),
    (f"{NOTIFICATION}.after.out_of_sync", 300, 0.5, "5m", "must be a number"),
    (f"{NOTIFICATION}.after.disabled", 0, 60, None, "must be a number"),
    (f"{NOTIFICATION}.after.recovery", 30, 0, [], "must be a number"),
    (f"{NOTIFICATION}.repeat", None, 3600, "1h", "must be a number"),
    ("tracing", None, None, [], MAPPING),
    ("tracing.endpoint", REQUIRED, "http://127.0.0.1:4318/v1/traces", 5, TEXT),
    ("tracing.service_name", "hedgehog-reconciler", "site-7", 5, TEXT),
    ("tracing.sample", 1.0, 0.25, "half", "must be a number"),
    ("tracing.headers_file", None, "secrets/any", 5, FILE),
    ("tracing.headers_env", None, "ANY_SECRET", 5, TEXT),
    ("tracing.ca_file", None, "secrets/ca.pem", 5, FILE),
]


def over_ssh(*others: str) -> tuple[tuple[str, Any], ...]:
    """What makes the repository one over ssh, whose login lacks the key of the test."""
    login = {"ssh_key_file": "secrets/any", "ssh_key_env": "ANY_SECRET", "known_hosts_file": "secrets/any"}
    auth = {key: value for key, value in login.items() if key not in others}
    return ((f"{REPOSITORY}.url", "git@git.example.com:net/gitops.git"), (f"{REPOSITORY}.auth", auth))


# What else must change so that a key may be given.
COMPANIONS: dict[str, tuple[tuple[str, Any], ...]] = {
    "server.api_token_env": (("server.api_token_file", None),),
    f"{REPOSITORY}.auth.password_env": ((f"{REPOSITORY}.auth.password_file", None),),
    f"{REPOSITORY}.auth.ssh_key_file": over_ssh("ssh_key_env"),
    f"{REPOSITORY}.auth.ssh_key_env": over_ssh("ssh_key_file"),
    f"{REPOSITORY}.auth.known_hosts_file": over_ssh("ssh_key_env"),
    f"{REPOSITORY}.webhook.secret_env": ((f"{REPOSITORY}.webhook.secret_file", None),),
    f"{REPOSITORY}.forge.kind": ((f"{REPOSITORY}.forge.api_url", "https://git.example.com/api/v1"),),
    f"{REPOSITORY}.forge.token_env": ((f"{REPOSITORY}.forge.token_file", None),),
    f"{FABRIC}.cluster.in_cluster": ((f"{FABRIC}.cluster.kubeconfig", None),),
    f"{FABRIC}.cluster.local": ((f"{FABRIC}.cluster.kubeconfig", None),),
    f"{FABRIC}.netbox.token_env": ((f"{FABRIC}.netbox.token_file", None),),
    f"{NOTIFICATION}.secret_env": ((f"{NOTIFICATION}.secret_file", None),),
    f"{FABRIC}.netbox.local": ((f"{FABRIC}.netbox.url", None), (f"{FABRIC}.netbox.token_file", None)),
}

IDS = [row[0] for row in KEYS]


def dotted(key: str) -> str:
    return key.replace(".0", "[0]")


def at(settings: Settings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = value[int(part)] if part.isdigit() else getattr(value, part)
    return value


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Every key of the model as in the table, with its description."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field.description
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                index = "0." if name in {"repositories", "fabrics", "notifications"} else ""
                yield from keys_of(part, f"{prefix}{name}.{index}")


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_SECRET", "secret")


def test_table_is_complete() -> None:
    """Every key that the model has is in the table, and nothing else is."""
    assert {key for key, _ in keys_of(Settings)} == set(IDS)


@pytest.mark.parametrize(("key", "description"), list(keys_of(Settings)))
def test_key_is_described(key: str, description: str | None) -> None:
    """Every key has a description that begins a sentence and ends it."""
    assert description
    assert description[0].isupper() or description.startswith("`")
    assert description.endswith(".")


def test_complete_example(file: ConfigurationFile) -> None:
    """The documented example, every key at its default, is accepted without a warning."""
    assert file.load(COMPLETE).warnings == ()


@pytest.mark.parametrize(("key", "default"), [row[:2] for row in KEYS], ids=IDS)
def test_default(file: ConfigurationFile, key: str, default: Any) -> None:
    """A key that is left out has its documented default; a required one is asked for by its path."""
    if default is REQUIRED:
        assert f"{dotted(key)}: required" in file.refusal(changed(COMPLETE, (key, ...)))
        return
    parent = key.rpartition(".")[0]
    settings = file.load(MINIMAL)
    model = _model(parent)
    actual = (
        at(settings, key) if parent in {"", REPOSITORY, FABRIC} else model.model_fields[key.rpartition(".")[2]].default
    )
    if isinstance(actual, BaseModel):
        assert actual == type(actual)()
    elif key == "state":
        assert actual == f"sqlite:///{file.folder}/state/reconciler.db"
    else:
        assert actual == (tuple(default) if isinstance(default, list) else default)


def _model(parent: str) -> type[BaseModel]:
    model: type[BaseModel] = Settings
    for part in filter(lambda part: part and not part.isdigit(), parent.split(".")):
        parts = get_args(model.model_fields[part].annotation) or (model.model_fields[part].annotation,)
        model = next(p for p in parts if isinstance(p, type) and issubclass(p, BaseModel))
    return model


@pytest.mark.parametrize(
    ("key", "value"),
    [(row[0], row[2]) for row in KEYS if row[2] is not None],
    ids=[row[0] for row in KEYS if row[2] is not None],
)
def test_good_value(file: ConfigurationFile, key: str, value: Any) -> None:
    """A key takes a value other than its default, and the settings hold it."""
    settings = file.load(changed(COMPLETE, *COMPANIONS.get(key, ()), (key, value)))

    actual = at(settings, key)
    if isinstance(value, str) and value.startswith("secrets/"):
        assert actual == file.folder / value
    elif key == "state":
        assert settings.state_path == file.folder / "other.db"
    elif not isinstance(value, dict | list):
        assert actual == value


@pytest.mark.parametrize(("key", "value", "reason"), [(row[0], *row[3:]) for row in KEYS], ids=IDS)
def test_wrong_type(file: ConfigurationFile, key: str, value: Any, reason: str) -> None:
    """A value of another type is refused by the key's path; nothing is converted."""
    assert f"{dotted(key)}: {reason}" in file.refusal(changed(COMPLETE, (key, value)))


@pytest.mark.parametrize(
    "mapping",
    [
        "",
        "server",
        "poll",
        "history",
        REPOSITORY,
        f"{REPOSITORY}.auth",
        f"{REPOSITORY}.webhook",
        f"{REPOSITORY}.commit",
        f"{REPOSITORY}.forge",
        FABRIC,
        f"{FABRIC}.cluster",
        f"{FABRIC}.netbox",
        f"{FABRIC}.structure",
        NOTIFICATION,
        f"{NOTIFICATION}.after",
    ],
)
def test_unknown_key(file: ConfigurationFile, mapping: str) -> None:
    """A key that does not exist is refused in every mapping."""
    key = f"{mapping}.zzz" if mapping else "zzz"

    assert file.refusal(changed(COMPLETE, (key, 1))) == [f"{dotted(key)}: unknown key"]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        pytest.param("wrokers", "workers", id="top"),
        pytest.param("server.api_token", "api_token_env or api_token_file", id="secret in the server"),
        pytest.param(f"{REPOSITORY}.auth.password", "password_env or password_file", id="secret in a repository"),
        pytest.param(f"{REPOSITORY}.webhook.secret", "secret_env or secret_file", id="secret of a webhook"),
        pytest.param(f"{FABRIC}.cluster.name_space", "namespace", id="below a fabric"),
        pytest.param(f"{NOTIFICATION}.secret", "secret_env or secret_file", id="secret of a receiver"),
        pytest.param(f"{FABRIC}.netbox.token", "token_env or token_file", id="secret of a fabric"),
    ],
)
def test_hint(file: ConfigurationFile, key: str, hint: str) -> None:
    """An unknown key that resembles known ones of its own mapping names them."""
    assert file.refusal(changed(COMPLETE, (key, "x"))) == [f"{dotted(key)}: unknown key; did you mean {hint}?"]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("server.port", -1, "must be at least 0"),
        ("server.port", 65536, "must be at most 65535"),
        ("server.host", " ", "must not be empty"),
        ("server.host", "a\nb", "must not hold control characters"),
        ("server.max_body_bytes", 1023, "must be at least 1024"),
        ("server.max_body_bytes", 2**26 + 1, "must be at most 67108864"),
        ("workers", 0, "must be at least 1"),
        ("workers", 33, "must be at most 32"),
        ("poll.interval", 0.5, "must be at least 1"),
        ("poll.interval", 604801, "must be at most 604800"),
        ("poll.interval", float("nan"), "must be a finite number"),
        ("poll.interval", float("inf"), "must be a finite number"),
        ("poll.jitter", -0.1, "must be at least 0"),
        ("poll.jitter", 1, "must be less than 1"),
        ("history.days", 0, "must be at least 1"),
        ("history.passes", 0, "must be at least 1"),
        (f"{REPOSITORY}.auth.username", "bot:x", "must not hold a colon"),
        (f"{REPOSITORY}.commit.author", "Robo <x@example.com>", "must not hold < or >"),
        (f"{REPOSITORY}.commit.author", "Robo\nX", "must not hold control characters"),
        (f"{REPOSITORY}.commit.author", "...", "must not begin or end with a blank or one of . , : ; \" ' \\"),
        (
            f"{REPOSITORY}.commit.email",
            " x@example.com",
            "must not begin or end with a blank or one of . , : ; \" ' \\",
        ),
        (f"{FABRIC}.interval", 0, "must be at least 1"),
        (f"{FABRIC}.cluster.max_deletes", -1, "must be at least 0"),
        (f"{FABRIC}.netbox.max_deletes", -1, "must be at least 0"),
        (f"{FABRIC}.netbox.writers", 0, "must be at least 1"),
        (f"{FABRIC}.netbox.writers", 9, "must be at most 8"),
    ],
)
def test_limits(file: ConfigurationFile, key: str, value: Any, reason: str) -> None:
    """A value outside of its limits is refused with the limit."""
    assert file.refusal(changed(COMPLETE, (key, value))) == [f"{dotted(key)}: {reason}"]


@pytest.mark.parametrize("key", ["workers", "fabrics.0.cluster.prune", "repositories.0.allow_local"])
def test_null_is_no_value(file: ConfigurationFile, key: str) -> None:
    """Null is refused where a value is needed: a key without text behind it is a mistake."""
    findings = file.refusal(changed(COMPLETE, (key, None)))

    assert [finding.partition(": ")[0] for finding in findings] == [dotted(key)]


def test_settings_cannot_be_changed(file: ConfigurationFile) -> None:
    """What was checked stays as it was checked."""
    settings = file.load(COMPLETE)

    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1
