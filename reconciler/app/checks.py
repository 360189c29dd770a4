"""`reconciler check`: does every connection of a configuration work, and may we do there what we need to?"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.app.forges import forge_accesses
from reconciler.app.netbox_checks import NetBoxLook
from reconciler.app.notifications import access_of as receiver_access
from reconciler.app.publishers import build_publisher
from reconciler.app.subjects import build_cluster, build_mirrors
from reconciler.app.telling import silent
from reconciler.desired.publishing import Waiting
from reconciler.desired.source import no_directory
from reconciler.errors import ClusterAccessError, KindNotServedError, ReconcilerError, StalledError
from reconciler.model.kinds import DECLARABLE
from reconciler.plan.cluster_rights import needed_rights
from reconciler.settings import warnings_of
from reconciler.status.forges import ForgeProbe
from reconciler.status.notifications import look_at_receiver
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.app.telling import Tell
    from reconciler.desired.git import Mirror
    from reconciler.model.revision import Revision
    from reconciler.model.served import Served
    from reconciler.ports import Cluster
    from reconciler.settings import FabricSettings, Settings


@dataclass(frozen=True, slots=True)
class Check:
    """What was tried, and how it went. `state` is ok, failing or warning. `advice` is what to do, where it is about
    this finding alone.
    """

    subject: str
    state: str
    message: str
    advice: str = ""


def run_checks(settings: Settings, tell: Tell = silent) -> Iterator[Check]:
    """Try everything, one after another; what fails stops nothing. Writes nothing that stays: a service that runs on
    the same state must not notice.
    """
    for warned in warnings_of(settings):
        yield Check(f"configuration {warned.key}", "warning", warned.message, warned.advice)
    with TemporaryDirectory(prefix="reconciler-check-") as folder:
        for name, mirror in build_mirrors(settings, Path(folder)).items():
            tell(f"repository {name}: asking {mirror.remote.place}")
            check = _try(f"repository {name}", partial(_reach_repository, mirror))
            yield check
            if check.state == "ok" and _is_committed_to(name, settings):
                tell(f"repository {name}: trying a push")
                yield _try(f"repository {name}: push", partial(_push_to_repository, settings, name, mirror))
            if check.state == "ok":
                yield from _check_directories([one for one in settings.fabrics if one.repository == name], mirror, tell)
    for name, access in forge_accesses(settings).items():
        tell(f"repository {name}: asking its forge")
        yield Check(f"repository {name}: forge", *ForgeProbe(access).look())
    for fabric in settings.fabrics:
        yield from _check_fabric(fabric, tell)
    for receiver in settings.notifications:
        look = look_at_receiver(receiver_access(receiver, settings.server.public_url))
        yield Check(f"notification {receiver.name}", *look)


def _check_directories(fabrics: Sequence[FabricSettings], mirror: Mirror, tell: Tell) -> Iterator[Check]:
    """Whether the branch has what passes will read: a path may be mistyped."""
    wanted = [one for one in fabrics if one.enabled]
    if not wanted:
        return
    tell(f"repository {mirror.remote.name}: fetching it")
    try:
        tip = mirror.fetch()
    except ReconcilerError as error:
        yield Check(f"repository {mirror.remote.name}: fetch", "failing", f"{error.reason}: {error.message}")
        return
    for fabric in wanted:
        yield _try(f"fabric {fabric.name}: directory", partial(_find_directory, fabric, mirror, tip))


def _find_directory(fabric: FabricSettings, mirror: Mirror, tip: Revision) -> str:
    path = fabric.path.strip("/")
    if mirror.tree(tip, path) is None:
        problem = no_directory(fabric.name, path, tip)
        raise StalledError(f"{problem.place}: {problem.message}", reason=problem.rule)
    return f"{tip} has {path}"


def _check_fabric(fabric: FabricSettings, tell: Tell) -> Iterator[Check]:
    targets = {"cluster": (fabric.cluster, _check_cluster), "netbox": (fabric.netbox, _check_netbox)}
    for target, (configured, check) in targets.items():
        subject = f"fabric {fabric.name}: {target}"
        tell(f"{subject}: asking it")
        if target in fabric.simulated:
            yield Check(subject, "ok", "simulated: an embedded store, always there")
        elif configured is not None:
            yield from check(subject, fabric)


def _check_cluster(subject: str, fabric: FabricSettings) -> Iterator[Check]:
    check = _try(subject, partial(_reach_cluster, fabric))
    yield check
    if check.state == "ok":
        yield _check_schemas(fabric)


def _check_netbox(subject: str, fabric: FabricSettings) -> Iterator[Check]:
    assert fabric.netbox is not None  # noqa: S101 - the caller asks only where one is configured
    look = NetBoxLook(fabric.netbox)
    check = _try(subject, look.reach)
    yield check
    if (lacking := look.lacking_for_setup()) is not None:
        yield Check(f"{subject} setup", "warning", lacking)
    if check.state == "ok":
        yield _check_version(f"{subject} version", look)


def _check_version(subject: str, look: NetBoxLook) -> Check:
    try:
        return Check(subject, *look.judge())
    except ReconcilerError as error:
        return Check(subject, "failing", f"{error.reason}: {error.message}")


def _try(subject: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(subject, "ok", attempt())
    except ReconcilerError as error:
        return Check(subject, "failing", f"{error.reason}: {error.message}")


def _reach_repository(mirror: Mirror) -> str:
    mirror.check()
    return f"{mirror.remote.place} answers, and has the branch {mirror.remote.branch}"


def _is_committed_to(repository: str, settings: Settings) -> bool:
    """Whether passes commit to it."""
    return any(
        one.repository == repository and one.enabled and one.structure.enabled and one.structure.push
        for one in settings.fabrics
    )


def _push_to_repository(settings: Settings, name: str, mirror: Mirror) -> str:
    commit = settings.repository(name).commit
    build_publisher(commit, mirror, SystemClock(), Waiting(threading.Event().wait)).check()
    how = "signed commits" if commit.signing_key else "commits"
    return f"{how} of {commit.author} <{commit.email}> may be pushed; only a push tells whether the branch is protected"


def _cluster_of(fabric: FabricSettings) -> Cluster:
    cluster = build_cluster(fabric, MemoryDocuments())
    assert cluster is not None  # noqa: S101 - the caller asks only where one is configured
    return cluster


def _reach_cluster(fabric: FabricSettings) -> str:
    cluster = _cluster_of(fabric)
    version = cluster.version()
    is_observer = fabric.cluster is not None and fabric.cluster.mode == "observe"
    needed = needed_rights(is_observer=is_observer)
    denied = [one for rights in needed for one in cluster.denied(rights.kinds, rights.verbs)]
    if denied:
        raise ClusterAccessError(f"{cluster.address} denies {', '.join(denied)}")
    return f"{cluster.address} is Kubernetes {version}, and grants every right that is needed"


def _check_schemas(fabric: FabricSettings) -> Check:
    """Whether what Git may hold can be checked, and applied, as this version knows it."""
    subject = f"fabric {fabric.name}: schemas"
    try:
        served = _cluster_of(fabric).served()
    except (ClusterAccessError, KindNotServedError) as error:
        message = f"documents are not checked before they are sent: {error.message}"
        return Check(subject, "warning", f"{error.reason}: {message}")
    except ReconcilerError as error:
        return Check(subject, "failing", f"{error.reason}: {error.message}")
    return Check(subject, *_judge(served))


def _judge(served: Served) -> tuple[str, str]:
    """State and message. A kind in another version than ours cannot be applied; that one is not served at all, or
    without a schema, may be so on purpose.
    """
    otherwise = [f"{kind.name} as {', '.join(served.others(kind))}" for kind in DECLARABLE if served.others(kind)]
    absent = [kind.name for kind in DECLARABLE if kind.name not in served.kinds]
    unchecked = [kind.name for kind in DECLARABLE if served.find(kind) and served.schema(kind) is None]
    found = [
        f"{text} {'; '.join(names)}"
        for text, names in (
            ("serves in another version than this one applies:", otherwise),
            ("does not serve", [", ".join(absent)] if absent else []),
            ("has no schema for", [", ".join(unchecked)] if unchecked else []),
        )
        if names
    ]
    if not found:
        return "ok", f"all {len(DECLARABLE)} kinds that Git may hold are served as this version applies them"
    return "failing" if otherwise else "warning", f"the cluster {', and '.join(found)}"
