"""A fabric's records in NetBox, counted by key, whichever models are mirrored."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import KEY_FIELD, OWNED_TAG
from reconciler.model.netbox_schema import MODELS, OWNED
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.projection import project
from tests.e2e.targets import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Projection
    from tests.e2e.targets import NetBoxView


def manifests(bodies: Iterable[JSONObject]) -> list[Manifest]:
    """Documents as the reconciler reads them."""
    named = ((ObjectKey(body["kind"], "default", body["metadata"]["name"]), body.get("spec") or {}) for body in bodies)
    return [Manifest(key, Source(f"{key.name}.yaml"), spec) for key, spec in named]


def projection(fabric: str, bodies: Iterable[JSONObject]) -> Projection:
    """What NetBox should hold of these documents, in a site with the fabric's name."""
    return project(fabric, NetBoxPolicy(fabric), manifests(bodies))


def keys(netbox: NetBoxView) -> dict[str, Counter[str]]:
    """How many tagged records have each key of the fabric, by model."""
    found = {}
    for model in MODELS:
        of_model = (row["custom_fields"].get(KEY_FIELD) or "" for row in _keyed(netbox, model))
        found[model] = Counter(key for key in of_model if key.startswith(f"{netbox.site}/"))
    return found


def _keyed(netbox: NetBoxView, model: str) -> list[JSONObject]:
    """The model's records with a key of the fabric and our tag. NetBox ignores filters that it does not know: a caller
    looks at the keys again.
    """
    asked = {"fields": "id,custom_fields,tags", f"cf_{KEY_FIELD}__isw": f"{netbox.site}/"}
    rows = netbox.records(model, **asked)
    assert len(rows) < PAGE, f"more {model} than one page holds"
    return [row for row in rows if OWNED_TAG in {tag["slug"] for tag in row["tags"]}]


def assert_mirrored(netbox: NetBoxView, bodies: Iterable[JSONObject], *, without: Iterable[str] = ()) -> None:
    """Every record that these documents become is there once, and no other of the fabric's, whatever the model.

    `without` names models and keys (`ipam/vrfs <key>`) that are known to be missing.
    """
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in projection(netbox.site, bodies).records:
        if str(record.ref) not in set(without):
            expected[record.ref.model][record.ref.key] += 1
    assert {model: counted for model, counted in keys(netbox).items() if counted} == expected


def writes_since(netbox: NetBoxView, mark: int) -> list[tuple[str, str]]:
    """Method and path of the writes to mirrored records: what is said of the fabric's status elsewhere is none."""
    lists = tuple(f"/api/{model.path}/" for model in OWNED)
    return [(method, path) for method, path in netbox.writes_since(mark) if path.startswith(lists)]


def edited(bodies: Mapping[str, JSONObject], vlan: int) -> dict[str, JSONObject]:
    """The first VPC with another VLAN in its first subnet, by kind and name."""
    key, body = next((key, body) for key, body in bodies.items() if key.startswith("VPC/"))
    (name, subnet), *_ = body["spec"]["subnets"].items()
    subnets = {**body["spec"]["subnets"], name: {**subnet, "vlan": vlan}}
    return {key: {**body, "spec": {**body["spec"], "subnets": subnets}}}
