"""What NetBox lacks, and what is done to what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model.netbox import Ref
from reconciler.model.netbox_setup import EventSink, SetupThing
from reconciler.plan.netbox_setup import conditions, plan_setup, wanted, wanted_of_sites

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

SINK = EventSink("https://hh.example/webhooks/netbox", "s3cret")
URL = "https://hh.example/"
KEY = Ref("extras/custom-fields", "hh_key")
CHOICES = Ref("extras/custom-field-choice-sets", "hh-sync-status")
LINK = Ref("extras/custom-links", "hedgehog-reconciler dc1")
WEBHOOK = Ref("extras/webhooks", "hedgehog-reconciler")
RULE = Ref("extras/event-rules", "hedgehog-reconciler")
EVERYTHING = wanted({"dc1": "berlin"}, URL, SINK, "4.7.3")


def held(*things: SetupThing) -> dict[Ref, JSONObject]:
    """What REST shows once these things are made."""
    ids = {thing.ref: number for number, thing in enumerate(things, start=1)}
    found = {}
    for thing in things:
        fields = {name: ids[value] if isinstance(value, Ref) else value for name, value in thing.fields.items()}
        found[thing.ref] = {**fields, "id": ids[thing.ref]}
        for name in ("type", "http_method", "action_type"):
            if name in fields and thing.ref != WEBHOOK:
                found[thing.ref][name] = {"value": fields[name], "label": "…"}
    return found


def test_an_empty_netbox() -> None:
    """All is made, what others refer to first."""
    plan = plan_setup(EVERYTHING, {})
    names = [change.ref.key for change in plan.changes]

    assert (len(names), plan.faults) == (len(EVERYTHING), ())
    assert {change.verb for change in plan.changes} == {"create"}
    assert names.index("hh-sync-status") < names.index("hh_sync_status")
    assert names.index("hh_key") < names.index("berlin")
    assert names[-2:] == ["hedgehog-reconciler", "hedgehog-reconciler"]
    assert next(thing.ref.key for thing in wanted_of_sites()) == "hh-sync-status"


def test_nothing_is_to_be_done() -> None:
    """What was made is as it has to be."""
    plan = plan_setup(EVERYTHING, held(*EVERYTHING))

    assert (plan.changes, plan.faults) == ((), ())


def test_without_an_address_there_are_no_links_and_no_events() -> None:
    """Nobody can be sent to where there is no address."""
    paths = {thing.ref.model for thing in wanted({"dc1": "berlin"}, None, None, "4.7.3")}

    assert not {"extras/custom-links", "extras/webhooks", "extras/event-rules"} & paths


def test_the_link_is_shown_at_its_site_only() -> None:
    """The link leads to the fabric, and has no text elsewhere."""
    (link,) = [thing for thing in EVERYTHING if thing.ref == LINK]

    assert link.fields["link_url"] == "https://hh.example/fabrics/dc1"
    assert link.fields["link_text"] == "{% if object.slug == 'berlin' %}Hedgehog fabric dc1{% endif %}"


def _with(ref: Ref, **fields: Any) -> dict[Ref, JSONObject]:
    found = held(*EVERYTHING)
    return {**found, ref: {**found[ref], **fields}}


@pytest.mark.parametrize(
    ("ref", "fields", "sent", "summary"),
    [
        pytest.param(
            KEY,
            {"object_types": ["dcim.rack", *next(t for t in EVERYTHING if t.ref == KEY).fields["object_types"][1:]]},
            {"object_types"},
            "object_types: circuits.circuit",
            id="object types are added",
        ),
        pytest.param(
            CHOICES,
            {"extra_choices": [["in_sync", "Fine"]]},
            {"extra_choices"},
            "extra_choices: ",
            id="choices are added",
        ),
        pytest.param(LINK, {"link_url": "https://old"}, {"link_url"}, "link_url", id="a link is set right"),
        pytest.param(WEBHOOK, {"secret": "other"}, {"secret"}, "secret", id="a secret is set right"),
        pytest.param(
            RULE,
            {"event_types": None, "action_object_id": 9, "conditions": None},
            {"event_types", "conditions", "action_object_id"},
            "event_types: object_created, object_updated, object_deleted; conditions; action_object_id",
            id="a rule is set right",
        ),
    ],
)
def test_what_is_there_is_added_to(ref: Ref, fields: JSONObject, sent: set[str], summary: str) -> None:
    """Only what lacks is sent; nothing that people added is taken away, and no secret is told."""
    (change,) = plan_setup(EVERYTHING, _with(ref, **fields)).changes

    assert (change.verb, change.ref, set(change.fields)) == ("change", ref, sent)
    assert change.summary.startswith(summary)
    assert "s3cret" not in change.summary
    if "object_types" in fields:
        assert change.fields["object_types"] == [*fields["object_types"], "circuits.circuit"]
    if "extra_choices" in fields:
        assert change.fields["extra_choices"][0] == ["in_sync", "Fine"]


def test_a_secret_that_is_not_shown() -> None:
    """Where NetBox does not show a secret it cannot be compared, and stays."""
    found = held(*EVERYTHING)
    del found[WEBHOOK]["secret"]

    assert plan_setup(EVERYTHING, found).changes == ()


def test_a_rule_whose_webhook_is_gone() -> None:
    """A rule that refers to a webhook that is made anew is sent its id."""
    found = held(*EVERYTHING)
    del found[WEBHOOK]

    webhook, rule = plan_setup(EVERYTHING, found).changes

    assert (webhook.verb, rule.fields) == ("create", {"action_object_id": WEBHOOK})


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"type": {"value": "integer"}}, "type is integer, not text; only a person can change that"),
        ({"unique": False}, "unique is False, not True; only a person can change that"),
    ],
)
def test_what_cannot_be_changed_is_a_fault(fields: JSONObject, fault: str) -> None:
    """A field of another type stays as it is, and is named."""
    plan = plan_setup(EVERYTHING, _with(KEY, **fields))

    assert (plan.changes, plan.faults) == ((), (f"extras/custom-fields hh_key: {fault}",))


def test_conditions() -> None:
    """Only keyed records; and where the version knows snapshots, those that lost their key just now."""
    assert conditions("4.6.0") == {"and": [{"attr": "custom_fields.hh_key", "value": None, "negate": True}]}
    assert [one["attr"] for one in conditions("4.7.3")["or"]] == [
        "custom_fields.hh_key",
        "snapshots.prechange.custom_fields.hh_key",
    ]
