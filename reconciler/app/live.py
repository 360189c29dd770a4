"""The configuration of the moment, and everything that was made of it: it changes whole, or not at all."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.app.forges import told
from reconciler.app.notifications import notified
from reconciler.app.receivers import providers, receivers
from reconciler.app.subjects import access_of, refuse_shared, remote_of
from reconciler.reconcile import Subject
from reconciler.settings import check_reload, named_files
from reconciler.settings.secret import UnusableError, read_file
from reconciler.status.reporter import Described
from reconciler.targets.kubernetes.connection import SERVICE_ACCOUNT
from reconciler.targets.netbox import NetBoxServer
from reconciler.triggers.branches import LocalBranch
from reconciler.triggers.files import digests
from reconciler.triggers.intake import Configured
from reconciler.triggers.watch.cluster import CachedCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from reconciler.app.subjects import Stock
    from reconciler.desired.remote import GitRemote
    from reconciler.model.agents import AgentStatus
    from reconciler.model.fabric import Fabric
    from reconciler.ports import NetBox
    from reconciler.settings import CommitSettings, FabricSettings, RepositorySettings, Settings
    from reconciler.status.commit_status import Told
    from reconciler.status.notifications import Notified
    from reconciler.triggers.watch.fabric import FabricWatch


@dataclass(frozen=True, slots=True)
class Basis:
    """All that a subject is made of. Where two are equal, passes do the same."""

    fabric: FabricSettings
    remote: GitRemote
    commit: CommitSettings | None
    """Where the fabric's directory is kept in order by commits."""
    contents: Mapping[Path, str]
    """Of the files that are read when a subject is made: kubeconfigs, keys and certificates, those that a kubeconfig
    names too. A certificate that was renewed in its place is a change.
    """

    @classmethod
    def of(cls, fabric: FabricSettings, remote: GitRemote, commit: CommitSettings) -> Basis:
        """Without what concerns only the poll and the webhooks. Raises ConfigurationError."""
        netbox = fabric.netbox
        if netbox is not None:
            netbox = netbox.model_copy(update={"webhook_secret_file": None, "webhook_secret_env": None})
        relevant = fabric.model_copy(update={"interval": None, "netbox": netbox})
        files = {file.path for file in named_files(relevant)} | _present(remote.ca_file)
        if fabric.cluster is not None:
            files.update(access_of(fabric.cluster).certificates())
        own = commit if fabric.structure.enabled else None
        return cls(relevant, remote, own, digests(sorted(files - _credentials(fabric, remote, commit))))


def _credentials(fabric: FabricSettings, remote: GitRemote, commit: CommitSettings) -> set[Path]:
    """The files that are read for each request, or each commit."""
    files = _present(commit.signing_key_file if fabric.structure.enabled else None)
    files |= _present(remote.password_file) | _present(remote.ssh_key_file) | _present(remote.known_hosts_file)
    for target in (fabric.cluster, fabric.netbox):
        if target is not None and target.token is not None:
            files |= _present(target.token.file)
    return files if fabric.cluster is None else files.union(access_of(fabric.cluster).token_files())


def _hide_tokens(fabric: FabricSettings) -> None:
    """Those that the settings do not name themselves, but a kubeconfig or the pod: reading them is what has the log
    hide them, and a rotated one is read again before the next version is made.
    """
    if fabric.cluster is None:
        return
    pod = (SERVICE_ACCOUNT / "token",) if fabric.cluster.in_cluster else ()
    for file in (*access_of(fabric.cluster).token_files(), *pod):
        # One that cannot be read is told where it is needed.
        with contextlib.suppress(UnusableError):
            read_file(file)


def _present(file: Path | None) -> set[Path]:
    return set() if file is None else {file}


@dataclass(frozen=True, slots=True)
class Made:
    """What was made for a fabric, and of what."""

    basis: Basis
    credentials: Mapping[Path, str]
    """Contents of files that are read for each request. Where one is rotated all goes on as it is, but what stalled for
    the old one may go on.
    """
    subject: Subject
    netbox: NetBox | None
    """Another connection to the same NetBox, which is not for two threads at once: for those who look beside a pass."""
    watch: FabricWatch | None = None

    @property
    def previewed(self) -> Subject:
        """The same fabric, to be looked at while a pass may run."""
        cluster = self.subject.cluster
        if isinstance(cluster, CachedCluster):
            cluster = cluster.for_preview()
        return replace(self.subject, cluster=cluster, netbox=self.netbox)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the configuration. Nothing in it changes."""

    settings: Settings
    made: Mapping[str, Made]
    configured: Configured
    described: Described
    subjects: Mapping[str, Subject]
    told: Told
    notified: Notified

    @property
    def fabrics(self) -> Mapping[str, Fabric]:
        return self.configured.fabrics

    @property
    def files(self) -> set[Path]:
        """All whose contents matter, but for the configuration's own."""
        named = {file.path for file in named_files(self.settings)}
        return named.union(*((*made.basis.contents, *made.credentials) for made in self.made.values()))

    @property
    def watches(self) -> dict[str, FabricWatch]:
        """Those of enabled fabrics."""
        return {name: made.watch for name, made in self.made.items() if made.watch is not None}


@dataclass(frozen=True, slots=True)
class Change:
    """What a version differs in, by names of fabrics. `begun`: enabled, and new or not as before. `ended`: no longer
    configured, or disabled. `renewed`: enabled and as before, but for credentials.
    """

    begun: frozenset[str] = field(default_factory=frozenset)
    ended: frozenset[str] = field(default_factory=frozenset)
    renewed: frozenset[str] = field(default_factory=frozenset)

    def then(self, later: Change) -> Change:
        """Both in one. Of a fabric that came and went the last word counts."""
        begun = (self.begun - later.ended) | later.begun
        ended = (self.ended - later.begun) | later.ended
        return Change(begun, ended, (self.renewed | later.renewed) - begun - ended)


class Live:
    """The version of the moment. Whoever needs the configuration asks here each time.

    Raises ConfigurationError when the first version cannot be used.
    """

    def __init__(self, settings: Settings, stock: Stock, watch: Callable[[FabricSettings], FabricWatch | None]) -> None:
        """`watch` makes the watch over a fabric's cluster, None where there is nothing to watch."""
        self._stock = stock
        self._watch = watch
        self.version = self._make(settings, {})
        stock.sweep()

    def configured(self) -> Configured:
        return self.version.configured

    def described(self) -> Described:
        return self.version.described

    def told(self) -> Told:
        return self.version.told

    def notified(self) -> Notified:
        return self.version.notified

    def subjects(self) -> Mapping[str, Subject]:
        return self.version.subjects

    def previewed(self, fabric: str) -> Subject | None:
        """What to look at for a preview of a fabric, None where it is not configured. From any thread."""
        made = self.version.made.get(fabric)
        return None if made is None else made.previewed

    def agents(self, fabric: str) -> Sequence[AgentStatus] | None:
        """The agents of a fabric's cluster as they were listed last; None while they are not known."""
        made = self.version.made.get(fabric)
        return made.watch.agents if made is not None and made.watch is not None else None

    def local_branches(self) -> Sequence[LocalBranch]:
        """The branches of repositories on this machine."""
        repositories = self.version.settings.repositories
        found = (LocalBranch.of(one.name, one.url, one.branch) for one in repositories)
        return [branch for branch in found if branch is not None]

    def prepare(self, settings: Settings) -> Version:
        """Make a version of new settings, with all that stays as it is taken from the present one. Nothing is in effect
        yet. Raises ConfigurationError, also for what cannot change while the service runs.
        """
        check_reload(self.version.settings, settings)
        version = self._make(settings, self.version.made)
        self._stock.sweep()  # what an earlier version used, and its last passes
        return version

    def is_current(self, fabric: str, subject: Subject) -> bool:
        """Whether passes over the fabric are still made on this subject: it is configured, enabled, and what decides
        what they do is as it was. May be called from any thread.
        """
        now = self.version.subjects.get(fabric)
        # The source is made anew with every subject, and shared by copies that differ in the interval only.
        return now is not None and now.fabric.is_enabled and now.source is subject.source

    def put(self, version: Version) -> Change:
        """From now on this is the configuration."""
        before, self.version = self.version, version
        return difference(before, version)

    def warn(self, warnings: tuple[tuple[str, str], ...]) -> None:
        """From now on these are the warnings of the present configuration: key paths, with a message each."""
        described = replace(self.version.described, warnings=warnings)
        self.version = replace(self.version, described=described)

    def _make(self, settings: Settings, known: Mapping[str, Made]) -> Version:
        repositories = {repository.name: repository for repository in settings.repositories}
        made = {
            fabric.name: self._made(one, fabric, repositories[fabric.repository], known.get(fabric.name))
            for one, fabric in zip(settings.fabrics, settings.fabric_values(), strict=True)
        }
        subjects = {name: one.subject for name, one in made.items()}
        refuse_shared(subjects.values())
        fabrics = {name: subject.fabric for name, subject in subjects.items()}
        return Version(
            settings=settings,
            made=made,
            configured=Configured(fabrics, receivers(settings), _own_writes(subjects)),
            described=Described(fabrics, providers(settings), settings.warnings, settings.digest),
            subjects=subjects,
            told=told(settings, fabrics),
            notified=notified(settings, fabrics, SystemClock()),
        )

    def _made(
        self, settings: FabricSettings, fabric: Fabric, repository: RepositorySettings, known: Made | None
    ) -> Made:
        _hide_tokens(settings)
        remote, commit = remote_of(repository), repository.commit
        basis = Basis.of(settings, remote, commit)
        credentials = digests(sorted(_credentials(settings, remote, commit)))
        if known is not None and known.basis == basis:
            if known.subject.fabric != fabric:
                known = replace(known, subject=replace(known.subject, fabric=fabric))
            return known if known.credentials == credentials else replace(known, credentials=credentials)
        cluster = self._stock.cluster(settings)
        watch = self._watch(settings) if fabric.is_enabled else None
        if cluster is not None and watch is not None:
            cluster = CachedCluster(cluster, watch.caches)
        source = self._stock.source(remote, fabric)
        upkeep = self._stock.upkeep(fabric, repository, source)
        subject = Subject(fabric, source, cluster, self._stock.netbox(settings), upkeep)
        return Made(basis, credentials, subject, self._stock.netbox_to_look_at(settings), watch)


def _own_writes(subjects: Mapping[str, Subject]) -> Callable[[str], bool]:
    """Whether a request to a NetBox was one of ours."""
    servers = [subject.netbox for subject in subjects.values() if isinstance(subject.netbox, NetBoxServer)]
    return lambda request: any(server.is_own_write(request) for server in servers)


def difference(before: Version, after: Version) -> Change:
    """What the second version has not as the first one had it."""
    old, new = _enabled(before), _enabled(after)
    kept = {name for name, made in new.items() if name in old and old[name].basis == made.basis}
    return Change(
        begun=frozenset(new.keys() - kept),
        ended=frozenset(old.keys() - new.keys()),
        renewed=frozenset(name for name in kept if old[name].credentials != new[name].credentials),
    )


def _enabled(version: Version) -> dict[str, Made]:
    return {name: made for name, made in version.made.items() if made.subject.fabric.is_enabled}
