"""Every secret of a service is a canary, everything that can fail with it does, and none shows anywhere."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import requests
import yaml

from tests.canaries import forms, found_in
from tests.e2e.conftest import LOCAL
from tests.e2e.echo import Echo, listening
from tests.e2e.fabrics import files
from tests.e2e.installation import Installation, lay_out, wait_until
from tests.e2e.processes_seen import ProcessesSeen, watched
from tests.lab.ports import free_ports
from tests.lab.ssh_server import make_key
from tests.payloads import github, gitlab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.lab.git_server import Repository

pytestmark = pytest.mark.lab

WAIT = 20.0
ODD = "+/&%?=ü"
"""What a URL, a form or base64 writes in another way."""

RAW: dict[str, str | None] = {
    "raw/server.yaml": "apiVersion: wiring.githedgehog.com/v1beta1\nkind: Server\nmetadata: {name: s}\nspec: {}\n"
}


@dataclass
class Aviary:
    """A service whose secrets are canaries, by name. `pages` is what it showed, by where."""

    service: Installation
    echo: Echo
    canaries: dict[str, str]
    pages: dict[str, bytes] = field(default_factory=dict)

    def show(self, where: str, said: bytes) -> None:
        self.pages[where] = self.pages.get(where, b"") + said

    def found(self) -> dict[str, set[str]]:
        """Where which canary shows."""
        found = {where: found_in(said, self.canaries) for where, said in self.pages.items()}
        return {where: names for where, names in found.items() if names}


def canary(name: str, odd: str = "") -> str:
    return f"canary-{name}-{secrets.token_hex(8)}{odd}"


@dataclass(frozen=True)
class Nest:
    """Where the secrets of a service are laid."""

    folder: Path
    canaries: dict[str, str]

    def lay(self, name: str, text: str | None = None) -> str:
        """Write a secret; its path as the configuration has it."""
        self.canaries[name] = text or canary(name)
        place = self.folder / "secrets" / name
        place.touch(mode=0o600)
        place.write_text(self.canaries[name])
        return f"secrets/{name}"

    def kubeconfig(self, name: str, server: str, user: Mapping[str, str]) -> str:
        content = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
            "clusters": [{"name": "it", "cluster": {"server": server}}],
            "users": [{"name": "me", "user": dict(user)}],
        }
        place = self.folder / "secrets" / name
        place.touch(mode=0o600)
        place.write_text(yaml.safe_dump(content))
        return f"secrets/{name}"


@pytest.fixture
def aviary(
    another_repository: Callable[[], Repository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Aviary]:
    """A service that is laid out with every secret there is, and not started."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    echo_port, closed = free_ports(2)
    echo, folder = Echo(echo_port), tmp_path / "service"
    kept, signed = another_repository(), another_repository()
    service = lay_out(folder, kept, "kept", {**LOCAL, "structure": {"enabled": True}})
    service.settings["workers"] = 8
    nest = Nest(folder, {"git-password": kept.server.password})
    nest.lay("api-token")
    monkeypatch.setenv("CANARY_NETBOX", nest.canaries.setdefault("netbox-in-variable", canary("variable")))
    nest.canaries["webhook"] = service.webhook_secret.decode()
    in_signed = service.add_fabric("signed", {**LOCAL, "structure": {"enabled": True}}, signed)
    in_signed.repository_settings["commit"] = {"signing_key_file": nest.lay("signing-key"), "signing_format": "ssh"}
    _add_repositories(service, nest, echo, closed)
    _add_targets(service, nest, echo, closed)
    _add_listeners(service, nest, echo)
    for one, extra in ((service, {}), (in_signed, RAW)):
        one.repository.push_files({f"{one.path}/{name}": text for name, text in {**files(), **extra}.items()})
    yield Aviary(service, echo, nest.canaries)
    service.close()


def _add_repositories(service: Installation, nest: Nest, echo: Echo, closed: int) -> None:
    """One whose server repeats what it is shown, and one over ssh at which nobody listens."""
    make_key(nest.folder / "secrets" / "ssh-key")
    nest.canaries["ssh-key"] = (nest.folder / "secrets" / "ssh-key").read_text()
    password = nest.lay("echoed-password", canary("echoed-password", ODD))
    hook = {"provider": "gitlab", "secret_file": nest.lay("gitlab-token")}
    known = nest.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{closed} {(nest.folder / 'secrets' / 'ssh-key.pub').read_text()}")
    ssh = {"ssh_key_file": "secrets/ssh-key", "known_hosts_file": str(known)}
    service.settings["repositories"] += [
        {
            "name": "echoed",
            "url": f"{echo.url}/net/gitops.git",
            "allow_local": True,
            "auth": {"username": "bot", "password_file": password},
            "webhook": hook,
            "forge": {"kind": "gitlab", "api_url": f"{echo.url}/api/v4", "token_file": nest.lay("forge")},
        },
        {"name": "sshed", "url": f"ssh://git@127.0.0.1:{closed}/net/gitops.git", "auth": ssh},
    ]
    for name in ("echoed", "sshed"):
        service.settings["fabrics"].append({"name": name, "repository": name, "path": f"fabrics/{name}", **LOCAL})


def _add_targets(service: Installation, nest: Nest, echo: Echo, closed: int) -> None:
    """Clusters and NetBoxes that repeat what they are shown, or do not listen, or whose secrets are of no use."""
    nest.canaries["kube-token"] = canary("kube-token")
    by_token = nest.kubeconfig("echo.kubeconfig", echo.url, {"token": nest.canaries["kube-token"]})
    netbox = {
        "url": echo.url,
        "token_file": nest.lay("netbox-token"),
        "webhook_secret_file": nest.lay("netbox-webhook"),
    }
    by_file = {"server": f"https://127.0.0.1:{closed}", "token_file": nest.lay("cluster-token")}
    targets: dict[str, JSONObject] = {
        "echoing": {"cluster": {"kubeconfig": by_token}},
        "mirrored": {**LOCAL, "netbox": {**netbox, "site": "mirrored"}},
        "closed": {
            "cluster": by_file,
            "netbox": {"url": f"http://127.0.0.1:{closed}", "token_env": "CANARY_NETBOX", "site": "closed"},
        },
    }
    for name, found in targets.items():
        service.add_fabric(name, found)


def _add_listeners(service: Installation, nest: Nest, echo: Echo) -> None:
    """Receivers of notifications and of traces, which repeat what they are shown."""
    at_once = {"error": 0, "out_of_sync": 0, "disabled": 0, "recovery": 0}
    token, secret = nest.lay("alerts"), nest.lay("receiver-secret")
    address = canary("receiver-url")
    addressed = nest.lay("receiver-url", f"{echo.url}/{address}")
    nest.canaries["receiver-url"] = address  # the rest of the URL is none
    service.settings["notifications"] = [
        {"name": "chat", "kind": "slack", "url_file": addressed, "after": at_once},
        {"name": "hook", "kind": "webhook", "url": echo.url, "secret_file": secret, "after": at_once},
        {"name": "alerts", "kind": "alertmanager", "url": echo.url, "token_file": token, "after": at_once},
    ]
    nest.canaries["tracing"] = canary("tracing")
    headers = nest.lay("tracing-headers", f"Authorization: Bearer {nest.canaries['tracing']}")
    service.settings["tracing"] = {"endpoint": f"{echo.url}/v1/traces", "headers_file": headers}


def test_no_secret_shows(aviary: Aviary) -> None:
    """Servers that repeat what they are shown, or refuse connections; hooks that quote; keys that cannot be used;
    strangers who guess: nothing of it is in logs, answers, metrics, the state, files that are left, what commands say,
    or what the machine tells of processes.
    """
    service = aviary.service
    service.write_settings()
    _refuse_quoting(service.repository, aviary.canaries)
    with listening(aviary.echo):
        service.start()
        with watched(service.process.pid) as seen:
            for status in (401, 307):
                aviary.echo.status = status
                _push_to_echo(aviary)
                _reconcile(aviary)
            _drop(aviary)
            _break_configuration(aviary)
            _ask_everything(aviary)
            _run_commands(aviary)
    _reconcile(aviary)
    _deliver_wrongly(aviary)
    _ask_everything(aviary)
    assert service.stop() == 0
    _read_what_is_left(aviary)
    aviary.show("command lines", b"\n".join(seen.commands))
    _show_environments(aviary, seen)

    assert aviary.found() == {}
    _assert_in_play(aviary, seen)


def _refuse_quoting(repository: Repository, canaries: Mapping[str, str]) -> None:
    """From the next push on the host declines what the reconciler commits, in words that it should not use."""
    password = canaries["git-password"]
    basic = base64.b64encode(f"lab:{password}".encode()).decode()
    hook = repository.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    words = f"declined: {password} {quote(password, safe='')} Authorization: Basic {basic}"
    author = "git log -1 --format=%an $new"
    hook.write_text(
        "#!/bin/sh\nread old new ref\n"
        f"test \"$({author})\" = Lab && exit 0\necho '{words}' >&2\necho 'error: {words}' >&2\nexit 1\n"
    )
    hook.chmod(0o755)


def _reconcile(aviary: Aviary) -> None:
    """A pass of every fabric, and what is shown of it."""
    answer = aviary.service.post("/reconcile", {"fabric": None, "wait": WAIT}, timeout=WAIT + 30)
    assert answer.status_code in {200, 202}, answer.text
    aviary.show("POST /reconcile", answer.content)
    _ask(aviary, ["/fabrics", "/healthz", "/metrics", *(f"/fabrics/{name}" for name in _names(aviary))])


def _push_to_echo(aviary: Aviary) -> None:
    """A delivery of GitLab, which sends its secret itself; its forge is to be told that the commit waits."""
    body = json.dumps(gitlab.push(commit=secrets.token_hex(20), url=f"{aviary.echo.url}/net/gitops.git")).encode()
    secret = aviary.canaries["gitlab-token"].encode()
    headers = gitlab.headers(body, delivery=secrets.token_hex(8), secret=secret)
    answer = requests.post(f"{aviary.service.url}/webhooks/gitlab", data=body, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    aviary.show("a delivery of GitLab", answer.content)


def _drop(aviary: Aviary) -> None:
    """What the reconciler commits, the host declines."""
    service = aviary.service
    commit = service.push(RAW, deliver=False)
    aviary.show("a delivery", service.deliver(commit).content)
    wait_until(lambda: "PushRefused" in service.log.read_text(), seconds=30, what="our push is refused")


def _break_configuration(aviary: Aviary) -> None:
    """A kubeconfig whose client key is none, while the service runs: refused, with a reason."""
    service, nest = aviary.service, Nest(aviary.service.folder, aviary.canaries)
    nest.canaries["client-key"] = canary("client-key")
    key = base64.b64encode(nest.canaries["client-key"].encode()).decode()
    user = {"client-certificate-data": key, "client-key-data": key}
    kubeconfig = nest.kubeconfig("key.kubeconfig", "https://127.0.0.1:1", user)
    wanted = {**service.settings, "fabrics": [*service.settings["fabrics"]]}
    wanted["fabrics"].append(
        {**service.fabric_settings, "name": "keyed", "path": "x", "cluster": {"kubeconfig": kubeconfig}}
    )
    service.write_configuration(yaml.safe_dump(wanted))
    wait_until(lambda: service.healthz()["components"]["configuration"]["reason"], what="the refusal is said")
    _ask(aviary, ["/healthz"])
    configuration = str(service.process.configuration)
    said = service.run_cli("check", "--config", configuration)
    assert said.returncode == 1
    aviary.show("check with an unusable key", f"{said.stdout}{said.stderr}".encode())
    service.write_settings()


ROUTES = ("/fabrics", "/healthz", "/metrics", "/livez", "/readyz", "/openapi.json", "/")
OF_FABRIC = ("/resources", "/passes", "/topology")


def _ask(aviary: Aviary, paths: Iterable[str], accept: str = "application/json") -> None:
    service = aviary.service
    for path in paths:
        answer = service.session.get(f"{service.url}{path}", headers={"Accept": accept}, timeout=30)
        headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        aviary.show(f"{path} as {accept}", headers.encode() + answer.content)


def _names(aviary: Aviary) -> list[str]:
    return [row["name"] for row in aviary.service.settings["fabrics"]]


def _ask_everything(aviary: Aviary) -> None:
    """Every route, as programs and as browsers ask."""
    names, pages = _names(aviary), ["/", *(f"/fabrics/{name}" for name in _names(aviary))]
    passes = [f"/fabrics/{name}/passes/{one['id']}" for name in names for one in _passes(aviary, name)[:2]]
    _ask(aviary, [*ROUTES, *pages, *(f"/fabrics/{name}{part}" for name in names for part in OF_FABRIC), *passes])
    _ask(aviary, ["/fabrics/echoing/plan", "/fabrics/mirrored/plan"])
    _ask(aviary, pages, "text/html")


def _passes(aviary: Aviary, name: str) -> list[JSONObject]:
    found: list[JSONObject] = aviary.service.get(f"/fabrics/{name}/passes")["passes"]
    return found


def _deliver_wrongly(aviary: Aviary) -> None:
    """Deliveries of strangers, with secrets where they do not belong."""
    service, canaries = aviary.service, aviary.canaries
    body = json.dumps(github.push()).encode()
    attempts: list[tuple[str, dict[str, str]]] = [
        ("/webhooks/github", {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={canaries['webhook']}"}),
        ("/webhooks/gitlab", {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": f"{canaries['gitlab-token']}x"}),
        ("/webhooks/netbox", {"X-Hook-Signature": canaries["netbox-webhook"]}),
        (f"/webhooks/github?secret={canaries['webhook']}", {"X-GitHub-Event": "push"}),
        ("/webhooks/none", {"Authorization": f"Bearer {canaries['api-token']}"}),
        ("/reconcile", {"Authorization": f"Bearer {canaries['api-token']}x"}),
        ("/reconcile", {"Authorization": f"Basic {canaries['api-token']}"}),
        (f"/fabrics/kept/suspend?token={canaries['api-token']}", {}),
    ]
    for path, headers in attempts:
        sent = {"Content-Type": "application/json", "X-GitHub-Delivery": "1", **headers}
        answer = requests.post(f"{service.url}{path}", data=body, headers=sent, timeout=30)
        assert answer.status_code >= 400, f"{path}: {answer.status_code}"
        aviary.show("refused deliveries", answer.content)
    named = github.repository() | {"clone_url": f"https://bot:{canaries['webhook']}@git.example.com/net/other.git"}
    foreign = service.deliver_body(json.dumps(github.push(repository=named)).encode())
    assert foreign.json()["result"] == "ignored"
    aviary.show("a delivery of another repository", foreign.content)


def _run_commands(aviary: Aviary) -> None:
    """What people see on their terminals, errors above all."""
    service, configuration = aviary.service, str(aviary.service.process.configuration)
    token = aviary.canaries["api-token"]
    userinfo = service.url.replace("//", f"//bot:{token}@")
    broken = service.folder / "broken.yaml"
    inline = {**service.settings, "state": f"sqlite:///state/x?password={token}"}
    inline["repositories"] = [{**inline["repositories"][0], "url": f"https://bot:{token}@git.example.com/a.git"}]
    inline["server"] = {**inline["server"], "api_token": token}
    broken.write_text(yaml.safe_dump(inline))
    commands = [
        ["check", "--config", configuration],
        ["serve", "--config", str(broken)],
        ["ingest", "signed", "--config", configuration],
        ["init-netbox", "mirrored", "--config", configuration],
        ["status"],
        ["status", "--server", userinfo],
    ]
    with ThreadPoolExecutor() as threads:
        for command, said in zip(commands, threads.map(lambda one: service.run_cli(*one), commands), strict=True):
            aviary.show(" ".join(command[:2]), f"{said.stdout}{said.stderr}".encode())
    broken.unlink()


def _read_what_is_left(aviary: Aviary) -> None:
    """The log, and every file of the service but those in which the secrets are."""
    folder = aviary.service.folder
    for place in (folder, folder.parent / "tmp"):
        for file in place.rglob("*"):
            if file.is_file() and folder / "secrets" not in file.parents:
                aviary.show(str(file.relative_to(folder.parent)), file.read_bytes())
    assert (folder / "state" / "reconciler.db").stat().st_size > 0
    left = [str(file) for file in (folder.parent / "tmp").rglob("*") if file.is_file()]
    assert left == []


STILL_OURS = {b"", sys.executable.encode(), b"env"}
"""What is, for a moment, a copy of the service: until it is the program, or until `env` has taken variables away."""


def _show_environments(aviary: Aviary, seen: ProcessesSeen) -> None:
    """Git is told in which file its password is, and nothing of any other secret."""
    for program, environments in seen.environments.items():
        if program not in STILL_OURS:
            aviary.show(f"environment of {program.decode()}", b"\0\0".join(environments))


def _assert_in_play(aviary: Aviary, seen: ProcessesSeen) -> None:
    """The secrets were used: a look for what was never there proves nothing."""
    shown = {name for name, secret in aviary.canaries.items() if any(secret in one for one in aviary.echo.shown)}
    assert shown >= {"echoed-password", "kube-token", "netbox-token", "forge", "alerts", "tracing", "receiver-url"}
    assert any(b"git" in program for program in seen.environments)
    log = aviary.pages["service/service.log"].decode()
    reasons = {json.loads(line).get("reason") for line in log.splitlines()}
    assert {"GitAccessDenied", "GitUnavailable", "ClusterUnavailable", "PushRefused", "SigningFailed"} <= reasons
    assert all(forms(secret) for secret in aviary.canaries.values())
