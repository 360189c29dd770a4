"""A forge's commit statuses over real HTTP: as GitHub, GitLab or Gitea document the endpoint, with its refusals.

What a real one would refuse is refused: a request without the token in the header that the forge looks at, an unknown
project or commit, fields that it does not know, words for states that are another forge's, texts that are too long, and
at GitLab a state that the status is in.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Refusal: TypeAlias = tuple[int, dict[str, Any], dict[str, str]]
"""Status, body and headers of an answer."""

PREFIXES = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}
STATES = {
    "github": {"error", "failure", "pending", "success"},
    "gitlab": {"pending", "running", "success", "failed", "canceled", "skipped"},
    "gitea": {"pending", "success", "error", "failure", "warning"},
}
FIELDS = {
    "github": {"state", "target_url", "description", "context"},
    "gitlab": {"state", "ref", "name", "context", "target_url", "description", "coverage", "pipeline_id"},
    "gitea": {"state", "target_url", "description", "context"},
}
LONGEST = {"github": 140, "gitlab": 255, "gitea": 10_000}


@dataclass(frozen=True)
class Posted:
    """A status that was taken."""

    commit: str
    context: str
    state: str
    description: str
    target_url: str | None


@dataclass
class ForgeDouble:
    """One forge with one project. `fault` is asked before each answer: what it gives is answered instead."""

    kind: str
    project: str
    token: str
    has_commit: Callable[[str], bool] = field(default=lambda _: True)
    fault: Callable[[], Refusal | None] = field(default=lambda: None)
    posted: list[Posted] = field(default_factory=list)
    requests: int = 0
    may_write: bool = True
    port: int = 0
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIXES[self.kind]}"

    def settings(self, token_file: Path) -> dict[str, str]:
        return {"kind": self.kind, "api_url": self.api_url, "token_file": str(token_file)}

    def states(self, commit: str, context: str | None = None) -> list[str]:
        """The states of a commit in the order in which they came."""
        return [one.state for one in self.posted if one.commit == commit and context in {None, one.context}]

    def last(self, commit: str) -> Posted | None:
        return next((one for one in reversed(self.posted) if one.commit == commit), None)

    def start(self) -> None:
        """Listen, on the port of before where there was one."""
        double = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer, headers = double.answer(self.command, self.path, dict(self.headers), body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _answer  # noqa: N815 - the names that the base class looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
                """The test says what it needs to know."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
        self._server = None

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Refusal:
        self.requests += 1
        refusal = self.fault() or self._unauthorized(headers)
        if refusal is not None:
            return refusal
        path = target.removeprefix(PREFIXES[self.kind])
        if self.kind == "gitlab" and (method, path) == ("GET", "/personal_access_tokens/self"):
            return 200, {"scopes": ["api"]}, {}
        place = self._place()
        if path == place and method == "GET":
            return 200, self._rights(), {}
        if method != "POST" or not path.startswith(f"{place}/statuses/"):
            return _refused(404, {"github": "Not Found", "gitlab": "404 Project Not Found"}.get(self.kind, "not found"))
        if not self.may_write:
            return _refused(403, "403 Forbidden")
        return self._create(unquote(path.removeprefix(f"{place}/statuses/")), headers, body)

    def _place(self) -> str:
        if self.kind == "gitlab":
            return "/projects/" + self.project.replace("/", "%2F")
        return f"/repos/{self.project}"

    def _rights(self) -> dict[str, Any]:
        if self.kind == "gitlab":
            level = 30 if self.may_write else 20
            return {"permissions": {"project_access": {"access_level": level}, "group_access": None}}
        return {"permissions": {"admin": False, "push": self.may_write, "pull": True}}

    def _unauthorized(self, headers: dict[str, str]) -> Refusal | None:
        shown = {
            "github": headers.get("Authorization") == f"Bearer {self.token}",
            "gitlab": headers.get("PRIVATE-TOKEN") == self.token,
            "gitea": headers.get("Authorization") == f"token {self.token}",
        }
        return None if shown[self.kind] else _refused(401, "Bad credentials")

    def _create(self, commit: str, headers: dict[str, str], body: bytes) -> Refusal:
        if headers.get("Content-Type") != "application/json":
            return _refused(415, "Unsupported Media Type")
        fields = json.loads(body)
        if not self.has_commit(commit):
            return {
                "github": _refused(422, f"No commit found for SHA: {commit}"),
                "gitlab": _refused(404, "404 Commit Not Found"),
                "gitea": _refused(500, f"GetCommit[{commit}]: object does not exist [id: {commit}, rel_path: ]"),
            }[self.kind]
        wrong = self._wrong(fields)
        if wrong is not None:
            return wrong
        context = fields.get("context") or fields.get("name") or "default"
        self.posted.append(
            Posted(commit, context, fields["state"], fields.get("description", ""), fields.get("target_url"))
        )
        return 201, {"id": len(self.posted)}, {}

    def _wrong(self, fields: dict[str, Any]) -> Refusal | None:
        state, text = fields.get("state"), fields.get("description", "")
        if not fields.keys() <= FIELDS[self.kind] or not all(isinstance(one, str) for one in fields.values()):
            return _refused(422, "Invalid request")
        if state not in STATES[self.kind]:
            return _refused(400 if self.kind == "gitlab" else 422, "state does not have a valid value")
        if len(text) > LONGEST[self.kind]:
            return _refused(422, f"description is too long (maximum is {LONGEST[self.kind]} characters)")
        if self.kind == "gitlab":
            return self._transition(fields)
        return None

    def _transition(self, fields: dict[str, Any]) -> Refusal | None:
        """A status that has not ended is the one that is moved, and not to where it is."""
        known = [one.state for one in self.posted if one.context == fields.get("name")]
        last = known[-1] if known else None
        event = {"pending": "enqueue", "running": "run"}.get(fields["state"])
        if event is None or last not in {"pending", "running"} or (last == "pending" and event == "run"):
            return None
        message = (
            f'Cannot transition status via :{event} from :{last} (Reason(s): Status cannot transition via "{event}")'
        )
        return _refused(400, message)


def _refused(status: int, message: str) -> Refusal:
    return status, {"message": message}, {}
