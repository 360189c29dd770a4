"""What each version of NetBox offers of what the reconciler makes use of. Source: NetBox's release notes."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Release: TypeAlias = tuple[int, int]

TRIED: Release = (4, 7)
"""The release that the tests run against."""

OLDEST: Release = (4, 2)
"""The first release that the reconciler is made for."""

CHANGELOG_MESSAGES = "changelog messages"
V2_TOKENS = "v2 tokens"
CONDITIONAL_WRITES = "conditional writes (If-Match)"
PARTIAL_TAGS = "add_tags and remove_tags"
CURSORS = "paging by cursor"
SNAPSHOT_CONDITIONS = "conditions on snapshots in event rules"
COOLING = "cooling components"
QUICK_READS = "reading by GraphQL"

FEATURES: Mapping[str, Release] = MappingProxyType(
    {
        CHANGELOG_MESSAGES: (4, 4),
        V2_TOKENS: (4, 5),
        CONDITIONAL_WRITES: (4, 6),
        PARTIAL_TAGS: (4, 6),
        CURSORS: (4, 6),
        SNAPSHOT_CONDITIONS: (4, 7),
        COOLING: (4, 7),
        # Filters by several ids came with 4.5.0, paging by id with 4.5.2, cooling with 4.7: nobody tried an older one.
        QUICK_READS: (4, 7),
    }
)
"""The first release that has each."""

_RELEASE = re.compile(r"v?(\d+)\.(\d+)")


def release(version: str) -> Release | None:
    """The release that a version (`4.7.3`, `4.6.0-Docker-3.2`) belongs to; None for text that is no version."""
    found = _RELEASE.match(version)
    return (int(found[1]), int(found[2])) if found else None


def has_feature(version: str, feature: str) -> bool:
    """Whether a version offers a feature. One that cannot be read is taken for one that offers nothing."""
    found = release(version)
    return found is not None and found >= FEATURES[feature]


def features(version: str) -> tuple[str, ...]:
    """The features that a version offers."""
    return tuple(feature for feature in FEATURES if has_feature(version, feature))


def without(version: str, feature: str) -> str | None:
    """Why a version does not offer a feature; None where it does."""
    if has_feature(version, feature):
        return None
    return f"{feature} needs NetBox {_text(FEATURES[feature])}, and this is {version}"


def doubt(version: str) -> str | None:
    """Why a version may not do; None for the release that the reconciler was tried on."""
    found = release(version)
    tried = f"this reconciler is made for {_text(OLDEST)} to {_text(TRIED)} and was tried on {_text(TRIED)} only"
    if found is None:
        return f"{version} is no version that is known: {tried}"
    if found < OLDEST:
        return f"{version} is too old: {tried}"
    if found < TRIED:
        return tried
    return f"{version} is newer than what is known: {tried}" if found > TRIED else None


def _text(found: Release) -> str:
    return f"{found[0]}.{found[1]}"
