"""Who commits to a repository, and how, built from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.desired.publishing import GitPublisher
from reconciler.desired.signing import SigningKey
from reconciler.model.publishing import Identity

if TYPE_CHECKING:
    from reconciler.desired.git import Mirror
    from reconciler.desired.publishing import Waiting
    from reconciler.ports import Clock
    from reconciler.settings import CommitSettings


def build_publisher(commit: CommitSettings, mirror: Mirror, clock: Clock, waiting: Waiting) -> GitPublisher:
    """What commits to the branch of the mirror. The key is read for each commit anew."""
    return GitPublisher(mirror, identity_of(commit), clock, waiting, signing=signing_of(commit))


def identity_of(commit: CommitSettings) -> Identity:
    return Identity(commit.author, commit.email)


def signing_of(commit: CommitSettings) -> SigningKey | None:
    source = commit.signing_key
    if source is None:
        return None
    return SigningKey(commit.signing_format, str(source.file or source.env), source.read)
