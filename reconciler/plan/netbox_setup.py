"""What NetBox lacks of what the reconciler needs there: an existing thing is only added to, never taken from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.netbox import KEY_FIELD, Ref
from reconciler.model.netbox_schema import CONTENT_TYPES, CUSTOM_FIELDS, OWNED, SITES, TAGS
from reconciler.model.netbox_setup import (
    CHOICE_SETS,
    CUSTOM_LINKS,
    EVENT_RULES,
    WEBHOOKS,
    SetupChange,
    SetupPlan,
    SetupThing,
)
from reconciler.plan.netbox_features import SNAPSHOT_CONDITIONS, has_feature
from reconciler.plan.projection import prerequisites

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import SharedRecord
    from reconciler.model.netbox_setup import EventSink

NAME = "hedgehog-reconciler"
"""The name of the webhook and of the event rule: one of each in a NetBox."""

EVENTS = ("object_created", "object_updated", "object_deleted")


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to an existing thing of a model. `by` is the field that it is found by; lists of `grows` get what
    they lack; fields of `mends` are set right; those of `fixed` cannot be changed, and are a fault.
    """

    by: str = "name"
    grows: tuple[str, ...] = ()
    mends: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


TREATMENTS: Mapping[str, Treatment] = {
    TAGS: Treatment(by="slug"),
    CHOICE_SETS: Treatment(grows=("extra_choices",)),
    CUSTOM_FIELDS: Treatment(grows=("object_types",), fixed=("type", "unique")),
    SITES: Treatment(by="slug"),
    CUSTOM_LINKS: Treatment(grows=("object_types",), mends=("link_text", "link_url")),
    WEBHOOKS: Treatment(mends=("payload_url", "http_method", "http_content_type", "secret")),
    EVENT_RULES: Treatment(
        grows=("object_types", "event_types"),
        mends=("conditions", "action_type", "action_object_type", "action_object_id"),
    ),
}
"""By model, in the order in which things are made: each refers to earlier ones only."""


def wanted(
    sites: Mapping[str, str], public_url: str | None, sink: EventSink | None, version: str
) -> tuple[SetupThing, ...]:
    """What a NetBox of this version needs for these fabrics (the slugs of their sites by name)."""
    links = [_link(fabric, site, public_url) for fabric, site in sites.items()] if public_url else []
    shared = [prerequisites.tag(), *_site_fields(), *prerequisites.custom_fields()]
    places = [_thing(prerequisites.site(site)) for site in sorted(set(sites.values()))]
    return (*map(_thing, shared), *places, *links, *(_events(sink, version) if sink else ()))


def wanted_of_sites() -> tuple[SetupThing, ...]:
    """What a site needs to say whose it is and how its fabric stands."""
    return tuple(map(_thing, _site_fields()))


def _site_fields() -> tuple[SharedRecord, ...]:
    return prerequisites.choice_set(), *prerequisites.site_fields()


def _thing(record: SharedRecord) -> SetupThing:
    return SetupThing(record.ref, {name: _json(value) for name, value in record.fields.items()})


def _json(value: JSON) -> JSON:
    return [_json(item) for item in value] if isinstance(value, tuple) else value


def _link(fabric: str, site: str, public_url: str) -> SetupThing:
    """A custom link belongs to all sites: on the others its text is empty, and NetBox shows none."""
    name = f"{NAME} {fabric}"
    fields: dict[str, JSON] = {
        "name": name,
        "object_types": [CONTENT_TYPES[SITES]],
        "link_text": f"{{% if object.slug == '{site}' %}}Hedgehog fabric {fabric}{{% endif %}}",
        "link_url": f"{public_url.rstrip('/')}/fabrics/{fabric}",
        "new_window": True,
    }
    return SetupThing(Ref(CUSTOM_LINKS, name), fields)


def _events(sink: EventSink, version: str) -> tuple[SetupThing, SetupThing]:
    """The webhook, and the rule that calls it for records that carry a key of ours, whatever becomes of them."""
    webhook: dict[str, JSON] = {
        "name": NAME,
        "payload_url": sink.url,
        "http_method": "POST",
        "http_content_type": "application/json",
        "secret": sink.secret,
    }
    rule: dict[str, JSON] = {
        "name": NAME,
        "object_types": sorted(model.content_type for model in OWNED),
        "event_types": list(EVENTS),
        "conditions": conditions(version),
        "action_type": "webhook",
        "action_object_type": "extras.webhook",
        "action_object_id": Ref(WEBHOOKS, NAME),
    }
    return SetupThing(Ref(WEBHOOKS, NAME), webhook), SetupThing(Ref(EVENT_RULES, NAME), rule)


def conditions(version: str) -> JSONObject:
    """Only records that have a key; where the version can tell, also those that had one until now.

    Not `regex` or a comparison with the empty text: NetBox takes the first for an error where there is no key, and
    null for something else than the empty text.
    """
    has_key: JSONObject = {"attr": f"custom_fields.{KEY_FIELD}", "value": None, "negate": True}
    if not has_feature(version, SNAPSHOT_CONDITIONS):
        return {"and": [has_key]}
    return {"or": [has_key, {**has_key, "attr": f"snapshots.prechange.custom_fields.{KEY_FIELD}"}]}


def plan_setup(things: Iterable[SetupThing], found: Mapping[Ref, JSONObject]) -> SetupPlan:
    """What to do so that all these things are there. `found` are those that are, as REST shows them."""
    changes: list[SetupChange] = []
    faults: list[str] = []
    for thing in things:
        raw = found.get(thing.ref)
        if raw is None:
            changes.append(SetupChange(thing.ref, thing.fields, "absent"))
            continue
        faults += _faults(thing, raw)
        if (change := _change(thing, raw, found)) is not None:
            changes.append(change)
    return SetupPlan(tuple(changes), tuple(faults))


def _faults(thing: SetupThing, raw: JSONObject) -> Iterator[str]:
    """What cannot be changed in place without the risk of what people keep there."""
    for name in TREATMENTS[thing.ref.model].fixed:
        value = _flat(raw.get(name))
        if name in thing.fields and value != thing.fields[name]:
            yield f"{thing.ref}: {name} is {value}, not {thing.fields[name]}; only a person can change that"


def _change(thing: SetupThing, raw: JSONObject, found: Mapping[Ref, JSONObject]) -> SetupChange | None:
    treatment = TREATMENTS[thing.ref.model]
    fields: dict[str, JSON] = {}
    summary = []
    for name in treatment.grows:
        present = raw.get(name) or []
        if lacking := _lacking(thing.fields[name], present):
            fields[name] = [*present, *lacking]
            summary.append(f"{name}: {', '.join(_name(item) for item in lacking)}")
    for name in treatment.mends:
        # A version that does not show a field, as a secret should not be, cannot be asked whether it is right.
        if name in raw and _flat(raw[name]) != _resolved(thing.fields[name], found):
            fields[name] = thing.fields[name]
            summary.append(name)
    return SetupChange(thing.ref, fields, "; ".join(summary), int(raw["id"])) if fields else None


def _lacking(wanted_items: Sequence[JSON], present: Sequence[JSON]) -> list[JSON]:
    known = {_name(item) for item in present}
    return [item for item in wanted_items if _name(item) not in known]


def _name(item: JSON) -> str:
    """A choice is a value and a label: it is known by its value."""
    return str(item[0] if isinstance(item, list) else item)


def _flat(value: JSON) -> JSON:
    """REST shows a choice with its label."""
    return value["value"] if isinstance(value, dict) and "value" in value else value


def _resolved(value: JSON, found: Mapping[Ref, JSONObject]) -> JSON:
    if not isinstance(value, Ref):
        return value
    return found[value]["id"] if value in found else None
