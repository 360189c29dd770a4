"""What NetBox should hold for a fabric: a pure function of the fabric's objects.

Kinds without a place in NetBox (yet) are passed over. An object whose spec makes no sense is skipped and named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.plan.projection import prerequisites
from reconciler.plan.projection.address_space import project_ipv4_namespace, project_vlan_namespace, project_vpc
from reconciler.plan.projection.devices import project_gateway, project_server, project_switch
from reconciler.plan.projection.draft import Draft
from reconciler.plan.projection.reading import MalformedError, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Projection
    from reconciler.model.objects import ObjectKey

_PROJECTORS = {
    "Gateway": project_gateway,
    "IPv4Namespace": project_ipv4_namespace,
    "Server": project_server,
    "VLANNamespace": project_vlan_namespace,
    "VPC": project_vpc,
}


class Projectable(Protocol):
    """An object of a fabric: what the cluster holds (`Resource`) or what Git declares (`Manifest`)."""

    @property
    def key(self) -> ObjectKey: ...

    @property
    def spec(self) -> JSONObject: ...


def project(fabric: str, policy: NetBoxPolicy, objects: Iterable[Projectable]) -> Projection:
    """The records of `fabric`, whatever the order of its objects. SwitchProfiles among them name manufacturers and
    models; a caller that could not read them projects nothing, or every switch would change its device type.
    """
    ordered = sorted(objects, key=lambda item: _rank(item.key))
    draft = Draft(fabric, policy.site)
    draft.need(prerequisites.tag(), *prerequisites.custom_fields(), prerequisites.site(policy.site))
    profiles = _display_names(ordered)
    for item in ordered:
        with draft.skipping(item.key):
            _project_one(draft, item, profiles)
    return draft.finish()


def _rank(key: ObjectKey) -> tuple[bool, ObjectKey]:
    """Switches first: a switch keeps its name when a server claims the same."""
    return key.kind != "Switch", key


def _project_one(draft: Draft, item: Projectable, profiles: Mapping[str, str]) -> None:
    if not isinstance(item.spec, dict):
        raise MalformedError("spec", "is not an object")
    if item.key.kind == "Switch":
        project_switch(draft, item.key, item.spec, profiles)
    elif projector := _PROJECTORS.get(item.key.kind):
        projector(draft, item.key, item.spec)


def _display_names(objects: Iterable[Projectable]) -> dict[str, str]:
    """Display names by profile. A profile that has none that can be read is as good as absent."""
    names: dict[str, str] = {}
    for item in objects:
        if item.key.kind == "SwitchProfile" and isinstance(item.spec, dict):
            try:
                names[item.key.name] = text(item.spec, "displayName")
            except MalformedError:
                continue
    return names
