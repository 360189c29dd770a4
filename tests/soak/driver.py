"""Does what the schedule says: pushes, edits by others, outages, ends of the service."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import requests

from reconciler.model.kinds import KINDS
from tests.lab.errors import LabError
from tests.soak import edits, reading
from tests.soak.journal import NOT_POSSIBLE
from tests.soak.schedule import MIRRORED, Action
from tests.soak.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model.json import JSONObject
    from tests.lab.server import Server
    from tests.soak.edits import Files
    from tests.soak.journal import Journal
    from tests.soak.schedule import Step
    from tests.soak.world import SoakFabric, SoakWorld

_PUSH_TRIES = 5
"""Of a push that somebody else was faster than: the reconciler commits too."""

_ANSWER_TIMEOUT = 40.0
"""Seconds in which a call to the service may be refused, because it is being started again."""

_STOP_TIMEOUT = 20.0
"""Seconds that the service has after SIGTERM."""

_ALWAYS = {Action.STOP_SERVER, Action.START_SERVER, Action.KILL, Action.TERMINATE, Action.SUSPEND, Action.RESUME}
"""What rests on nothing that may be away."""

_MERGE = "application/merge-patch+json"


class Driver:
    """Does one step after another. `requests` are those that the service accepted of it."""

    def __init__(self, world: SoakWorld, journal: Journal) -> None:
        self._world = world
        self._journal = journal
        self.requests: list[str] = []
        self.violations: list[Violation] = []
        self._acts: dict[Action, Callable[[Step], str]] = {
            Action.CHANGE: lambda step: self._push(step, edits.changed),
            Action.NEW: lambda step: self._push(step, edits.new),
            Action.DELETE: lambda step: self._push(step, edits.deleted),
            Action.BREAK: lambda step: self._push(step, lambda _texts, number: edits.broken(number)),
            Action.REPAIR: lambda step: self._push(step, lambda texts, _number: edits.repaired(texts)),
            Action.DROP: lambda step: self._push(step, lambda _texts, number: edits.dropped(number)),
            Action.EDIT_OBJECT: self._edit_object,
            Action.DELETE_OBJECT: self._delete_object,
            Action.MAKE_OBJECT: self._make_object,
            Action.EDIT_RECORD: self._edit_record,
            Action.DELETE_RECORD: self._delete_record,
            Action.MAKE_RECORDS: self._make_records,
            Action.STOP_SERVER: self._stop_server,
            Action.START_SERVER: self._start_server,
            Action.KILL: self._kill,
            Action.TERMINATE: self._terminate,
            Action.SUSPEND: self._suspend,
            Action.RESUME: self._resume,
            Action.RECONCILE: self._reconcile,
        }

    def run(self, steps: Sequence[Step]) -> None:
        """All steps, each when it is due, or as soon as those before it are done."""
        began = time.monotonic()
        for step in steps:
            time.sleep(max(0.0, began + step.at - time.monotonic()))
            self.do(step)

    def do(self, step: Step) -> None:
        """One step. What cannot be done at the moment, because the server for it is away, or because what it was meant
        for went away in between, is not done, and said so.
        """
        with self._journal.doing(step.action, step.target) as words:
            try:
                words.append(self._acts[step.action](step))
            except (LabError, requests.RequestException, AssertionError) as error:
                if step.action in _ALWAYS:
                    raise
                words.append(f"{NOT_POSSIBLE}: {str(error).splitlines()[0][:80]}")

    def settle(self) -> None:
        """Take back what may keep a fabric from being in sync: servers that are away, suspensions, broken files."""
        for server in self._servers():
            if not server.is_running():
                server.start()
        for name, fabric in self._world.fabrics.items():
            if self._call("GET", f"/fabrics/{name}").json()["suspended"]:
                self._call("POST", f"/fabrics/{name}/resume", {})
            self._commit(fabric, lambda texts, _number: edits.repaired(texts), 0)

    def _servers(self) -> list[Server]:
        lab = self._world.lab
        return [lab.git, lab.kubernetes, lab.netbox]

    # Git

    def _push(self, step: Step, edit: Callable[[dict[str, str], int], Files]) -> str:
        return self._commit(self._world.fabrics[step.target], edit, step.number)

    def _commit(self, fabric: SoakFabric, edit: Callable[[dict[str, str], int], Files], number: int) -> str:
        for attempt in range(_PUSH_TRIES):
            repository, path = fabric.view.repository, fabric.view.path
            files = edit(reading.files(repository, reading.tip(repository), path), number)
            if not files:
                return "nothing to do"
            try:
                commit = repository.push_files({f"{path}/{name}": text for name, text in files.items()})
            except (LabError, FileNotFoundError):
                # somebody pushed meanwhile, or moved the file
                if attempt + 1 == _PUSH_TRIES or not repository.server.is_running():
                    raise
            else:
                return f"{commit[:12]} {', '.join(files)}"
        return "not pushed"

    # the cluster

    def _path(self, fabric: SoakFabric, kind: str, name: str = "") -> str:
        of = KINDS[kind]
        namespace = fabric.cluster.namespace
        return f"/apis/{of.group}/{of.version}/namespaces/{namespace}/{of.plural}/{name}".rstrip("/")

    def _edit_object(self, step: Step) -> str:
        """Somebody gives a VPC another VLAN, or a server another description."""
        fabric = self._world.fabrics[step.target]
        kind = ("VPC", "Server")[step.number % 2]
        name, live = self._choose(fabric, kind, step.number)
        spec: JSONObject = {"description": f"edited {step.number}"}
        if kind == "VPC":
            spec = {"subnets": {next(iter(live["spec"]["subnets"])): {"vlan": 2900 + step.number % 90}}}
        path = f"{self._path(fabric, kind, name)}?fieldManager=somebody"
        fabric.cluster.server.api.request("PATCH", path, {"spec": spec}, content_type=_MERGE)
        return f"{kind}/{name}"

    def _delete_object(self, step: Step) -> str:
        fabric = self._world.fabrics[step.target]
        kind = ("VPCAttachment", "Connection", "Server")[step.number % 3]
        name, _ = self._choose(fabric, kind, step.number)
        fabric.cluster.server.api.request("DELETE", self._path(fabric, kind, name))
        return f"{kind}/{name}"

    def _choose(self, fabric: SoakFabric, kind: str, number: int) -> tuple[str, JSONObject]:
        """One of the objects that are there; those of others are left alone."""
        items = fabric.cluster.server.api.request("GET", self._path(fabric, kind))["items"]
        names = [item["metadata"]["name"] for item in items if not item["metadata"]["name"].startswith("somebodys")]
        if not names:
            raise LabError(f"no {kind} in {fabric.name}")
        name = names[number % len(names)]
        return name, next(item for item in items if item["metadata"]["name"] == name)

    def _make_object(self, step: Step) -> str:
        fabric = self._world.fabrics[step.target]
        name = f"somebodys-{step.number}"
        body = {"apiVersion": KINDS["Server"].api_version, "kind": "Server", "metadata": {"name": name}, "spec": {}}
        fabric.cluster.server.api.request("POST", f"{self._path(fabric, 'Server')}?fieldManager=somebody", body)
        return f"Server/{name}"

    # NetBox

    def _edit_record(self, step: Step) -> str:
        netbox = self._world.people.netbox
        model, fields = (
            ("ipam/vlans", {"vid": 2800 + step.number % 90}),
            ("dcim/devices", {"description": f"edited {step.number}"}),
            ("ipam/vrfs", {"name": f"edited {step.number}"}),
        )[step.number % 3]
        record = self._record(model, step.number)
        netbox.update(model, record, fields)
        return f"{model} {record['custom_fields']['hh_key']}"

    def _delete_record(self, step: Step) -> str:
        model = ("ipam/prefixes", "dcim/cables")[step.number % 2]
        record = self._record(model, step.number)
        self._world.people.netbox.delete(model, record)
        return f"{model} {record['custom_fields']['hh_key']}"

    def _record(self, model: str, number: int) -> JSONObject:
        owned = sorted(self._world.people.netbox.owned(model).items())
        if not owned:
            raise LabError(f"no {model} of {MIRRORED} yet")
        return owned[number % len(owned)][1]

    def _make_records(self, _step: Step) -> str:
        self._world.people.around(1)
        return ""

    # the service and its servers

    def _stop_server(self, step: Step) -> str:
        self._server(step).stop()
        return ""

    def _start_server(self, step: Step) -> str:
        self._server(step).start()
        return ""

    def _server(self, step: Step) -> Server:
        (found,) = [server for server in self._servers() if server.name == step.target]
        return found

    def _kill(self, _step: Step) -> str:
        pid = self._world.supervisor.pid
        self._world.supervisor.signal(signal.SIGKILL)
        return f"process {pid}"

    def _terminate(self, _step: Step) -> str:
        """It ends by itself, in time and without an error."""
        supervisor = self._world.supervisor
        self._call("GET", "/livez")  # a process that has not come so far yet ends as any program does
        ends, began = len(supervisor.codes), time.monotonic()
        supervisor.signal(signal.SIGTERM)
        while len(supervisor.codes) == ends and time.monotonic() - began < _STOP_TIMEOUT + 5:
            time.sleep(0.05)
        took = time.monotonic() - began
        code = supervisor.codes[-1] if len(supervisor.codes) > ends else None
        if code != 0 or took > _STOP_TIMEOUT:
            self.violations.append(Violation(time.time(), "SIGTERM", f"exit code {code} after {took:.1f} s"))
        return f"exit code {code} after {took:.1f} s"

    def _suspend(self, step: Step) -> str:
        return str(self._call("POST", f"/fabrics/{step.target}/suspend", {"reason": "soak"}).status_code)

    def _resume(self, step: Step) -> str:
        return self._accepted(self._call("POST", f"/fabrics/{step.target}/resume", {}))

    def _reconcile(self, step: Step) -> str:
        fabric = step.target if step.number % 2 else None
        return self._accepted(self._call("POST", "/reconcile", {"fabric": fabric, "wait": 0}))

    def _accepted(self, answer: requests.Response) -> str:
        self.requests += [request["id"] for request in answer.json().get("requests", [])]
        return str(answer.status_code)

    def _call(self, method: str, path: str, body: JSONObject | None = None) -> requests.Response:
        """The answer, as soon as there is one: whoever asks while the service starts again asks again."""
        service = self._world.service
        headers = {"Authorization": f"Bearer {service.token_file.read_text()}"}
        deadline = time.monotonic() + _ANSWER_TIMEOUT
        data = None if body is None else json.dumps(body)
        while True:
            try:
                return requests.request(
                    method, f"{service.url}{path}", data=data, headers={**headers, **_JSON}, timeout=_ANSWER_TIMEOUT
                )
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


_JSON = {"Content-Type": "application/json"}
