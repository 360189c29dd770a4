"""Keys and certificates that a kubeconfig holds itself: used for TLS by both clients, and left nowhere."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from kubernetes.aio.config import kube_config as asynchronous
from kubernetes.client import Configuration
from kubernetes.config import kube_config as blocking

from reconciler.errors import ConfigurationError
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.kubernetes.async_transport import AsyncTransport
from tests.lab.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reconciler.model.json import JSON


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files would be."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def issued(tmp_path: Path) -> Path:
    """A folder with the certificates of an authority, a server and a client."""
    authority = Authority(tmp_path / "issued")
    authority.issue_server("server")
    authority.issue_client("client", group="system:masters")
    return tmp_path / "issued"


@pytest.fixture
def url(issued: Path) -> Iterator[str]:
    """A server that speaks only to who has a certificate of the authority."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"gitVersion": "v1.32.4"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        log_message: ClassVar[Callable[..., None]] = lambda *_: None

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(issued / "ca.crt"))
    context.load_cert_chain(issued / "server.crt", issued / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def _access(issued: Path, url: str, **user: str) -> ClusterAccess:
    """By a kubeconfig that holds everything itself; `user` replaces what it says of the user."""

    def data(name: str) -> str:
        return base64.b64encode((issued / name).read_bytes()).decode()

    keys = user or {"client-certificate-data": data("client.crt"), "client-key-data": data("client.key")}
    cluster = {"server": url, "certificate-authority-data": data("ca.crt")}
    content = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "me", "user": keys}],
    }
    path = issued / "kubeconfig"
    path.write_text(json.dumps(content), encoding="utf-8")
    return ClusterAccess(kubeconfig=path)


def _kept() -> dict[str, Any]:
    """What the client library remembers of keys."""
    return {**blocking._temp_files, **asynchronous._temp_files}


def test_the_client_of_passes(folder: Path, issued: Path, url: str) -> None:
    """It is let in, with keys of which nothing is left on disk or in the library's memory."""
    cluster = KubernetesCluster(_access(issued, url), "default")
    left = (list(folder.iterdir()), _kept())

    assert cluster.version() == "v1.32.4"
    assert left == ([], {})
    cluster.close()


def test_the_client_of_watches(folder: Path, issued: Path, url: str) -> None:
    """It is let in, with keys of which nothing is left on disk or in the library's memory."""
    transport = AsyncTransport(_access(issued, url))
    left = (list(folder.iterdir()), _kept())

    async def version() -> JSON:
        try:
            return (await transport.get("/version")).body
        finally:
            await transport.close()

    assert asyncio.run(version()) == {"gitVersion": "v1.32.4"}
    assert left == ([], {})


def test_keys_are_private_while_they_are_files(folder: Path, issued: Path, url: str) -> None:
    """Nobody else may enter the folder that they are in."""
    with _access(issued, url).filled(Configuration()) as configuration:
        (private,) = folder.iterdir()

        assert private.stat().st_mode & 0o777 == 0o700
        assert configuration.key_file == str(private / "client-key")

    assert not private.exists()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("Y2FuYXJ5", id="no certificate"),
        pytest.param("canary", id="no base64"),
        pytest.param(5, id="no text"),
    ],
)
@pytest.mark.parametrize("client", [lambda access: KubernetesCluster(access, "default"), AsyncTransport])
def test_keys_that_cannot_be_used(
    folder: Path, issued: Path, client: Callable[[ClusterAccess], object], data: Any
) -> None:
    """They are refused when the client is made, without what they are, and are not left either."""
    access = _access(issued, "https://127.0.0.1:1", **{"client-certificate-data": data, "client-key-data": data})

    with pytest.raises(ConfigurationError, match=r"cannot be used: ") as raised:
        client(access)

    assert "canary" not in raised.value.message
    assert (list(folder.iterdir()), _kept()) == ([], {})
