"""`reconciler init-netbox`: see to it that each NetBox has what the reconciler needs there once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.app.directories import find_fabric
from reconciler.app.rebinding import binding, rebind, tell
from reconciler.app.subjects import netbox_access
from reconciler.app.telling import silent
from reconciler.errors import ConfigurationError, ReconcilerError, RetryableError
from reconciler.model.netbox_setup import EventSink, SetupPlan
from reconciler.plan.netbox_rights import needed_rights
from reconciler.plan.netbox_setup import plan_setup, wanted
from reconciler.settings.urls import canonical
from reconciler.targets.netbox import NetBoxServer, NetBoxSetup

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.app.telling import Tell
    from reconciler.model.fabric import Fabric
    from reconciler.model.netbox_site import Binding
    from reconciler.plan.netbox_rights import Right
    from reconciler.settings import FabricSettings, NetBoxSettings, Settings

MOST_CHARACTERS = 255
"""Of a webhook's secret in NetBox."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """One NetBox: what it lacked, and the permissions that a token needs there. `notes` are what a person should know;
    faults of the plan are what stays wrong. `bound` are the sites that were bound to this installation.
    """

    address: str
    version: str
    fabrics: tuple[str, ...]
    plan: SetupPlan
    rights: tuple[Right, ...]
    notes: tuple[str, ...] = ()
    bound: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Group:
    """Fabrics that share a NetBox. `asked` are those that are to be prepared, `others` the rest."""

    asked: Sequence[FabricSettings]
    others: Sequence[FabricSettings]

    @property
    def all(self) -> list[FabricSettings]:
        return [*self.asked, *self.others]


def prepare(
    settings: Settings,
    fabric: str | None = None,
    *,
    is_dry_run: bool = False,
    is_rebinding: bool = False,
    tell: Tell = silent,
) -> Iterator[Prepared]:
    """Prepare the NetBox of each fabric, or of the named one. What is refused is refused before anything is written.
    Sites are bound to this installation only where that is asked for.

    Raises ConfigurationError, UnknownFabricError.
    """
    groups = _groups(settings, fabric)
    sinks = [_sink(settings, group) for group in groups]
    for group, (sink, notes) in zip(groups, sinks, strict=True):
        names = ", ".join(one.name for one in group.asked)
        tell(f"{names}: {'looking at' if is_dry_run else 'preparing'} {_netbox(group.asked[0]).url}")
        prepared = _prepare(settings, group, sink, notes, is_dry_run=is_dry_run)
        yield _bind(settings, group, prepared, is_dry_run=is_dry_run, is_rebinding=is_rebinding)


def _prepare(
    settings: Settings, group: _Group, sink: EventSink | None, notes: tuple[str, ...], *, is_dry_run: bool
) -> Prepared:
    setup = NetBoxSetup.at(netbox_access(_netbox(group.asked[0])))
    sites = {fabric.name: _netbox(fabric).site or fabric.name for fabric in group.asked}
    version = ""
    try:
        version = setup.version()
        things = wanted(sites, settings.server.public_url, sink, version)
        plan = plan_setup(things, setup.find(things))
    except ReconcilerError as error:
        plan = SetupPlan(faults=(f"{error.reason}: {error.message}",))
    if not is_dry_run:
        plan = _carry_out(setup, plan)
    return Prepared(setup.address, version, tuple(sites), plan, needed_rights(version), notes)


def _bind(settings: Settings, group: _Group, prepared: Prepared, *, is_dry_run: bool, is_rebinding: bool) -> Prepared:
    """Say whose the sites are, and bind them where that is asked for."""
    if not prepared.version:
        return prepared  # it could not be reached, and says so already
    names = {one.name for one in group.asked}
    netbox = NetBoxServer(netbox_access(_netbox(group.asked[0])))
    bound: list[Binding] = []
    notes, faults = list(prepared.notes), list(prepared.plan.faults)
    for fabric in settings.fabric_values():
        if fabric.name in names:
            try:
                notes += _bind_one(netbox, fabric, bound, is_dry_run=is_dry_run, is_rebinding=is_rebinding)
            except ReconcilerError as error:
                faults.append(f"fabric {fabric.name}: {error.reason}: {error.message}")
    plan = replace(prepared.plan, faults=tuple(faults))
    return replace(prepared, notes=tuple(notes), bound=tuple(bound), plan=plan)


def _bind_one(
    netbox: NetBoxServer, fabric: Fabric, bound: list[Binding], *, is_dry_run: bool, is_rebinding: bool
) -> list[str]:
    """What to note of a fabric's site; in `bound` is what was done, also where its journal could not be told."""
    one = binding(netbox, fabric)
    if not is_rebinding:
        return [_elsewhere(one)] if one.is_elsewhere else []
    if one.is_due and is_dry_run:
        bound.append(one)
    elif one.is_due:
        site = rebind(netbox, one)
        bound.append(one)
        tell(netbox, site, one)
    return []


def _elsewhere(one: Binding) -> str:
    return (
        f"site {one.site} is bound to installation {one.before}, and this is {one.installation}: nothing "
        f"is written for fabric {one.fabric}; once the other one is stopped, --rebind binds the site to this one"
    )


def _carry_out(setup: NetBoxSetup, plan: SetupPlan) -> SetupPlan:
    """What was done, and what could not be: one thing that is refused does not hold back the others."""
    done, faults = [], list(plan.faults)
    for change in plan.changes:
        try:
            setup.carry_out(change)
        except ReconcilerError as error:
            faults.append(f"{change.ref}: {error.reason}: {error.message}")
            if isinstance(error, RetryableError):
                break
        else:
            done.append(change)
    return SetupPlan(tuple(done), tuple(faults))


def _groups(settings: Settings, fabric: str | None) -> list[_Group]:
    real = [one for one in settings.fabrics if one.netbox is not None and one.netbox.url is not None]
    asked = [one for one in real if fabric in {None, one.name}]
    if fabric is not None:
        find_fabric(settings, fabric)
    if not asked:
        whose = f"fabric {fabric}" if fabric else "no fabric"
        raise ConfigurationError(f"{settings.path}: {whose} has {'no' if fabric else 'a'} NetBox that is not embedded")
    groups: dict[str, _Group] = {}
    for one in asked:
        place = _place(one)
        same = [other for other in real if _place(other) == place]
        mine = [other for other in same if other in asked]
        groups[place] = _Group(mine, [other for other in same if other not in asked])
    return list(groups.values())


def _place(fabric: FabricSettings) -> str:
    return canonical(_netbox(fabric).url or "")


def _netbox(fabric: FabricSettings) -> NetBoxSettings:
    assert fabric.netbox is not None  # noqa: S101 - only such fabrics get here
    return fabric.netbox


def _sink(settings: Settings, group: _Group) -> tuple[EventSink | None, tuple[str, ...]]:
    """Where the NetBox of a group sends events, and what to say of it: all its fabrics share one webhook."""
    secrets = {one.name: source.read() for one in group.all if (source := _netbox(one).webhook_secret) is not None}
    if not secrets:
        return None, ("no fabric has netbox.webhook_secret_file: edits in NetBox are found by the poll",)
    named = ", ".join(sorted(secrets))
    if settings.server.public_url is None:
        raise ConfigurationError(
            f"{settings.path}: server.public_url is needed for the events of NetBox (netbox.webhook_secret_file of "
            f"{named}): without it NetBox cannot be told where to send them"
        )
    if len(set(secrets.values())) > 1:
        raise ConfigurationError(
            f"{settings.path}: the fabrics {named} share a NetBox, which has one webhook: "
            "netbox.webhook_secret_file must hold the same secret for all of them"
        )
    url = f"{settings.server.public_url.rstrip('/')}/webhooks/netbox"
    sink = EventSink(
        url, _text(next(iter(secrets.values())), f"{settings.path}: netbox.webhook_secret_file of {named}")
    )
    deaf = [one.name for one in group.all if one.name not in secrets]
    note = f"{', '.join(deaf)}: without netbox.webhook_secret_file events of NetBox are not believed"
    return sink, (note,) if deaf else ()


def _text(secret: bytes, whose: str) -> str:
    """A secret as NetBox takes it: it signs with its UTF-8, and cuts nothing off."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{whose} must be text for NetBox to hold it") from None
    if not text.isprintable() or text != text.strip() or len(text) > MOST_CHARACTERS:
        raise ConfigurationError(
            f"{whose} must be one line of at most {MOST_CHARACTERS} characters, without spaces at its ends: "
            "NetBox would hold another one"
        )
    return text
