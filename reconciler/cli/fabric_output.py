"""What `status FABRIC` shows beyond the line of a fabric."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.text import Text

from reconciler.cli.output import brief, coloured, moment, plain, printable, short_revision, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from reconciler.model.json import JSONObject

LONGEST_VALUE = 60
"""Characters of a field's value that are shown."""

MOST_DRIFTED = 50
"""Objects whose drift is shown; `--output json` of the API's resources has all."""

MOST_NAMED = 3
"""Objects that are named of many that wait for the same."""

DIFFERING = ("changed", "desired_only", "prune_pending")
"""States of objects that are not as Git declares them, or that it declares no more, whoever made it so."""

_BAD_IF_TRUE = {"Stalled", "PruneBlocked", "AwaitingApproval", "Fighting", "BranchNotFound", "Reconciling"}


def details(fabric: JSONObject) -> Iterator[RenderableType]:
    """Conditions, connections, objects by kind, and the last pass."""
    yield Text()
    if fabric["conditions"]:
        yield table(["CONDITION", "STATUS", "SINCE", "REASON", "MESSAGE"], map(_condition, fabric["conditions"]))
        yield Text()
    connections = fabric["connections"].items()
    yield table(["CONNECTION", "STATE", "LAST ANSWER", "LAST ERROR"], [_connection(*one) for one in connections])
    if kinds := {kind: counts for kind, counts in fabric["kinds"].items() if any(counts.values())}:
        yield Text()
        yield _kinds(kinds)
    yield Text()
    yield from map(Text.from_markup, _facts(fabric))


def _condition(one: JSONObject) -> list[str]:
    is_bad = (one["status"] == "True") is (one["type"] in _BAD_IF_TRUE)
    colour = "yellow" if is_bad else "green"
    status = f"[{colour}]{plain(one['status'])}[/{colour}]"
    return [
        plain(one["type"]),
        status,
        moment(one["last_transition_time"]),
        plain(one["reason"]),
        plain(brief(one["message"])),
    ]


def _connection(name: str, one: JSONObject) -> list[str]:
    return [plain(name), coloured(one["state"]), moment(one["last_ok"]), plain(one["last_error"] or "-")]


def _kinds(kinds: JSONObject) -> RenderableType:
    """A row for each kind, and of the columns those in which anything is counted."""
    names = list(dict.fromkeys(name for counts in kinds.values() for name, number in counts.items() if number))
    rows = [[plain(kind), *(str(counts.get(name, 0)) for name in names)] for kind, counts in kinds.items()]
    return table(["KIND", *(name.upper().replace("_", " ") for name in names)], rows)


def _facts(fabric: JSONObject) -> Iterator[str]:
    last = fabric["last_pass"]
    if last:
        triggers = plain(", ".join(last["triggers"]))
        when = moment(last["finished"])
        yield f"last pass {plain(last['id'][:8])}: {coloured(last['outcome'])}, for {triggers}, {when}"
    if fabric["desired_revision"] != fabric["revision"]:
        yield f"wanted revision {short_revision(fabric['desired_revision'])}"
    yield f"next poll {fabric['next_poll'] or '-'}, every {fabric['interval']:g} s"
    webhook = fabric["webhook"]
    if webhook["provider"]:
        yield f"webhook {plain(webhook['provider'])}, last verified {moment(webhook['last_verified'], 'never')}"
    if suspended := fabric["suspended"]:
        by = f" by {plain(suspended['by'])}" if suspended["by"] else ""
        yield f"suspended since {suspended['since']}{by}: {plain(suspended['reason'] or 'no reason given')}"


def drifted_lines(resources: Sequence[JSONObject], told: str) -> Iterator[str]:
    """Each object that is not as Git declares it, with its fields; who holds a field is in brackets. `told` is the
    message of the fabric: what it says of all of them is not said again of each.
    """
    drifted = [one for one in resources if one["state"] in DIFFERING]
    alike = {state: [one for one in drifted if one["state"] == state and _is_told(one, told)] for state in DIFFERING}
    for state, held in alike.items():
        if len(held) > 1:
            yield printable(f"  {len(held)} objects {state}, as said above: {_named(held)}")
    single = [one for one in drifted if not (_is_told(one, told) and len(alike[one["state"]]) > 1)]
    for one in single[:MOST_DRIFTED]:
        message = _beyond(one["message"] or "", told)
        why = f": {message}" if message else ""
        yield printable(f"  {one['kind']}/{one['name']}: {one['state']} since {one['since']}{why}")
        for field in one["differences"]:
            manager = f" ({field['manager']})" if field["manager"] else ""
            change = f"{_value(field['observed'])}, wanted {_value(field['desired'])}"
            yield printable(f"      {field['path']}: {change}{manager}")
    if len(single) > MOST_DRIFTED:
        yield f"  and {len(single) - MOST_DRIFTED} more objects"


def _is_told(one: JSONObject, told: str) -> bool:
    """Whether nothing is to be said of the object but its name."""
    return bool(one["message"]) and not one["differences"] and not _beyond(one["message"], told)


def _beyond(message: str, told: str) -> str:
    """What a message says that the fabric's does not: what holds an object back stands at the end of its own."""
    parts = message.split("; ")
    cut = next((n for n in range(len(parts)) if "; ".join(parts[n:]) in told), len(parts))
    return "; ".join(parts[:cut])


def _named(objects: Sequence[JSONObject]) -> str:
    names = ", ".join(f"{one['kind']}/{one['name']}" for one in objects[:MOST_NAMED])
    return f"{names} and {len(objects) - MOST_NAMED} more" if len(objects) > MOST_NAMED else names


def _value(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
