"""What `plan` prints: the actions by wave, what holds them back, and how to approve them."""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from rich.markup import escape

from reconciler.cli.output import error_line, plain, problem_line, short_revision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.json import JSON, JSONObject

LONGEST_VALUE = 80
"""Characters of a field's value that are shown."""

_MARKS = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
_FINDINGS = {
    "waiting": "waits",
    "conflicts": "conflict",
    "fighting": "fight",
    "pending": "not made anew",
    "prune_pending": "not deleted",
}


def plan_lines(plan: JSONObject) -> Iterator[str]:
    """The plan as lines of markup."""
    yield _heading(plan)
    for wave, actions in groupby(plan["actions"], key=itemgetter("wave")):
        yield f"[bold]wave {wave}[/bold]"
        yield from _wave(list(actions))
    yield from _drift(plan["drifted"])
    for name, what in _FINDINGS.items():
        for finding in plan["findings"][name]:
            yield f"[yellow]{what}[/yellow]: {plain(_object(finding))}: {plain(finding['message'])}"
    yield from _netbox(plan["netbox"], is_waiting=plan["approval"]["needed"])
    for block in plan["blocks"]:
        yield f"[yellow]blocked[/yellow]: {plain(block['reason'])}: {plain(block['message'])}"
    yield from _what_is_wrong(plan)
    yield from _approval(plan)


def has_changes(plan: JSONObject) -> bool:
    """Whether anything would be written, waits, or differs and is only reported."""
    netbox = plan["netbox"] or {}
    is_left = bool(plan["actions"] or plan["drifted"]) or any(plan["findings"].values())
    return is_left or any(netbox.get(what) for what in (*_MARKS, "drifted"))


def _heading(plan: JSONObject) -> str:
    simulated = f" (simulated: {', '.join(plan['simulated'])})" if plan["simulated"] else ""
    done = [f"{plan['counts'][what]} to {what}" for what in _MARKS if plan["counts"][what]]
    what = ", ".join([*done, f"plan {plan['hash'][:12]}"]) if done else "nothing to do in the cluster"
    mode = ", which is only observed" if plan["mode"] == "observe" else ""
    return f"[bold]{plain(plan['fabric'] + simulated)}[/bold] {short_revision(plan['revision'])}: {what}{mode}"


def _wave(actions: Sequence[JSONObject]) -> Iterator[str]:
    width = max(len(_object(action)) for action in actions)
    for action in actions:
        mark, colour = _MARKS[action["action"]]
        fields = f" ({action['field_count']} fields)" if action["action"] == "create" else ""
        held = f" [yellow]held: {plain(action['held'])}[/yellow]" if action["held"] else ""
        name = plain(_object(action).ljust(width))
        place = f" [dim]{plain(action['file'])}[/dim]" if action["file"] else ""
        yield f"  [{colour}]{mark} {name}[/{colour}]  {plain(action['reason'])}{fields}{held}{place}"
        yield from _fields(action["fields"])


def _fields(fields: Sequence[JSONObject]) -> Iterator[str]:
    """What differs, and who holds the field now: he loses it."""
    for field in fields:
        manager = f" ({plain(field['manager'])})" if field["manager"] else ""
        yield f"      {plain(field['path'])}: {_value(field['observed'])} -> {_value(field['desired'])}{manager}"


def _value(value: JSON) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return plain(text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…")


def _object(one: JSONObject) -> str:
    return f"{one['kind']}/{one['name']}"


def _drift(drifted: Sequence[JSONObject]) -> Iterator[str]:
    if drifted:
        yield "[bold]differs, and is left alone[/bold]"
    for one in drifted:
        yield f"  [yellow]! {plain(_object(one))}[/yellow]  {plain(one['message'])}"
        yield from _fields(one["fields"])


def _netbox_drift(drifted: Sequence[JSONObject]) -> Iterator[str]:
    """Servers of an older version do not say."""
    if drifted:
        yield "[bold]differs in NetBox, and is left alone[/bold]"
    for one in drifted:
        yield f"  [yellow]! {plain(one['record'])}[/yellow]  {plain(one['message'])} [dim]{plain(one['key'])}[/dim]"
        yield from _fields(one["fields"])


def _netbox(netbox: JSONObject | None, *, is_waiting: bool) -> Iterator[str]:
    """`is_waiting`: some of it comes only of what waits for approval."""
    if netbox is None:
        return
    done = [f"{netbox[what]} to {what}" for what in _MARKS if netbox[what]]
    if done:
        yield f"NetBox: {', '.join(done)}{', with what waits for approval' if is_waiting else ''}"
    yield from _netbox_drift(netbox.get("drifted") or [])
    for remade in netbox["remade"]:
        yield f"[yellow]makes anew[/yellow]: NetBox: {plain(remade)}"
    for taken in netbox["take_over"]:
        yield f"[yellow]takes over[/yellow]: NetBox: {plain(taken)}"
    for conflict in netbox["conflicts"]:
        yield f"[red]conflict[/red]: NetBox: {plain(conflict)}"
    for block in netbox["blocks"]:
        yield f"[yellow]blocked[/yellow]: NetBox: {plain(block['reason'])}: {plain(block['message'])}"


def _what_is_wrong(plan: JSONObject) -> Iterator[str]:
    for problem in plan["problems"]:
        yield escape(problem_line(problem))
    if plan["problems_total"] > len(plan["problems"]):
        yield f"and {plan['problems_total'] - len(plan['problems'])} more problems"
    yield from map(error_line, plan["errors"])


def _approval(plan: JSONObject) -> Iterator[str]:
    approval = plan["approval"]
    if approval["approved"]:
        by = f" by {plain(approval['by'])}" if approval["by"] else ""
        yield f"[green]approved[/green] since {approval['since']}{by}"
    elif approval["needed"]:
        command = f"reconciler approve {plan['fabric']} {approval['hash'][:12]}"
        yield f"to have it carried out: [bold]{plain(command)}[/bold]"
