"""No secret shows: not in what can be printed of any part, not in an error, not in the log."""

from __future__ import annotations

import json
import traceback
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from reconciler.app.parts import build_parts
from reconciler.cli.client import ApiClient
from reconciler.errors import ReconcilerError
from reconciler.model.kinds import OBSERVED
from reconciler.model.netbox import Projection
from reconciler.settings import SecretSource
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.netbox import NetBoxAccess, NetBoxServer
from tests.unit.app.configuration import CANARY, kubeconfig, settings
from tests.unit.leaks import refusing, said_of
from tests.unit.loopback import Answer, closed_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Attempt: TypeAlias = "Callable[[Path, str], object]"
"""Something that fails: with a folder for its files, and the address of a server."""

TOKEN = f"{CANARY}-kube-token".encode()


def _targets(folder: Path) -> tuple[dict[str, Any], ...]:
    """Fabrics with every way to name a secret, on addresses at which nobody listens."""
    path = kubeconfig(folder, "dc2.kubeconfig", "https://127.0.0.1:9")
    return (
        {
            "cluster": {"server": "https://127.0.0.1:7", "token_file": "secrets/kube-token"},
            "netbox": {"url": "http://127.0.0.1:7", "token_file": "secrets/netbox-token"},
        },
        {
            "cluster": {"kubeconfig": path, "namespace": "two"},
            "netbox": {"url": "http://127.0.0.1:9", "token_env": "NETBOX_TOKEN"},
        },
    )


OURS = {"reconciler", "webhooks"}
LOOKED_THROUGH = OURS | {"kubernetes", "pynetbox", "requests", "starlette"}


def _reachable(root: object) -> Iterator[object]:
    """The object and everything of ours that it holds, at any depth, also by way of the libraries."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        package = type(found).__module__.partition(".")[0]
        if package in OURS:
            yield found
        if package in LOOKED_THROUGH:
            waiting += _parts_of(found)
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list | tuple | set | frozenset):
            waiting += found
        elif isinstance(found, MethodType):
            waiting.append(found.__self__)
        elif isinstance(found, FunctionType):
            waiting += [cell.cell_contents for cell in found.__closure__ or ()]
        elif isinstance(found, partial):
            waiting += [found.func, *found.args]


def _parts_of(found: object) -> list[object]:
    slots = {name for kind in type(found).__mro__ for name in getattr(kind, "__slots__", ())}
    return [*getattr(found, "__dict__", {}).values(), *(getattr(found, name, None) for name in slots)]


def test_no_part_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of a whole service is printed, none of its secrets is in the text."""
    monkeypatch.setenv("NETBOX_TOKEN", f"{CANARY}-environment")
    found = settings(tmp_path, *_targets(tmp_path))
    parts = build_parts(found)

    shown = [(type(one).__name__, f"{one!r} {one!s}") for one in _reachable((found, parts))]
    parts.close()

    names = {name for name, _ in shown}
    assert {"Settings", "Parts", "Receiver", "TriggerIntake", "PassRunner", "Subject", "SecretSource"} <= names
    assert {"Mirror", "GitRemote", "KubernetesCluster", "NetBoxServer", "BoundedSession"} <= names
    assert {name for name, text in shown if CANARY in text} == set()


def test_the_look_reaches_secrets(tmp_path: Path) -> None:
    """The look of the test before goes so deep that it meets secrets: what it does not find does not show."""
    parts = build_parts(settings(tmp_path))

    secrets = [value for one in _reachable(parts) for value in _parts_of(one) if isinstance(value, bytes)]
    parts.close()

    assert f"{CANARY}-webhook".encode() in secrets


def _cluster(token: bytes = TOKEN) -> Attempt:
    def attempt(_folder: Path, url: str) -> object:
        access = ClusterAccess(server=url, token=lambda: token)
        return KubernetesCluster(access, "default", sleep=lambda _seconds: None).list(OBSERVED[0])

    return attempt


def _cluster_by_kubeconfig(folder: Path, url: str) -> object:
    access = ClusterAccess(kubeconfig=folder / kubeconfig(folder, "it.kubeconfig", url))
    return KubernetesCluster(access, "default", sleep=lambda _seconds: None).version()


def _netbox(token: bytes = TOKEN) -> Attempt:
    def attempt(_folder: Path, url: str) -> object:
        netbox = NetBoxServer(NetBoxAccess(url, lambda: token), sleep=lambda _seconds: None)
        return netbox.observe("dc1", Projection())

    return attempt


def _api(token: str = TOKEN.decode()) -> Attempt:
    return lambda _folder, url: ApiClient(url, token).get("/fabrics", "fabrics")


ATTEMPTS: dict[str, Attempt] = {
    "cluster": _cluster(),
    "cluster, by kubeconfig": _cluster_by_kubeconfig,
    "NetBox": _netbox(),
    "the service": _api(),
}
ODD_TOKENS: dict[str, Attempt] = {
    f"{name}, {kind}": make(token)
    for kind, token in (("two lines", TOKEN + b"\r\nx"), ("not ASCII", TOKEN + "ü☃".encode()))
    for name, make in (
        ("cluster", _cluster),
        ("NetBox", _netbox),
        ("the service", lambda token: _api(token.decode())),
    )
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_nobody_listens(attempt: Attempt, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A connection that cannot be made leaves no trace of the secret with which it was tried."""
    url = f"http://127.0.0.1:{closed_port()}"

    assert CANARY not in said_of(lambda: attempt(tmp_path, url), capsys)


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_refused(attempt: Attempt, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server to which the secret was shown, and that refused it, leaves no trace of it in the error."""
    with refusing() as server:
        said = said_of(lambda: attempt(tmp_path, server.url), capsys)

    assert all(CANARY in asked.headers["authorization"] for asked in server.asked), "the secret was in play"
    assert server.asked
    assert CANARY not in said


ECHOED = f"no: {TOKEN.decode()}, {CANARY}-kubeconfig, {CANARY}-kube-token"


@pytest.mark.parametrize("status", [401, 403, 500, 502])
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_refusal_that_repeats_the_secret(
    attempt: Attempt, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that shows the request that it refuses is quoted, but for the secret."""
    with refusing() as server:
        told = {"kind": "Status", "message": ECHOED, "detail": ECHOED, "error": {"message": ECHOED}}
        server.otherwise = Answer(status, json.dumps(told).encode())
        said = said_of(lambda: attempt(tmp_path, server.url), capsys)

    shown = {asked.headers["authorization"].partition(" ")[2] for asked in server.asked}
    assert {secret for secret in shown if secret in said} == set()


@pytest.mark.parametrize("attempt", ODD_TOKENS.values(), ids=ODD_TOKENS)
def test_tokens_that_no_header_can_carry(attempt: Attempt, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A token that HTTP refuses is refused without being quoted, and before anybody sees it."""
    with refusing() as server:
        assert CANARY not in said_of(lambda: attempt(tmp_path, server.url), capsys)

    assert server.asked == []


@pytest.mark.parametrize("content", [b"", b"x" * (64 * 1024) + CANARY.encode()], ids=["empty", "too large"])
def test_a_secret_that_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    """An unusable secret file is named, its content is not."""
    path = tmp_path / "secret"
    path.write_bytes(content)

    with pytest.raises(ReconcilerError) as failed:
        SecretSource(path).read()

    assert str(path) in failed.value.message
    assert CANARY not in "".join(traceback.format_exception(failed.value))
