"""The configuration of the moment: versions of it, and what one differs in from another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.live import Change, Live
from reconciler.app.subjects import Stock
from reconciler.app.watching import build_watch
from reconciler.desired.git import Mirror
from reconciler.desired.source import FabricSource
from reconciler.errors import ConfigurationError
from reconciler.status.health import Components
from reconciler.targets.kubernetes import connection
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.netbox import NetBoxServer
from reconciler.triggers.branches import LocalBranch
from reconciler.triggers.watch.cluster import CachedCluster
from tests.lab.certificates import Authority
from tests.unit.app.configuration import CANARY, LOCAL, REPOSITORY, kubeconfig, local_repository, secret, settings
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.ports import DesiredSource

SERVER: dict[str, Any] = {"cluster": {"server": "https://k8s.example.com", "token_file": "secrets/kube-token"}}
NETBOX: dict[str, Any] = {"netbox": {"url": "https://netbox.example.com", "token_file": "secrets/netbox-token"}}


class Running:
    """A configuration in a folder, as a service runs on it."""

    def __init__(self, folder: Path, *fabrics: dict[str, Any], **changes: Any) -> None:
        self.folder = folder
        stock = Stock(MemoryDocuments(), folder / "mirrors")
        components = Components(SetClock())
        self.live = Live(
            settings(folder, *fabrics, **changes),
            stock,
            lambda fabric: build_watch(fabric, lambda _name, _scope: None, components),
        )

    def reload(self, *fabrics: dict[str, Any], **changes: Any) -> Change:
        """Take in another version. Secrets are written anew by it, as they were."""
        return self.live.put(self.live.prepare(settings(self.folder, *fabrics, **changes)))

    def again(self) -> Change:
        """Take in the same settings, whatever the files that they name hold by now."""
        return self.live.put(self.live.prepare(self.live.version.settings))


def _begun(*names: str) -> Change:
    return Change(begun=frozenset(names))


def _ended(*names: str) -> Change:
    return Change(ended=frozenset(names))


def test_nothing_changed(tmp_path: Path) -> None:
    """A version that equals the last one changes nothing: subjects and watches stay as they are."""
    running = Running(tmp_path, SERVER, {**LOCAL, **NETBOX})
    before = running.live.version

    assert running.reload(SERVER, {**LOCAL, **NETBOX}) == Change()

    after = running.live.version
    assert after is not before
    assert all(after.made[name] is before.made[name] for name in ("dc1", "dc2"))


def test_fabrics_that_come_and_go(tmp_path: Path) -> None:
    """A fabric that is new begins, one that is gone ends, and the others stay as they are."""
    running = Running(tmp_path, LOCAL)
    first = running.live.subjects()["dc1"]

    assert running.reload(LOCAL, LOCAL) == _begun("dc2")
    assert set(running.live.subjects()) == set(running.live.configured().fabrics) == {"dc1", "dc2"}
    assert set(running.live.described().fabrics) == {"dc1", "dc2"}
    assert running.live.subjects()["dc1"] is first

    assert running.reload(LOCAL) == _ended("dc2")
    assert running.live.subjects() == {"dc1": first}


def test_a_fabric_that_is_disabled(tmp_path: Path) -> None:
    """A fabric that is disabled ends, and begins when it is enabled; one that comes disabled does neither."""
    running = Running(tmp_path, SERVER)
    assert set(running.live.version.watches) == {"dc1"}

    assert running.reload({**SERVER, "enabled": False}) == _ended("dc1")
    assert running.live.version.watches == {}
    assert running.reload({**SERVER, "enabled": False}, {**LOCAL, "enabled": False}) == Change()
    assert running.reload(SERVER, LOCAL) == _begun("dc1", "dc2")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"path": "elsewhere"}, id="path"),
        pytest.param({"cluster": {**SERVER["cluster"], "prune": True}}, id="policy"),
        pytest.param({"cluster": {**SERVER["cluster"], "server": "https://other.example.com"}}, id="server"),
        pytest.param({"cluster": {"local": True}}, id="another target"),
        pytest.param(NETBOX, id="one more target"),
    ],
)
def test_a_changed_fabric(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Whatever decides what a pass does makes a new subject, and a pass over it; other fabrics do not notice."""
    running = Running(tmp_path, SERVER, LOCAL)
    before = running.live.version

    assert running.reload({**SERVER, **changed}, LOCAL) == _begun("dc1")

    after = running.live.version
    assert after.made["dc1"].subject is not before.made["dc1"].subject
    assert after.made["dc1"].watch is not before.made["dc1"].watch
    assert after.made["dc2"] is before.made["dc2"]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"url": "https://git.example.com/other.git"}, id="url"),
        pytest.param({"branch": "production"}, id="branch"),
        pytest.param({"auth": {"username": "other", "password_file": "secrets/git-token"}}, id="user"),
    ],
)
def test_a_changed_repository(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Every fabric of a repository that changed is looked at."""
    running = Running(tmp_path, LOCAL, LOCAL)

    assert running.reload(LOCAL, LOCAL, repositories=[{**REPOSITORY, **changed}]) == _begun("dc1", "dc2")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"poll": {"interval": 60, "jitter": 0.5}}, id="poll"),
        pytest.param({"history": {"days": 1}}, id="history"),
        pytest.param({"repositories": [{**REPOSITORY, "webhook": None}]}, id="webhook"),
        pytest.param({"server": {"port": 0}}, id="token"),
    ],
)
def test_what_no_pass_depends_on(tmp_path: Path, changed: dict[str, Any]) -> None:
    """What only decides when passes are made, and who may ask for them, causes none."""
    running = Running(tmp_path, SERVER)
    before = running.live.version

    assert running.reload(SERVER, **changed) == Change()

    after = running.live.version
    assert after.made["dc1"].watch is before.made["dc1"].watch
    assert after.made["dc1"].subject.source is before.made["dc1"].subject.source
    assert after.made["dc1"].subject.cluster is before.made["dc1"].subject.cluster


def test_an_interval(tmp_path: Path) -> None:
    """A changed interval is that of the fabric from now on, for the poll and for passes, without a pass."""
    running = Running(tmp_path, LOCAL)

    assert running.reload({**LOCAL, "interval": 60}) == Change()

    assert running.live.configured().fabrics["dc1"].interval == 60
    assert running.live.subjects()["dc1"].fabric.interval == 60


def test_the_secret_of_netbox_deliveries(tmp_path: Path) -> None:
    """Who may tell of edits of NetBox changes at once, without a pass."""
    running = Running(tmp_path, NETBOX)
    assert [one.provider for one in running.live.configured().receivers] == ["github"]

    told = {"netbox": {**NETBOX["netbox"], "webhook_secret_file": "secrets/webhook"}}
    assert running.reload(told) == Change()

    assert [one.provider for one in running.live.configured().receivers] == ["github", "netbox"]


def test_a_rotated_webhook_secret(tmp_path: Path) -> None:
    """The secret of deliveries is part of the version: the next one holds the new secret."""
    running = Running(tmp_path, LOCAL)
    secret(tmp_path, "webhook", "rotated")

    assert running.again() == Change()

    assert [one.secret for one in running.live.configured().receivers] == [b"rotated"]


@pytest.mark.parametrize(
    ("file", "fabrics"),
    [
        pytest.param("git-token", ["dc1", "dc2", "dc3"], id="of the repository"),
        pytest.param("kube-token", ["dc1", "dc3"], id="of clusters"),
        pytest.param("netbox-token", ["dc2"], id="of a NetBox"),
        pytest.param("api-token", [], id="of nobody's target"),
    ],
)
def test_rotated_credentials(tmp_path: Path, file: str, fabrics: list[str]) -> None:
    """A credential that is read for each request leaves watch and subject as they are when it is rotated; whoever uses
    it is told of, once, as one that was refused for the old one may go on.
    """
    user = {"users": [{"name": "me", "user": {"tokenFile": "kube-token"}}]}
    by_file = {"cluster": {"kubeconfig": kubeconfig(tmp_path, "by-file", "https://other.example.com", **user)}}
    running = Running(tmp_path, SERVER, NETBOX, by_file)
    before = running.live.version
    secret(tmp_path, file, "rotated")

    assert running.again() == Change(renewed=frozenset(fabrics))

    after = running.live.version
    assert all(after.subjects[name] is before.subjects[name] for name in before.subjects)
    assert all(after.watches[name] is before.watches[name] for name in before.watches)
    assert running.again() == Change()


@pytest.mark.parametrize("file", ["git-token", "kube-token"])
def test_rotated_for_ssh(tmp_path: Path, file: str) -> None:
    """A key and known hosts are read for each call: whoever was refused for the old ones may go on."""
    auth = {"ssh_key_file": "secrets/git-token", "known_hosts_file": "secrets/kube-token"}
    over_ssh = {**REPOSITORY, "url": "git@git.example.com:net/gitops.git", "auth": auth}
    running = Running(tmp_path, LOCAL, repositories=[over_ssh])
    secret(tmp_path, file, "rotated")

    assert running.again() == Change(renewed=frozenset({"dc1"}))


@pytest.mark.parametrize(
    ("section", "member"),
    [("clusters", "certificate-authority"), ("users", "client-certificate"), ("users", "client-key")],
)
def test_a_certificate_that_a_kubeconfig_names(tmp_path: Path, section: str, member: str) -> None:
    """It is read when a client is made: renewed in its place, it makes new ones, and it is among the files to watch."""
    authority = Authority(tmp_path / "secrets")
    authority.issue_client("me", group="g")
    files = {"certificate-authority": "ca.crt", "client-certificate": "me.crt", "client-key": "me.key"}
    cluster = {"server": "https://k8s.example.com", "certificate-authority": files.pop("certificate-authority")}
    content: dict[str, Any] = {
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "me", "user": files}],
    }
    running = Running(
        tmp_path, {"cluster": {"kubeconfig": kubeconfig(tmp_path, "config", cluster["server"], **content)}}
    )
    before = running.live.version
    (entry,) = content[section]
    renewed = tmp_path / "secrets" / (entry["user"] if section == "users" else entry["cluster"])[member]
    renewed.write_bytes(renewed.read_bytes() + b"\n")

    assert running.again() == _begun("dc1")

    after = running.live.version
    assert after.subjects["dc1"] is not before.subjects["dc1"]
    assert after.watches["dc1"] is not before.watches["dc1"]
    assert renewed in after.files


def test_the_certificate_authority_of_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renewed in its place, too; the pod's token is read for each request."""
    folder = tmp_path / "pod"
    Authority(folder)
    (folder / "token").write_text("t")
    monkeypatch.setattr(connection, "SERVICE_ACCOUNT", folder)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    running = Running(tmp_path, {"cluster": {"in_cluster": True}})

    (folder / "token").write_text("rotated")
    assert running.again() == Change()
    Authority(folder)

    assert running.again() == _begun("dc1")


def test_a_refused_version_changes_nothing(tmp_path: Path) -> None:
    """What cannot be used leaves the version of the moment as it is, whole."""
    running = Running(tmp_path, LOCAL)
    before = running.live.version

    with pytest.raises(ConfigurationError, match="workers: needs a restart"):
        running.reload(LOCAL, LOCAL, workers=2)
    with pytest.raises(ConfigurationError, match="share namespace default"):
        running.reload(SERVER, {"cluster": {"kubeconfig": kubeconfig(tmp_path, "same", "https://k8s.example.com")}})

    assert running.live.version is before


def test_a_webhook_secret_that_cannot_be_read(tmp_path: Path) -> None:
    """A version whose webhook secret is gone is refused, and the old secret stays in use."""
    running = Running(tmp_path, LOCAL)
    before = running.live.version
    (tmp_path / "secrets" / "webhook").unlink()

    with pytest.raises(ConfigurationError, match="secrets/webhook: no such file"):
        running.again()

    assert running.live.version is before
    assert before.configured.receivers[0].secret == f"{CANARY}-webhook".encode()


def test_a_repository_keeps_its_mirror(tmp_path: Path) -> None:
    """Where the remote stays as it was its mirror does, for new fabrics too; for another branch there is a new one that
    waits for the old.
    """
    stock = Stock(MemoryDocuments(), tmp_path)
    live = Live(settings(tmp_path, LOCAL), stock, lambda _fabric: None)
    remote = live.version.made["dc1"].basis.remote

    same, other = stock.mirror(remote), stock.mirror(replace(remote, branch="other"))

    assert stock.mirror(remote) is same
    assert stock.mirror(replace(remote, branch="other")) is other
    assert same is not other
    assert same.directory == other.directory
    assert same._lock is other._lock


def _mirror(source: DesiredSource) -> Mirror:
    assert isinstance(source, FabricSource)
    assert isinstance(source._mirror, Mirror)
    return source._mirror


def test_another_url_has_another_mirror(tmp_path: Path) -> None:
    """The mirror of a new URL does not touch the old one's directory, which a pass may still read. It is removed when
    nobody uses it any more; what else is there stays.
    """
    running = Running(tmp_path, LOCAL)
    old = running.live.subjects()["dc1"].source
    mirror = _mirror(old)
    directory = mirror.directory
    directory.mkdir(parents=True)
    (directory.parent / "notes").mkdir()
    other = {"repositories": [{**REPOSITORY, "url": "https://git.example.com/other.git"}]}

    running.reload(LOCAL, **other)
    new = running.live.subjects()["dc1"].source
    running.again()

    assert _mirror(new).directory != directory
    assert _mirror(new)._lock is not mirror._lock
    assert directory.exists(), "a pass may use it"

    _mirror(new).directory.mkdir()
    del old, mirror
    running.again()

    assert sorted(directory.parent.iterdir()) == sorted([_mirror(new).directory, directory.parent / "notes"])


def test_mirrors_of_an_earlier_run(tmp_path: Path) -> None:
    """Directories that no repository of the configuration uses are removed at the start."""
    first = Running(tmp_path, LOCAL)
    source = first.live.subjects()["dc1"].source
    used = _mirror(source).directory
    for folder in (used, used.with_name("gone.git")):
        folder.mkdir(parents=True)
        (folder / "file").touch()

    Running(tmp_path, LOCAL)

    assert list(used.parent.iterdir()) == [used]


def test_what_a_pass_began_with(tmp_path: Path) -> None:
    """A subject is current as long as the fabric is configured, enabled, and passes over it would do the same."""
    running = Running(tmp_path, SERVER, LOCAL)
    live, began = running.live, running.live.subjects()["dc1"]
    secret(tmp_path, "kube-token", "rotated")
    running.again()
    assert live.is_current("dc1", began)
    running.reload({**SERVER, "interval": 60}, LOCAL)
    assert live.is_current("dc1", began)

    running.reload({"cluster": {**SERVER["cluster"], "prune": True}}, LOCAL)
    assert not live.is_current("dc1", began)

    began = live.subjects()["dc1"]
    running.reload({"cluster": {**SERVER["cluster"], "prune": True}, "enabled": False}, LOCAL)
    assert not live.is_current("dc1", began)

    other = live.subjects()["dc2"]
    running.reload(SERVER)
    assert not live.is_current("dc2", other)


def test_embedded_stores_are_one(tmp_path: Path) -> None:
    """A fabric that comes back, or whose policy changed, finds its embedded targets: two would not see each other."""
    running = Running(tmp_path, LOCAL)
    before = running.live.subjects()["dc1"]
    running.reload(fabrics=[])
    running.reload({"cluster": {"local": True, "prune": True}, "netbox": {"local": True, "prune": False}})

    after = running.live.subjects()["dc1"]

    assert after is not before
    assert after.cluster is before.cluster
    assert after.netbox is before.netbox


def test_what_is_watched(tmp_path: Path) -> None:
    """A real cluster of an enabled fabric is watched, and read from the watch's caches; an embedded one is not."""
    running = Running(tmp_path, SERVER, LOCAL, {})

    assert set(running.live.version.watches) == {"dc1"}
    subjects = running.live.subjects()
    assert isinstance(subjects["dc1"].cluster, CachedCluster)
    assert subjects["dc1"].cluster.address == "https://k8s.example.com"
    assert not isinstance(subjects["dc2"].cluster, CachedCluster)


def test_own_writes(tmp_path: Path) -> None:
    """A request by which any fabric's NetBox was written is ours, and no other."""
    running = Running(tmp_path, NETBOX, LOCAL, {"netbox": {**NETBOX["netbox"], "site": "other"}})
    netbox = running.live.subjects()["dc3"].netbox
    assert isinstance(netbox, NetBoxServer)
    is_own = running.live.configured().is_own_write
    assert not is_own("r1")

    with netbox._client.written.write() as answered:
        answered("r1")

    assert is_own("r1")
    assert not is_own("r2")


def test_local_branches(tmp_path: Path) -> None:
    """The branches of repositories on this machine are known by their folder."""
    here = {**local_repository(tmp_path / "here.git"), "branch": "production"}
    running = Running(tmp_path, LOCAL, repositories=[here, {"name": "there", "url": "https://git.example.com/x.git"}])

    assert running.live.local_branches() == [LocalBranch("gitops", tmp_path / "here.git", "production")]


def test_what_a_preview_looks_at(tmp_path: Path) -> None:
    """The same Git and cluster, but a connection to NetBox of its own; of a fabric that is not configured, nothing."""
    live = Running(tmp_path, {**SERVER, **NETBOX}, LOCAL).live

    looked_at, passed = live.previewed("dc1"), live.subjects()["dc1"]

    assert looked_at is not None
    assert (looked_at.fabric, looked_at.source) == (passed.fabric, passed.source)
    assert isinstance(looked_at.cluster, CachedCluster)
    assert isinstance(looked_at.netbox, NetBoxServer)
    assert looked_at.cluster is not passed.cluster
    assert looked_at.netbox is not passed.netbox
    again = live.previewed("dc1")
    assert again is not None
    assert again.netbox is looked_at.netbox
    embedded = live.previewed("dc2")
    assert embedded is not None
    assert embedded.netbox is not live.subjects()["dc2"].netbox
    assert live.previewed("dc9") is None


def test_agents(tmp_path: Path) -> None:
    """Those of a watched cluster, once they were listed; nobody knows those of other fabrics."""
    running = Running(tmp_path, SERVER, LOCAL)
    watched, local = running.live.version.fabrics

    assert [running.live.agents(name) for name in (watched, local, "gone")] == [None, None, None]
    for one in running.live.version.watches[watched]._agents:
        one._agents = ()
    assert running.live.agents(watched) == ()
