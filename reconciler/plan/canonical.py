"""How the fabric controller's admission stores what Git declares: what differs in form only is no difference.

A table of rules per kind, by field path (`*` stands for any name in a map). Both sides are brought into one form
before they are compared; nothing here is written to a cluster.

Source: the mutating admission webhooks of githedgehog/fabric and githedgehog/gateway.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.plan.lenient import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.json import JSON, JSONObject

RECOMPUTED_LABEL = "fabric.githedgehog.com/"
"""A label whose key contains this is the controller's: dropped and recomputed whatever Git says."""


def is_empty(value: JSON) -> bool:
    """Whether the API takes the value for absent: null, `{}` and `[]` (but not `""`, `0` and `false`)."""
    return value is None or (isinstance(value, dict | list) and not value)


def canonical(value: JSON) -> JSON:
    """Without empty members, at any depth."""
    if isinstance(value, dict):
        members = {name: canonical(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if not is_empty(member)}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def is_same(left: JSON, right: JSON) -> bool:
    """JSON equality: `true` is not 1, as Python has it."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same, left, right))
    return isinstance(left, bool) is isinstance(right, bool) and bool(left == right)


def _nothing(_: JSONObject) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """What is special about one field.

    `form` brings a leaf's value into the form that is compared. `is_map`: the members' names are data, so an empty
    member is not the same as none; `name` brings such a name into the form that the server stores. `is_defaulted`:
    where Git leaves the value empty the server chooses one. `dropped` names members of a declared object that
    the server does not keep.
    """

    form: Callable[[JSON], JSON] = canonical
    is_map: bool = False
    name: Callable[[str], str] = str
    is_defaulted: bool = False
    dropped: Callable[[JSONObject], frozenset[str]] = _nothing
    members: Mapping[str, Rule] = field(default_factory=dict)

    def member(self, name: str) -> Rule:
        """The rule of a member; PLAIN where nothing is special."""
        return self.members.get(name) or self.members.get("*") or PLAIN


PLAIN = Rule()


def rule_of(kind: str) -> Rule:
    """The rule of a kind's spec."""
    return _RULES.get(kind, PLAIN)


def stored_spec(kind: str, spec: JSONObject) -> JSONObject:
    """The spec with what the server adds to lists that Git declares."""
    group = mapping(spec.get("redundancy")).get("group") if kind == "Switch" else None
    groups = spec.get("groups")
    if not group or not isinstance(groups, list) or group in groups:
        return spec
    return {**spec, "groups": [*groups, group]}


# Forms of values


def _order(value: JSON) -> str:
    return json.dumps(value, sort_keys=True)


def _unordered(value: JSON) -> JSON:
    """A list whose order means nothing."""
    return sorted(canonical(value), key=_order) if isinstance(value, list) else value


def _ranges(value: JSON) -> JSON:
    """VLAN ranges: a range without an end ends where it begins."""
    if not isinstance(value, list):
        return value
    return _unordered(
        [{"to": item.get("from"), **canonical(item)} if isinstance(item, dict) else item for item in value]
    )


def _permits(value: JSON) -> JSON:
    """The VPCs of a peering: their names are data, so a VPC without settings stays."""
    if not isinstance(value, list):
        return value
    return [_permit(item) if isinstance(item, dict) else item for item in value]


def _permit(sides: JSONObject) -> JSONObject:
    return {
        name: {**canonical(mapping(side)), "subnets": _unordered(mapping(side).get("subnets") or [])}
        for name, side in sides.items()
    }


def _acl_rules(value: JSON) -> JSON:
    """Rules of an access list; the scope is `flow` unless it is named."""
    return _each(value, lambda rule: {**rule, "scope": rule.get("scope") or "flow"})


def _exposures(value: JSON) -> JSON:
    """What a side of a gateway peering exposes; translations time out after two minutes unless it is named."""
    return _each(value, lambda exposure: {**exposure, "nat": _nat(mapping(exposure.get("nat")))})


def _nat(nat: JSONObject) -> JSONObject:
    """The kinds of translation, whose mere presence means something: `static: {}` is not absent."""
    return {
        name: {"is_used": True, **_timed(name, mapping(options))}
        for name, options in nat.items()
        if options is not None
    }


def _timed(name: str, options: JSONObject) -> JSONObject:
    if name not in {"masquerade", "portForward"}:
        return options
    return {**options, "idleTimeout": _duration(options.get("idleTimeout") or "2m0s")}


def _each(value: JSON, form: Callable[[JSONObject], JSONObject]) -> JSON:
    if not isinstance(value, list):
        return value
    return [canonical(form(item)) if isinstance(item, dict) else item for item in value]


_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_TERM = re.compile(r"(\d{1,18})(?:\.(\d{1,9}))?(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_TERM.pattern})+")


def _duration(value: JSON) -> JSON:
    """A Go duration as nanoseconds: `1m` is `60s` is `1m0s`. Anything else stays as it is."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        return value
    return sum(_term(whole, fraction, unit) for whole, fraction, unit in _TERM.findall(value))


def _term(whole: str, fraction: str, unit: str) -> int:
    scale = _NANOSECONDS[unit]
    return int(whole) * scale + (int(fraction) * scale // 10 ** len(fraction) if fraction else 0)


def _mac(value: JSON) -> JSON:
    return _mac_name(value) if isinstance(value, str) else value


def _mac_name(name: str) -> str:
    """A MAC address in lower case with colons, from any of its usual spellings; other text as it is."""
    digits = re.sub(r"[:.-]", "", name).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        return name
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _speed(value: JSON) -> JSON:
    return value.removeprefix("SPEED_") if isinstance(value, str) else value


def _attached_subnet(value: JSON) -> JSON:
    return f"{value}/default" if isinstance(value, str) and value and "/" not in value else value


def _dropped_dhcp(dhcp: JSONObject) -> frozenset[str]:
    """The server forgets range and options of a DHCP that is off."""
    return frozenset() if dhcp.get("enable") else frozenset({"range", "options"})


# The table


def _tree(fields: Mapping[str, Rule]) -> Rule:
    """One rule for a spec, from rules by dotted path."""
    here = fields.get("", PLAIN)
    below: dict[str, dict[str, Rule]] = {}
    for path, rule in fields.items():
        if path:
            name, _, rest = path.partition(".")
            below.setdefault(name, {})[rest] = rule
    members = {name: _tree(rules) for name, rules in below.items()}
    return Rule(here.form, here.is_map, here.name, here.is_defaulted, here.dropped, members)


_SET = Rule(_unordered)
_DEFAULTED = Rule(is_defaulted=True)
_DEFAULTED_SET = Rule(_unordered, is_defaulted=True)
_MAP = Rule(is_map=True)
_SPEEDS = Rule(_speed)

_RULES: dict[str, Rule] = {
    kind: _tree(fields)
    for kind, fields in {
        "VLANNamespace": {"ranges": Rule(_ranges)},
        "IPv4Namespace": {"subnets": _SET},
        "Switch": {
            "groups": _SET,
            "vlanNamespaces": _DEFAULTED_SET,
            "boot.mac": Rule(_mac),
            "portGroupSpeeds.*": _SPEEDS,
            "portSpeeds.*": _SPEEDS,
            "linkFlapErrDisable.*": _DEFAULTED,
        },
        "Gateway": {
            "groups": _DEFAULTED_SET,
            "interfaces": _MAP,
            "vtepMAC": Rule(_mac),
            "workers": _DEFAULTED,
            "logs.default": _DEFAULTED,
            "logs.tags": _DEFAULTED,
        },
        "VPC": {
            "ipv4Namespace": _DEFAULTED,
            "vlanNamespace": _DEFAULTED,
            "subnets": _MAP,
            "subnets.*.gateway": _DEFAULTED,
            "subnets.*.dhcp": Rule(dropped=_dropped_dhcp),
            "subnets.*.dhcp.range.*": _DEFAULTED,
            "subnets.*.dhcp.static": Rule(is_map=True, name=_mac_name),
            "subnets.*.dhcp.options.interfaceMTU": _DEFAULTED,
            "subnets.*.dhcp.options.leaseTimeSeconds": _DEFAULTED,
            "subnets.*.dhcp.options.dnsServers": _SET,
            "subnets.*.dhcp.options.timeServers": _SET,
            "subnets.*.dhcp.options.advertisedRoutes": _SET,
        },
        "VPCAttachment": {"subnet": Rule(_attached_subnet)},
        "VPCPeering": {"permit": Rule(_permits)},
        "External": {"ipv4Namespace": _DEFAULTED, "static.prefixes": _SET},
        "ExternalPeering": {"permit.vpc.subnets": _SET, "permit.external.prefixes": _SET},
        "Connection": {"staticExternal.link.switch.subnets": _SET},
        "GatewayPeering": {
            "gatewayGroup": _DEFAULTED,
            "peering": _MAP,
            "peering.*.expose": Rule(_exposures),
            "acl.default": _DEFAULTED,
            "acl.rules": Rule(_acl_rules),
        },
    }.items()
}
