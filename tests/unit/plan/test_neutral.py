"""Objects without what the server made of them. Real pairs of document and stored object are read from the folder that
RECONCILER_SHARED names, or from `shared` beside the checkout; without it that test is skipped.
"""

from __future__ import annotations

import ipaddress
import json
import os
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.desired.manifests.crds import read_crds
from reconciler.model.kinds import KINDS
from reconciler.model.objects import Manifest, ObjectKey, Resource, Source, ownership_marks
from reconciler.model.served import Schema
from reconciler.plan.canonical import canonical
from reconciler.plan.comparison import differences
from reconciler.plan.fields import leaves
from reconciler.plan.neutral import document, neutral
from reconciler.plan.observing import observed_differences
from tests.unit.plan.world import FABRIC, key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.served import Served

ROOT = Path(__file__).parents[3]
SHARED = Path(os.environ.get("RECONCILER_SHARED") or ROOT.parent / "shared")
PAIRS = SHARED / "data" / "defaulting-pairs.jsonl"
needs_samples = pytest.mark.skipif(
    not PAIRS.exists(), reason=f"no {PAIRS.name} beside the checkout (RECONCILER_SHARED)"
)

OPTIONS = {"interfaceMTU": 9036, "leaseTimeSeconds": 3600}
WHOLE = {"flapThreshold": 3, "recoveryInterval": 300, "samplingInterval": 30}
LIMIT = Schema(
    {
        "type": "object",
        "properties": {
            "linkFlapErrDisable": {
                "type": "object",
                "properties": {"flapThreshold": {"default": 3}, "later": {"default": 300}},
            },
            "portSpeeds": {"additionalProperties": {"properties": {"auto": {"default": True}}}},
        },
    }
)


def _neutral(kind: str, spec: JSONObject, schema: Schema | None = None, **metadata: dict[str, str]) -> Manifest:
    return neutral(Resource(key(kind, "one"), "uid", "7", spec, **metadata), schema)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "stored", "declared"),
    [
        pytest.param(
            "Switch",
            {"role": "spine", "vlanNamespaces": ["default"], "redundancy": {}, "boot": {}, "ecmp": {}},
            {"role": "spine"},
            id="switch",
        ),
        pytest.param(
            "Switch",
            {
                "vlanNamespaces": ["a"],
                "redundancy": {"group": "g", "type": "eslag"},
                "groups": ["g"],
                "boot": {"mac": ""},
            },
            {"vlanNamespaces": ["a"], "redundancy": {"group": "g", "type": "eslag"}, "boot": {"mac": ""}},
            id="group of a redundancy alone",
        ),
        pytest.param(
            "Switch",
            {"redundancy": {"group": "g"}, "groups": ["border", "g"]},
            {"redundancy": {"group": "g"}, "groups": ["border", "g"]},
            id="a list is one value",
        ),
        pytest.param("Switch", {"groups": []}, {"groups": []}, id="no groups"),
        pytest.param(
            "Gateway",
            {
                "asn": 1,
                "workers": 4,
                "groups": [{"name": "default"}],
                "logs": {"default": "info", "tags": {"all": "info"}},
                "profiling": {},
            },
            {"asn": 1},
            id="gateway",
        ),
        pytest.param(
            "Gateway",
            {
                "workers": 5,
                "groups": [{"name": "a"}],
                "logs": {"default": "info", "tags": {"all": "info", "x": "debug"}},
            },
            {"workers": 5, "groups": [{"name": "a"}], "logs": {"tags": {"all": "info", "x": "debug"}}},
            id="gateway as people set it",
        ),
        pytest.param(
            "External", {"ipv4Namespace": "default", "static": {}}, {"static": {}}, id="presence means something"
        ),
        pytest.param(
            "ExternalAttachment",
            {"static": {"vlan": 0}, "switch": {}, "neighbor": {}},
            {"static": {"vlan": 0}},
            id="zero",
        ),
        pytest.param("GatewayPeering", {"gatewayGroup": "default"}, {}, id="gateway group"),
        pytest.param("GatewayPeering", {"gatewayGroup": "b"}, {"gatewayGroup": "b"}, id="another gateway group"),
        pytest.param("Gateway", {"workers": True}, {"workers": True}, id="another type"),
        pytest.param(
            "VPCPeering", {"permit": [{"a": {}, "b": {}}]}, {"permit": [{"a": {}, "b": {}}]}, id="names are data"
        ),
        pytest.param("VPC", {"subnets": None}, {"subnets": None}, id="odd"),
        pytest.param("VPC", {"subnets": {"a": 1, "b": {}}}, {"subnets": {"a": 1, "b": {}}}, id="odd subnets"),
    ],
)
def test_what_admission_adds_is_left_out(kind: str, stored: JSONObject, declared: JSONObject) -> None:
    """And only where it is sure that it would be added again."""
    assert _neutral(kind, stored).spec == declared


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        pytest.param({"gateway": "10.0.1.1", "dhcp": {}}, {}, id="gateway"),
        pytest.param({"gateway": "10.0.1.254"}, {"gateway": "10.0.1.254"}, id="another gateway"),
        pytest.param(
            {"dhcp": {"enable": True, "range": {"start": "10.0.1.2", "end": "10.0.1.255"}}},
            {"dhcp": {"enable": True}},
            id="whole range",
        ),
        pytest.param(
            {"dhcp": {"enable": True, "range": {"start": "10.0.1.10", "end": "10.0.1.255"}}},
            {"dhcp": {"enable": True, "range": {"start": "10.0.1.10"}}},
            id="half a range",
        ),
        pytest.param(
            {"dhcp": {"relay": "10.9.0.1/32", "enable": True, "range": {"start": "10.0.1.2"}}},
            {"dhcp": {"relay": "10.9.0.1/32", "enable": True, "range": {"start": "10.0.1.2"}}},
            id="in doubt",
        ),
        pytest.param({"dhcp": {"enable": False}}, {"dhcp": {"enable": False}}, id="off"),
        pytest.param(
            {"dhcp": {"enable": True, "options": {**OPTIONS, "dnsServers": ["1.1.1.1"], "timeServers": []}}},
            {"dhcp": {"enable": True, "options": {"dnsServers": ["1.1.1.1"]}}},
            id="options",
        ),
        pytest.param(
            {"dhcp": {"enable": True, "options": {**OPTIONS, "timeServers": []}}},
            {"dhcp": {"enable": True, "options": {**OPTIONS, "timeServers": []}}},
            id="options of which nothing would be left",
        ),
    ],
)
def test_subnets(stored: JSONObject, declared: JSONObject) -> None:
    """Addresses that follow from the subnet are left out."""
    spec = {"subnets": {"a": {"subnet": "10.0.1.0/24", **stored}}}

    assert _neutral("VPC", spec).spec == {"subnets": {"a": {"subnet": "10.0.1.0/24", **declared}}}


@pytest.mark.parametrize(
    "subnet", ["10.0.1.7/24", "10.0.1.0/31", "x", None], ids=["host bits", "too small", "odd", "none"]
)
def test_subnets_whose_addresses_are_not_plain(subnet: JSON) -> None:
    """Nothing is left out that may have been said on purpose."""
    one = {"subnet": subnet, "gateway": "10.0.1.1", "dhcp": {"enable": True, "range": {"start": "10.0.1.2", "end": ""}}}

    assert _neutral("VPC", {"subnets": {"a": one}}).spec == {"subnets": {"a": one}}


@pytest.mark.parametrize(
    ("stored", "declared"),
    [
        ({"flapThreshold": 5, "later": 300}, {"flapThreshold": 5}),
        ({"flapThreshold": 3, "later": 300}, {"later": 300}),
        ({"flapThreshold": True, "later": 300}, {"flapThreshold": True}),
        ({"flapThreshold": 5, "recoveryInterval": 300, "samplingInterval": 30}, {"flapThreshold": 5}),
    ],
    ids=[
        "some",
        "something has to be left",
        "another type",
        "known, whatever the schema says",
    ],
)
def test_defaults_of_the_schema(stored: JSONObject, declared: JSONObject) -> None:
    """They are left out where the mapping around them stays."""
    found = _neutral("Switch", {"role": "x", "linkFlapErrDisable": stored}, LIMIT)

    assert found.spec == {"linkFlapErrDisable": declared, "role": "x"}


def test_defaults_alone() -> None:
    """A mapping of nothing but defaults stays: were it absent, the server would add none."""
    assert _neutral("Switch", {"linkFlapErrDisable": WHOLE}).spec == {"linkFlapErrDisable": WHOLE}


def test_defaults_of_the_schema_below_names() -> None:
    """Members of mappings whose names are data have a schema too."""
    found = _neutral("Switch", {"portSpeeds": {"E1/1": {"auto": True, "x": [1]}, "E1/2": {"auto": True}}}, LIMIT)

    assert found.spec == {"portSpeeds": {"E1/1": {"x": [1]}, "E1/2": {"auto": True}}}


def test_metadata() -> None:
    """Labels and annotations of people stay, those of the controller, of kubectl and of ours go."""
    labels = {"team": "net", "fabric.githedgehog.com/profile": "x", "vlanns.fabric.githedgehog.com/default": "true"}
    annotations = {
        "note": "y",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        **ownership_marks("dc9"),
    }

    found = _neutral("Switch", {}, labels=labels, annotations=annotations)

    assert (found.labels, found.annotations) == ({"team": "net"}, {"note": "y"})


def test_labels_of_gateway_peerings() -> None:
    """One for each side is the controller's; one of a side that is gone, or of another value, may be anybody's."""
    peer = "vpc.gateway.githedgehog.com/"
    labels = {f"{peer}a": "true", f"{peer}b": "no", f"{peer}gone": "true", "fabric.githedgehog.com/x": "1"}

    found = _neutral("GatewayPeering", {"peering": {"a": {}, "b": {}}}, labels=labels)

    assert set(found.labels) == labels.keys() - {f"{peer}a"}


def test_documents_are_in_order() -> None:
    """The same object is the same document, whatever order the server answers in."""
    one = _neutral("VPC", {"b": [{"z": 1, "a": 2}], "a": 1}, labels={"y": "1", "x": "2"})

    found = document(one, {"mark": "m"})

    assert list(found) == ["apiVersion", "kind", "metadata", "spec"]
    assert json.dumps(found["metadata"]) == json.dumps(
        {"name": "one", "namespace": "default", "labels": {"x": "2", "y": "1"}, "annotations": {"mark": "m"}}
    )
    assert json.dumps(found["spec"]) == '{"a": 1, "b": [{"a": 2, "z": 1}]}'


def test_documents_say_no_more_than_they_must() -> None:
    """No empty labels and annotations."""
    found = document(_neutral("VPC", {}), {})

    assert found == {
        "apiVersion": "vpc.githedgehog.com/v1beta1",
        "kind": "VPC",
        "metadata": {"name": "one", "namespace": "default"},
        "spec": {},
    }


@cache
def _served() -> Served:
    return read_crds(ROOT / "tests" / "crds")


def _pairs() -> Iterator[Any]:
    for number, line in enumerate(PAIRS.read_text(encoding="utf-8").splitlines() if PAIRS.exists() else ()):
        pair = json.loads(line)
        yield pytest.param(pair["kind"], pair["git"], pair["server"], id=f"{number}-{pair['kind']}-{pair['name']}")


@needs_samples
@pytest.mark.parametrize(("kind", "git", "server"), list(_pairs()))
def test_real_objects(kind: str, git: JSONObject, server: JSONObject) -> None:
    """Of what the real admission stored, the neutral form declares nothing that the document did not, is no drift, and
    is made by admission into what is stored.
    """
    resource = Resource.from_body(server, KINDS[kind])
    schema = _served().schema(KINDS[kind])

    found = neutral(resource, schema)

    again = Manifest(found.key, Source("x.yaml"), found.spec, found.labels, found.annotations)
    assert observed_differences(again, resource, FABRIC) == ()
    assert canonical(_admitted(kind, found.spec)) == canonical(resource.spec)
    assert _declared(kind, found.spec) <= _declared(kind, git.get("spec") or {})
    assert found.labels.items() <= (git["metadata"].get("labels") or {}).items()
    assert neutral(Resource(found.key, "", "", found.spec, found.labels, found.annotations), schema) == found


def _declared(kind: str, spec: JSONObject) -> set[tuple[str, ...]]:
    """The paths of what is declared. What an object has without members, and the group of a redundancy among others,
    cannot be told.
    """
    return {path for path, value in leaves(spec) if value not in ({}, None) and (kind, path) != ("Switch", ("groups",))}


def _admitted(kind: str, spec: JSONObject) -> JSONObject:
    """The spec with what admission puts in, as far as it puts in what is absent."""
    made = deepcopy(spec)
    if kind in {"VPC", "External"}:
        made.setdefault("ipv4Namespace", "default")
    if kind == "VPC":
        made.setdefault("vlanNamespace", "default")
        for subnet in made["subnets"].values():
            network = ipaddress.ip_network(subnet["subnet"], strict=False)
            if "vlan" in subnet:
                subnet.setdefault("gateway", str(network[1]))
            if (subnet.get("dhcp") or {}).get("enable"):
                leased = subnet["dhcp"].setdefault("range", {})
                leased.setdefault("start", str(network[2]))
                leased.setdefault("end", str(network[-1]))
    if kind == "Switch":
        made.setdefault("vlanNamespaces", ["default"])
        group = (made.get("redundancy") or {}).get("group")
        if group:
            made["groups"] = sorted({*made.get("groups", []), group})
    if kind == "Gateway":
        made.setdefault("workers", 4)
        made.setdefault("groups", [{"name": "default"}])
        logs = made.setdefault("logs", {})
        logs.setdefault("default", "info")
        logs.setdefault("tags", {"all": "info"})
    if kind == "GatewayPeering":
        made.setdefault("gatewayGroup", "default")
    return made


def test_ours_differ_in_nothing() -> None:
    """What was adopted, and is applied with our marks, asks for no other spec."""
    spec = {"vlanNamespaces": ["default"], "groups": ["a", "g"], "redundancy": {"group": "g"}, "role": "spine"}
    resource = Resource(ObjectKey("Switch", "default", "s"), "u", "1", spec)

    found = differences(neutral(resource, None).body(FABRIC), resource)

    assert {one.path for one in found} == {f".metadata.annotations.{name}" for name in ownership_marks(FABRIC)}
