"""Fabrics: what they are made of, and what may be done to their cluster and their NetBox."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy, StructurePolicy
from reconciler.settings.fields import (
    FabricName,
    FabricPath,
    Kubeconfig,
    Namespace,
    ReadableFile,
    RepositoryName,
    SafeUrl,
    Seconds,
    SecretFile,
    SecretVariable,
    Section,
    Slug,
    Text,
    WebUrl,
)
from reconciler.settings.secret import SecretSource
from reconciler.settings.urls import canonical_repository

if TYPE_CHECKING:
    from reconciler.settings.repositories import RepositorySettings

_INSTALLATION_DIGITS = 16

MaxDeletes = Annotated[int, Field(ge=0, le=1_000_000)]


class ClusterSettings(Section):
    """The Kubernetes API of a fabric. Exactly one of `kubeconfig`, `in_cluster`, `server` and `local` says which."""

    kubeconfig: Kubeconfig = None
    """File that says where the API is and who we are."""

    context: Text | None = None
    """Context of the kubeconfig. Default: its current one."""

    in_cluster: bool = False
    """Use the API and the service account of the pod that we run in. Default false."""

    server: SafeUrl | None = None
    """URL of the API: https, or http to a loopback address. Needs `token_file` or `token_env`."""

    token_file: SecretFile = None
    """File with the bearer token for `server`."""

    token_env: SecretVariable = None
    """Environment variable with the bearer token for `server`, instead of `token_file`."""

    ca_file: ReadableFile = None
    """File with the certificates (PEM) to trust for `server`, instead of the system's. Default none."""

    local: bool = False
    """Use the embedded store instead of a cluster: everything is simulated, and says so. Default false."""

    namespace: Namespace = "default"
    """The namespace of the fabric's objects; documents of others are refused. Default `default`."""

    mode: Literal["apply", "observe"] = "apply"
    """`apply`: the reconciler applies. `observe`: something else does (Argo CD, Flux, a person), and the reconciler
    writes nothing to the cluster, only reports what differs and shows it in NetBox. Default `apply`.
    """

    self_heal: bool = True
    """Revert fields that others changed although Git declares them. False: the drift is reported. Default true."""

    prune: bool = False
    """Delete objects that the reconciler applied and that Git no longer declares. Default false."""

    max_deletes: MaxDeletes = 10
    """Number of objects that one plan may delete; with more, none is deleted. Default 10."""

    approval: Literal["none", "required"] = "none"
    """`required`: a plan is carried out only after its hash was approved (`reconciler approve`), and what happens in
    the cluster or in Git without approval is only reported. Default `none`.
    """

    take_over: bool = False
    """Take fields that others own and Git declares, at the first contact too. False: they are reported as conflicts.
    Default false.
    """

    @property
    def token(self) -> SecretSource | None:
        return SecretSource.of(self.token_file, self.token_env)

    def policy(self) -> ClusterPolicy:
        return ClusterPolicy(
            namespace=self.namespace,
            self_heal=self.self_heal,
            prune=self.prune,
            max_deletes=self.max_deletes,
            take_over=self.take_over,
            is_observer=self.mode == "observe",
            needs_approval=self.approval == "required",
        )


class NetBoxSettings(Section):
    """The NetBox of a fabric. Exactly one of `url` and `local` says which."""

    url: WebUrl | None = None
    """URL of NetBox, without `/api`. Needs `token_file` or `token_env`. Over plain http the token can be read on the
    way, which is a warning unless the address is a loopback one.
    """

    token_file: SecretFile = None
    """File with the API token."""

    token_env: SecretVariable = None
    """Environment variable with the API token, instead of `token_file`."""

    ca_file: ReadableFile = None
    """File with the certificates (PEM) to trust for NetBox, instead of the system's. Default none."""

    local: bool = False
    """Use the embedded store instead of a NetBox: everything is simulated, and says so. Default false."""

    site: Slug | None = None
    """Slug of the fabric's site in NetBox, created where absent. Default: the fabric's name."""

    self_heal: bool = True
    """Revert what others edit or delete of the records that the reconciler wrote. False: it is reported, and what Git
    or the cluster changes is written. Default true.
    """

    prune: bool = True
    """Delete records that the reconciler wrote and that the fabric no longer has. Default true."""

    max_deletes: MaxDeletes = 100
    """Number of devices, VRFs, VLANs and prefixes that one plan may delete, not counting what NetBox deletes with
    them; with more, none is deleted. Default 100.
    """

    take_over: bool = False
    """Make records that people made, and that stand where the fabric's belong, the fabric's own; the plan lists them.
    Records of another fabric are never taken. And take over the site where it is bound to another installation of the
    reconciler. Default false: such records are reported as conflicts and left alone, and nothing is written to such a
    site.
    """

    writers: Annotated[int, Field(ge=1, le=8)] = 2
    """Number of bulk requests at once, 1 to 8. Default 2."""

    ports: Literal["used", "all"] = "used"
    """`used`: only ports that something is connected to. `all`: all that a switch's profile has. Default `used`."""

    webhook_secret_file: SecretFile = None
    """File with the secret of the webhook by which NetBox's event rules tell of edits (`/webhooks/netbox`). Default
    none: edits are found by the poll.
    """

    webhook_secret_env: SecretVariable = None
    """Environment variable with that secret, instead of `webhook_secret_file`."""

    @property
    def token(self) -> SecretSource | None:
        return SecretSource.of(self.token_file, self.token_env)

    @property
    def webhook_secret(self) -> SecretSource | None:
        return SecretSource.of(self.webhook_secret_file, self.webhook_secret_env)

    def policy(self, fabric: str, installation: str) -> NetBoxPolicy:
        return NetBoxPolicy(
            site=self.site or fabric,
            self_heal=self.self_heal,
            prune=self.prune,
            max_deletes=self.max_deletes,
            writers=self.writers,
            take_over=self.take_over,
            has_all_ports=self.ports == "all",
            installation=installation,
        )


class StructureSettings(Section):
    """The layout of the fabric's folder (`managed/`), and the ingestion of `raw/`."""

    enabled: bool = False
    """Keep the layout and take in what lies in `raw/`, by commits. Default false."""

    push: bool = True
    """Push the commits that this makes. False: what would be committed is only told, and waits. Default true; without
    effect while `enabled` is false.
    """


class FabricSettings(Section):
    """A fabric: a folder of a repository, a cluster, a place in NetBox."""

    name: FabricName
    """Unique; part of the marks on everything that the reconciler writes. Up to 63 lower-case letters, digits and
    dashes.
    """

    repository: RepositoryName
    """Name of the repository that holds the desired state."""

    path: FabricPath
    """Folder of the fabric in the repository: relative, at most 255 characters and 10 levels. No fabric of the same
    repository may have the same folder, or one inside of it.
    """

    enabled: bool = True
    """Reconcile it. False: nothing is read and nothing is done. Default true."""

    interval: Seconds | None = None
    """Seconds between polls, 1 to 604800. Default: `poll.interval`."""

    cluster: ClusterSettings | None = None
    """The cluster. Default none: NetBox shows what Git declares."""

    netbox: NetBoxSettings | None = None
    """The NetBox. Default none."""

    structure: StructureSettings = StructureSettings()
    """The layout of the folder. Default: as its keys say."""

    @property
    def simulated(self) -> tuple[str, ...]:
        """The targets that are embedded stores."""
        targets = {"cluster": self.cluster, "netbox": self.netbox}
        return tuple(name for name, target in targets.items() if target is not None and target.local)

    def installation(self, repository: RepositorySettings) -> str:
        """What this fabric's site in NetBox is bound to: the same for whoever shows the same folder of the same branch,
        so that a lost state file costs nothing; another for everybody else.
        """
        parts = (self.name, canonical_repository(repository.url), repository.branch, self.path)
        return sha256("\n".join(parts).encode()).hexdigest()[:_INSTALLATION_DIGITS]

    def value(self, repository: RepositorySettings, interval: float) -> Fabric:
        """The fabric as passes know it, in its repository. `interval`: seconds between polls where it has none of its
        own.
        """
        return Fabric(
            name=self.name,
            repository=self.repository,
            branch=repository.branch,
            path=self.path,
            interval=interval if self.interval is None else self.interval,
            is_enabled=self.enabled,
            cluster=self.cluster.policy() if self.cluster else None,
            netbox=self.netbox.policy(self.name, self.installation(repository)) if self.netbox else None,
            structure=StructurePolicy(is_pushing=self.structure.push) if self.structure.enabled else None,
            simulated=self.simulated,
        )
