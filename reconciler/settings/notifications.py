"""Who is told when a fabric gets into trouble, and out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from reconciler.errors import ConfigurationError
from reconciler.settings.fields import (
    FROM_LIST,
    ReadableFile,
    RepositoryName,
    SafeUrl,
    Seconds,
    SecretFile,
    SecretVariable,
    Section,
    looks_at_secrets,
    refuse,
)
from reconciler.settings.known_secrets import note
from reconciler.settings.secret import SecretSource, UnusableError, read_file, read_variable
from reconciler.settings.urls import check_secret_url

_LONG = 8
"""Characters of a part of a secret URL that is hidden without the others."""

ALERT_REPEAT = 60.0
"""Seconds after which an alert is sent again, as Prometheus does."""

_Hold = Annotated[float, Field(ge=0, le=604_800)]


class AfterSettings(Section):
    """How long a state must have held before it is told: what is over sooner is told to nobody."""

    error: _Hold = 30.0
    """Seconds that a fabric must be in trouble before an error is told, 0 to 604800. Default 30: a failed pass is tried
    again sooner.
    """

    out_of_sync: _Hold = 300.0
    """Seconds that a fabric must be in trouble before it is told that it is out of sync, 0 to 604800. Default 300: a
    push makes it so until it is applied.
    """

    disabled: _Hold = 0.0
    """Seconds that a fabric must be suspended or disabled before that is told, 0 to 604800. Default 0."""

    recovery: _Hold = 30.0
    """Seconds that a trouble must be over before its end is told, 0 to 604800. Default 30."""


class NotificationSettings(Section):
    """A receiver of notifications, and what it is told of."""

    name: RepositoryName
    """Name, by which log and `/healthz` speak of it, and under which is remembered what it was told. Required."""

    kind: Literal["webhook", "slack", "alertmanager"]
    """`webhook` (JSON of our own), `slack` (an incoming webhook of Slack, or of what is compatible) or `alertmanager`
    (API v2). Required.
    """

    url: SafeUrl | None = None
    """Where to send to; for `alertmanager` the address below which `/api/v2/alerts` is. https, or http to a loopback
    address. Not for `slack`, whose URL is a secret. One of `url`, `url_file` and `url_env` is required.
    """

    url_file: SecretFile = None
    """File with the URL, where that is a secret. It may hold a query then."""

    url_env: SecretVariable = None
    """Environment variable with the URL, instead of `url_file`."""

    secret_file: SecretFile = None
    """File with the secret that signs what a `webhook` is sent (`X-Signature: sha256=<HMAC>`). Default none: it is not
    signed.
    """

    secret_env: SecretVariable = None
    """Environment variable with that secret, instead of `secret_file`."""

    token_file: SecretFile = None
    """File with a token that is shown as `Authorization: Bearer`. Not for `slack`. Default none."""

    token_env: SecretVariable = None
    """Environment variable with that token, instead of `token_file`."""

    ca_file: ReadableFile = None
    """File with the authorities that vouch for the receiver. Default: those of the system."""

    fabrics: Annotated[tuple[str, ...] | None, FROM_LIST] = None
    """Names of the fabrics that it is told of. Default: all."""

    tell: Annotated[tuple[Literal["error", "out_of_sync", "disabled", "recovery"], ...], FROM_LIST] = (
        "error",
        "out_of_sync",
        "recovery",
    )
    """The sync statuses that it is told of, and whether of their end (`recovery`; an `alertmanager` always is). Default
    `[error, out_of_sync, recovery]`.
    """

    after: AfterSettings = AfterSettings()
    """How long each must have held. Default: as its keys say."""

    repeat: Seconds | None = None
    """Seconds after which it is told again of a trouble that lasts, 1 to 604800. Default none: once; for `alertmanager`
    60, since alerts that are not sent again end.
    """

    @field_validator("url_file", "url_env")
    @classmethod
    def _check_secret_url(cls, place: Path | str | None, info: ValidationInfo) -> Path | str | None:
        """One that nothing can be sent to is found at the start, not when it is needed."""
        if place is None or not looks_at_secrets(info):
            return place
        try:
            _usable(read_file(place) if isinstance(place, Path) else read_variable(place))
        except (UnusableError, ValueError) as error:
            refuse(str(error))
        return place

    @property
    def address(self) -> UrlSource:
        return UrlSource(self.url, SecretSource.of(self.url_file, self.url_env))

    @property
    def secret(self) -> SecretSource | None:
        return SecretSource.of(self.secret_file, self.secret_env)

    @property
    def token(self) -> SecretSource | None:
        return SecretSource.of(self.token_file, self.token_env)

    @property
    def repeat_after(self) -> float | None:
        """`repeat`, or what stands for it."""
        return ALERT_REPEAT if self.repeat is None and self.kind == "alertmanager" else self.repeat


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A URL, or where a secret one is kept."""

    url: str | None
    secret: SecretSource | None

    @property
    def is_secret(self) -> bool:
        return self.secret is not None

    def read(self) -> str:
        """The URL of the moment. Raises ConfigurationError, which does not quote it."""
        if self.secret is None:
            return self.url or ""
        try:
            return _usable(self.secret.read())
        except ValueError as error:
            raise ConfigurationError(f"{self.secret.file or self.secret.env}: {error}") from None


def _usable(content: bytes) -> str:
    """The URL. What others quote of it without the host is as secret. Raises ValueError."""
    url = check_secret_url(content.decode("ascii", errors="replace").strip())
    parts = urlsplit(url)
    for part in (url, parts.path, f"{parts.path}?{parts.query}", parts.query):
        if len(part) >= _LONG:
            note(part.encode())
    return url
