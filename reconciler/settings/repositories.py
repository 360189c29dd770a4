"""Repositories: where they are, how we prove who we are, and how they tell us of pushes."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Literal

from pydantic import ValidationInfo, field_validator

from reconciler.settings.fields import (
    Branch,
    IdentityText,
    ReadableFile,
    RepositoryName,
    RepositoryUrl,
    SafeUrl,
    SecretFile,
    SecretVariable,
    Section,
    UserName,
    looks_at_secrets,
    refuse,
)
from reconciler.settings.secret import SecretSource, UnusableError, read_file, read_variable


class AuthSettings(Section):
    """How the Git host knows us: a user with a password or token, or an ssh key."""

    username: UserName = "git"
    """User name. Default `git`: over https most hosts look only at the token, and over ssh it is the user of most. A
    `url` that names a user for ssh takes none here.
    """

    password_file: SecretFile = None
    """File with the password or token for https."""

    password_env: SecretVariable = None
    """Environment variable with the password or token for https, instead of `password_file`."""

    ssh_key_file: SecretFile = None
    """File with the private key for ssh, without a passphrase, open to nobody else (mode 0600 or 0400)."""

    ssh_key_env: SecretVariable = None
    """Environment variable with the private key for ssh, instead of `ssh_key_file`."""

    known_hosts_file: ReadableFile = None
    """File with the host keys to accept over ssh, as OpenSSH writes it. Required for ssh: no key is ever trusted
    because it is the first.
    """

    @property
    def password(self) -> SecretSource | None:
        return SecretSource.of(self.password_file, self.password_env)


_SIGNING_TOKEN = b"whsec_"


def _is_base64(text: bytes) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except binascii.Error:
        return False


class WebhookSettings(Section):
    """The webhook by which the forge tells of pushes."""

    provider: Literal["github", "gitlab", "gitea", "forgejo", "bitbucket", "generic"] = "github"
    """The forge, which decides the route (`/webhooks/<provider>`) and how a delivery is signed. `generic` is for
    whatever else can make an HMAC. Default `github`.
    """

    secret_file: SecretFile = None
    """File with the secret that signs deliveries. For `gitlab` its secret token or, beginning with `whsec_`, its
    signing token. Without a secret no webhook can be configured.
    """

    secret_env: SecretVariable = None
    """Environment variable with the secret that signs deliveries, instead of `secret_file`."""

    @field_validator("secret_file", "secret_env")
    @classmethod
    def _check_signing_token(cls, place: Path | str | None, info: ValidationInfo) -> Path | str | None:
        """One that nothing can be verified with would refuse every delivery, for a reason that no log could tell."""
        if place is None or info.data.get("provider") != "gitlab" or not looks_at_secrets(info):
            return place
        try:
            secret = read_file(place) if isinstance(place, Path) else read_variable(place)
        except UnusableError as error:  # it was fine a moment ago
            refuse(str(error))
        if secret.startswith(_SIGNING_TOKEN) and not _is_base64(secret.removeprefix(_SIGNING_TOKEN)):
            refuse("a signing token must be whsec_ and a key in base64")
        return place

    @property
    def secret(self) -> SecretSource:
        return SecretSource(self.secret_file, self.secret_env)


class CommitSettings(Section):
    """Who commits when the structure of a fabric's folder is brought in order."""

    author: IdentityText = "hedgehog-reconciler"
    """Name of author and committer. Default `hedgehog-reconciler`."""

    email: IdentityText = "reconciler@localhost"
    """Address of author and committer. Default `reconciler@localhost`."""

    signing_key_file: SecretFile = None
    """File with the private key that signs commits, without a passphrase. Default none: commits are not signed."""

    signing_key_env: SecretVariable = None
    """Environment variable with the key that signs commits, instead of `signing_key_file`."""

    signing_format: Literal["ssh", "openpgp"] = "ssh"
    """Kind of the signing key: one of ssh-keygen's, or one that gpg exported. Default `ssh`."""

    @property
    def signing_key(self) -> SecretSource | None:
        """None: commits are not signed."""
        return SecretSource.of(self.signing_key_file, self.signing_key_env)


class ForgeSettings(Section):
    """The API of the forge, for commit statuses."""

    kind: Literal["github", "gitlab", "gitea"]
    """Which API it is. `gitea` is for Forgejo too."""

    api_url: SafeUrl
    """URL of the API: `https://api.github.com`, or as far as `/api/v3` (GitHub Enterprise), `/api/v4` (GitLab) or
    `/api/v1` (Gitea). Owner and name of the project are those in the repository's `url`.
    """

    token_file: SecretFile = None
    """File with a token that may write commit statuses: at GitHub `Commit statuses: write` (classic: `repo:status`), at
    GitLab `api` of a Developer, at Gitea `write:repository`. Read before each use.
    """

    token_env: SecretVariable = None
    """Environment variable with that token, instead of `token_file`."""

    @property
    def token(self) -> SecretSource:
        return SecretSource(self.token_file, self.token_env)


class RepositorySettings(Section):
    """A Git repository that holds the desired state of one or more fabrics."""

    name: RepositoryName
    """The name by which fabrics refer to it. Unique. Up to 63 letters, digits, dots, dashes and underscores."""

    url: RepositoryUrl
    """Where to fetch it: `https://…`, without user and password, `ssh://user@host:port/path` or `user@host:path`. With
    `allow_local` also `file:///…`, and `http://…` to a loopback address.
    """

    branch: Branch = "main"
    """The branch that is followed; pushes to others are ignored. Default `main`."""

    auth: AuthSettings | None = None
    """Credentials. Default none: the repository is public."""

    ca_file: ReadableFile = None
    """File with the certificates (PEM) to trust for this host, instead of the system's. Default none."""

    webhook: WebhookSettings | None = None
    """How pushes are announced. Default none: the repository is polled."""

    commit: CommitSettings = CommitSettings()
    """Who commits. Default: as its keys say."""

    forge: ForgeSettings | None = None
    """Where commit statuses are written. Default none."""

    allow_local: bool = False
    """Accept a `url` on this machine, for development and rehearsals. Default false."""
