"""The files of a commit by which people change a fabric. Pure: they depend on what is there, and on a number."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject

Files = dict[str, str | None]
"""Texts by path below the fabric's directory; None: no such file any more."""

MADE, DROPPED, BAD = "made-", "dropped-", "bad-"
"""How the names of what the soak pushes begin."""

_FIRST_NEW_VLAN, _FIRST_CHANGED_VLAN, _VLANS = 1200, 2000, 750
_NETWORKS = IPv4Network("10.1.0.0/16")
"""The second half of what the namespace has: the first is of the VPCs that are there from the beginning."""

_VPC, _WIRING = "vpc.githedgehog.com/v1beta1", "wiring.githedgehog.com/v1beta1"


def changed(texts: Mapping[str, str], number: int) -> Files:
    """Another VLAN for the first subnet of a VPC."""
    vpcs = _of_kind(texts, "VPC")
    name, body = vpcs[number % len(vpcs)]
    next(iter(body["spec"]["subnets"].values()))["vlan"] = _FIRST_CHANGED_VLAN + number % _VLANS
    return {name: yaml.safe_dump(body)}


def new(texts: Mapping[str, str], number: int) -> Files:
    """A VPC with a network and a VLAN of its own, and a server attached to it."""
    name = f"{MADE}{number}"
    network = list(_NETWORKS.subnets(new_prefix=24))[number % 256]
    subnet = {"subnet": str(network), "gateway": str(network[1]), "vlan": _FIRST_NEW_VLAN + number % _VLANS}
    vpc = {"ipv4Namespace": "default", "vlanNamespace": "default", "subnets": {"default": subnet}}
    servers = [body["metadata"]["name"] for _, body in _of_kind(texts, "Connection") if "fabric" not in body["spec"]]
    attachment = {"connection": servers[number % len(servers)], "subnet": f"{name}/default"}
    return {
        f"managed/vpcs/{name}.yaml": _document(_VPC, "VPC", name, vpc),
        f"managed/vpcattachments/{name}.yaml": _document(_VPC, "VPCAttachment", name, attachment),
    }


def deleted(texts: Mapping[str, str], number: int) -> Files:
    """Away with a VPC that was made, and its attachment; else with a dropped server; else with any attachment."""
    made = sorted(name for name in texts if name.startswith(f"managed/vpcs/{MADE}"))
    if made:
        chosen = made[number % len(made)]
        return {name: None for name in (chosen, chosen.replace("/vpcs/", "/vpcattachments/")) if name in texts}
    dropped = sorted(name for name in texts if name.startswith(f"managed/servers/{DROPPED}"))
    attachments = [name for name, _ in _of_kind(texts, "VPCAttachment")]
    return {(dropped or attachments)[0]: None} if dropped or attachments else {}


def dropped(number: int) -> Files:
    """Two servers in one file for `raw/`."""
    names = (f"{DROPPED}{number}-a", f"{DROPPED}{number}-b")
    servers = [_document(_WIRING, "Server", name, {"description": f"Dropped {number}"}) for name in names]
    return {f"raw/{DROPPED}{number}.yaml": "---\n".join(servers)}


def broken(number: int) -> Files:
    """A file that cannot be used: no YAML, no such field, or no such VPC."""
    name = f"{BAD}{number}"
    texts = (
        "kind: [VPC\n",
        _document(_WIRING, "Server", name, {"descriptoin": "misspelt"}),
        _document(_VPC, "VPCAttachment", name, {"connection": "nowhere", "subnet": "nothing/default"}),
    )
    return {f"managed/vpcs/{name}.yaml": texts[number % len(texts)]}


def repaired(names: Mapping[str, str]) -> Files:
    """Away with every broken file, wherever it lies by now."""
    return {name: None for name in names if name.rpartition("/")[2].startswith(BAD)}


def _of_kind(texts: Mapping[str, str], kind: str) -> list[tuple[str, JSONObject]]:
    """The files of `managed/` with one document of the kind, in order."""
    wanted = [(name, text) for name, text in sorted(texts.items()) if name.startswith("managed/") and BAD not in name]
    found = ((name, yaml.safe_load(text)) for name, text in wanted)
    return [(name, body) for name, body in found if body and body["kind"] == kind]


def _document(api: str, kind: str, name: str, spec: JSONObject) -> str:
    text: str = yaml.safe_dump({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec})
    return text
