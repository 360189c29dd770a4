"""The configuration as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PrivateAttr

from reconciler.settings.fabrics import FabricSettings  # noqa: TC001 - pydantic resolves it at run time
from reconciler.settings.fields import FROM_LIST, SafeUrl, Seconds, SecretFile, SecretVariable, Section, StateUrl, Text
from reconciler.settings.notifications import NotificationSettings  # noqa: TC001 - pydantic resolves it at run time
from reconciler.settings.repositories import RepositorySettings  # noqa: TC001 - pydantic resolves it at run time
from reconciler.settings.secret import SecretSource
from reconciler.settings.tracing import TracingSettings  # noqa: TC001 - pydantic resolves it at run time
from reconciler.settings.warnings import warnings_of

if TYPE_CHECKING:
    from reconciler.model.fabric import Fabric


class ServerSettings(Section):
    """The HTTP server: webhooks, API and dashboard."""

    host: Text = "127.0.0.1"
    """Address to listen on. Default `127.0.0.1`: only this machine. `0.0.0.0` or `::` for all."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """TCP port to listen on. 0: a free one, which the log names. Default 8080."""

    public_url: SafeUrl | None = None
    """URL under which people and NetBox reach the server: for links, and for events of NetBox (`reconciler
    init-netbox`). https, or http to a loopback address. Default none.
    """

    max_body_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 5_242_880
    """Largest request body in bytes, 1024 to 67108864; a larger one is answered 413. Default 5242880 (5 MiB)."""

    api_token_file: SecretFile = None
    """File with the token that callers of `POST /reconcile` and other changing routes show. Default none: these routes
    answer 401 to everybody.
    """

    api_token_env: SecretVariable = None
    """Environment variable with that token, instead of `api_token_file`."""

    protect_reads: bool = False
    """Ask for the token on reading routes too. Needs a token. Default false."""

    @property
    def api_token(self) -> SecretSource | None:
        return SecretSource.of(self.api_token_file, self.api_token_env)


class PollSettings(Section):
    """The slow fallback, for events that were lost."""

    interval: Seconds = 3600.0
    """Seconds between polls of a fabric, 1 to 604800. At most 300 are used until a webhook of its repository has been
    verified in the last 7 days. Default 3600.
    """

    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Part of the interval, 0 to below 1, by which it is shortened at random, so that polls do not meet. Default
    0.1.
    """


class HistorySettings(Section):
    """How long passes are remembered: those that are younger than `days`, and the last `passes`."""

    days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days, 1 to 3650. Default 30."""

    passes: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Number of passes of each fabric that are kept however old they are, 1 to 1000000. Default 1000."""


class Settings(Section):
    """The configuration file. Every path in it is absolute; every reference in it is known to be good."""

    server: ServerSettings = ServerSettings()
    """The HTTP server. Default: as its keys say."""

    state: StateUrl = Field("sqlite:///state/reconciler.db", validate_default=True)
    """Where requests, history and inventory are kept: `sqlite:///PATH`. Default `sqlite:///state/reconciler.db`.
    `postgresql://…` is not supported in this version.
    """

    workers: Annotated[int, Field(ge=1, le=32)] = 1
    """Number of fabrics that are reconciled at once, 1 to 32. Default 1."""

    poll: PollSettings = PollSettings()
    """The slow fallback. Default: as its keys say."""

    history: HistorySettings = HistorySettings()
    """How long passes are remembered. Default: as its keys say."""

    repositories: Annotated[tuple[RepositorySettings, ...], FROM_LIST]
    """The repositories. Required; may be empty."""

    fabrics: Annotated[tuple[FabricSettings, ...], FROM_LIST]
    """The fabrics. Required; may be empty."""

    notifications: Annotated[tuple[NotificationSettings, ...], FROM_LIST] = ()
    """Who is told when a fabric gets into trouble, and out of it. Default: nobody."""

    tracing: TracingSettings | None = None
    """Where traces of passes are sent. Default none: no traces are made."""

    _path: Path = PrivateAttr(default=Path())
    _digest: str = PrivateAttr(default="")

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return self._path

    @property
    def digest(self) -> str:
        """What tells one configuration from another, whatever the comments in them: `sha256:` and the digits."""
        return self._digest

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What is accepted and should be looked at: key paths, with a message each. Who may read a file changes: this
        looks at the files each time.
        """
        return tuple((one.key, one.message) for one in warnings_of(self))

    def read_from(self, path: Path, digest: str) -> Settings:
        """These settings, with the file that holds them and the digest of its content."""
        copy = self.model_copy()
        copy._path, copy._digest = path, digest  # noqa: SLF001 - of this class
        return copy

    @property
    def state_path(self) -> Path:
        """The state file."""
        return Path(self.state.removeprefix("sqlite:///"))

    def repository(self, name: str) -> RepositorySettings:
        """The repository of this name. Raises KeyError where none has it."""
        return {repository.name: repository for repository in self.repositories}[name]

    def fabric_values(self) -> tuple[Fabric, ...]:
        """The fabrics as passes know them, in the order of the file."""
        repositories = {repository.name: repository for repository in self.repositories}
        return tuple(fabric.value(repositories[fabric.repository], self.poll.interval) for fabric in self.fabrics)
