"""A Git server over HTTPS: Git's own `http-backend` behind basic authentication.

A program of the lab, started by `git_server.GitServer` with the folder that both know:
`python -m tests.lab.git_http FOLDER`. See git-http-backend(1) for the protocol (CGI) between the two.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tests.lab.git_files import Fault, GitFiles
from tests.lab.packages import locate
from tests.lab.ports import HOST

if TYPE_CHECKING:
    import socket

    from tests.lab.commands import Command

_LARGEST_BODY = 256 << 20
_BLOCK = 1 << 16
_LONGEST_LINE = 1 << 16
_IDLE = 60.0
_LONGEST_HANG = 600.0
_HANG_STEP = 0.1
_BACKEND_WAIT = 60.0


class _TooLargeError(Exception):
    """A request's body is larger than this server takes."""


class GitHTTPServer(ThreadingHTTPServer):
    """Serves one folder until the process ends."""

    daemon_threads = True

    def __init__(self, files: GitFiles) -> None:
        state = files.state()
        self.files = files
        self.authorization = "Basic " + base64.b64encode(f"{state.username}:{state.password}".encode()).decode()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(files.certificates / "server.crt", files.certificates / "server.key")
        super().__init__((HOST, state.port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Leave the handshake to the connection's own thread: a silent client would stop all others here."""
        connection, address = super().get_request()
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, _request: Any, client_address: Any) -> None:
        """One line: clients that refuse the certificate or go away are what tests do."""
        error = sys.exception() if sys.version_info >= (3, 12) else sys.exc_info()[1]
        sys.stderr.write(f"{client_address}: {error!r}\n")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    server: GitHTTPServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_request(self, code: int | str = "-", _size: int | str = "-") -> None:
        """Count the request; the base class calls this before the first byte of an answer leaves."""
        url = urlsplit(self.path)
        line = {"method": self.command, "path": url.path, "query": url.query, "code": int(code)}
        with self.server.files.journal.open("ab", buffering=0) as journal:
            journal.write(json.dumps(line).encode() + b"\n")

    def _serve(self) -> None:
        with tempfile.TemporaryFile() as body:
            try:
                self._read_body(body)
            except _TooLargeError:
                self.close_connection = True
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            body.seek(0)
            fault = self._fault_after_hanging()
            if fault is Fault.UNAVAILABLE:
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            elif not hmac.compare_digest(self.headers.get("Authorization", ""), self.server.authorization):
                self._refuse(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="lab"'})
            else:
                self._answer_from_backend(body)

    def _fault_after_hanging(self) -> Fault | None:
        """The fault set for the repository; hanging lasts until it is taken back, at most ten minutes."""
        repository = unquote(urlsplit(self.path).path).strip("/").partition("/")[0].removesuffix(".git")
        pause = threading.Event()
        for _ in range(int(_LONGEST_HANG / _HANG_STEP)):
            fault = self.server.files.faults().get(repository)
            if fault is not Fault.HANG:
                return fault
            pause.wait(_HANG_STEP)
        return Fault.UNAVAILABLE

    def _read_body(self, target: IO[bytes]) -> None:
        """Take the whole body first: it may be larger than a pipe, and the backend answers while it reads."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(_LONGEST_LINE).partition(b";")[0], 16):
                self._copy(size, target)
                self.rfile.readline(_LONGEST_LINE)
            while self.rfile.readline(_LONGEST_LINE).strip():
                continue
        else:
            self._copy(int(self.headers.get("Content-Length", "0")), target)

    def _copy(self, size: int, target: IO[bytes]) -> None:
        if target.tell() + size > _LARGEST_BODY:
            raise _TooLargeError
        while size and (block := self.rfile.read(min(size, _BLOCK))):
            target.write(block)
            size -= len(block)

    def _answer_from_backend(self, body: IO[bytes]) -> None:
        command: Command = [locate("git"), "http-backend"]
        with subprocess.Popen(command, stdin=body, stdout=subprocess.PIPE, env=self._backend_environment(body)) as git:
            output = git.stdout
            if output is None:  # never with PIPE
                raise BrokenPipeError
            status, headers = _read_cgi_headers(output)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while block := output.read(_BLOCK):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
            self.wfile.write(b"0\r\n\r\n")
            git.wait(_BACKEND_WAIT)

    def _backend_environment(self, body: IO[bytes]) -> dict[str, str]:
        url = urlsplit(self.path)
        return {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_PROJECT_ROOT": str(self.server.files.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(url.path),
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(os.fstat(body.fileno()).st_size),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": self.server.files.state().username,
            "REMOTE_ADDR": self.client_address[0],
        }

    def _refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _read_cgi_headers(output: IO[bytes]) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers of a CGI answer (RFC 3875, section 6.3); no Status header means 200."""
    status, headers = int(HTTPStatus.OK), []
    while line := output.readline(_LONGEST_LINE).decode("latin-1").strip():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers.append((name, value.strip()))
    return status, headers


if __name__ == "__main__":
    GitHTTPServer(GitFiles(Path(sys.argv[1]))).serve_forever()
