"""What each version of NetBox offers."""

from __future__ import annotations

import pytest

from reconciler.plan.netbox_features import (
    CONDITIONAL_WRITES,
    FEATURES,
    QUICK_READS,
    SNAPSHOT_CONDITIONS,
    V2_TOKENS,
    doubt,
    features,
    has_feature,
    without,
)
from reconciler.plan.netbox_rights import ACTIONS, Right, needed_rights


@pytest.mark.parametrize(
    ("version", "count"),
    [
        ("4.2.9", 0),
        ("4.3", 0),
        ("4.4.1", 1),
        ("v4.5.0", 2),
        ("4.6.5-Docker-5.0.1", 5),
        ("4.7.3", 8),
        ("5.0", 8),
        ("simulated", 0),
        ("", 0),
    ],
)
def test_features(version: str, count: int) -> None:
    """A version offers what came with it and before; what is no version offers nothing."""
    assert features(version) == tuple(FEATURES)[:count]


def test_a_feature_begins_with_a_release() -> None:
    """Each feature is there from its release on."""
    assert [has_feature(version, V2_TOKENS) for version in ("4.4.9", "4.5.0")] == [False, True]
    assert [has_feature(version, CONDITIONAL_WRITES) for version in ("4.5.9", "4.6.0")] == [False, True]
    assert [has_feature(version, SNAPSHOT_CONDITIONS) for version in ("4.6.9", "4.10.0")] == [False, True]


MADE_FOR = "this reconciler is made for 4.2 to 4.7 and was tried on 4.7 only"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("4.7.3", None),
        ("4.7.0-Docker-3.4", None),
        ("4.7", None),
        ("4.6.9", MADE_FOR),
        ("4.2", MADE_FOR),
        ("4.1.11", f"4.1.11 is too old: {MADE_FOR}"),
        ("4.8.0", f"4.8.0 is newer than what is known: {MADE_FOR}"),
        ("next", f"next is no version that is known: {MADE_FOR}"),
    ],
)
def test_doubts(version: str, expected: str | None) -> None:
    """A version that nobody tried is doubted, with the reason."""
    assert doubt(version) == expected


def test_what_a_version_lacks() -> None:
    """It is told which release would have it."""
    assert without("4.7", QUICK_READS) is None
    assert without("4.6.2", QUICK_READS) == "reading by GraphQL needs NetBox 4.7, and this is 4.6.2"


def test_rights() -> None:
    """Each right is asked for once; records may be deleted, nothing else may; some are for init-netbox alone."""
    rights = needed_rights("4.7.3")
    granted = [(right.object_type, action) for right in rights for action in right.actions]

    assert len(granted) == len(set(granted))
    assert ("dcim.device", "delete") in granted
    assert {right.object_type for right in rights if right.actions == ACTIONS} >= {"dcim.device", "ipam.prefix"}
    assert not {("dcim.site", "delete"), ("extras.tag", "change"), ("extras.webhook", "delete")} & set(granted)
    assert {right.object_type for right in rights if right.is_for_setup} == {
        *("extras.customfield", "extras.customfieldchoiceset", "extras.customlink", "extras.webhook"),
        "extras.eventrule",
    }
    assert {r.object_type for r in rights} - {r.object_type for r in needed_rights("4.6")} == {
        "dcim.coolingintake",
        "dcim.coolingoutflow",
    }


def test_a_part_of_a_right() -> None:
    """What is left of a right without some of its actions is still about the same objects."""
    right = Right("dcim/devices", "dcim.device", ACTIONS)

    assert right.without(("view", "delete")) == Right("dcim/devices", "dcim.device", ("add", "change"))
