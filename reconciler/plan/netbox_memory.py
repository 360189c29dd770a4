"""What we wrote to NetBox, kept so that an edit by somebody else can be told from a change of what is declared. Pure.

Of each record that we wrote, or found as it should be, a line is kept: a mark for each of its fields, by which a value
is known again and not told. A field that is declared as its mark says, and that NetBox holds otherwise, was edited
there; one that is declared otherwise than its mark says is a change that NetBox lacks yet. Where nothing is kept,
nobody can tell, and what is declared holds.

What is about to be undone by our own hand loses its mark first: should the pass break off, nobody is suspected.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.netbox import Ref
from reconciler.model.netbox_plan import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.netbox import ExistingRecord, Record, RecordChange, Value, WriteResult
    from reconciler.model.netbox_plan import NetBoxPlan, Step

Lines: TypeAlias = "Mapping[Ref, str]"
"""What is kept, by record."""

Changes: TypeAlias = "dict[Ref, str | None]"
"""Lines that are to be kept instead; None: none any more."""

Fields: TypeAlias = "Mapping[str, Value]"

_MARK_BYTES = 6
_CACHED = 20_000


@lru_cache(_CACHED, typed=True)
def mark(value: Value) -> str:
    """Eight characters that stand for a value. Equal values have equal marks, in every process and version."""
    found = hashlib.blake2b(_text(value).encode(), digest_size=_MARK_BYTES)
    return base64.urlsafe_b64encode(found.digest()).decode()


def _text(value: Value) -> str:
    match value:
        case None:
            return "-"
        case str():
            return json.dumps(value)
        case Ref(model, key):
            return f"@{json.dumps([model, key])}"
        case tuple():
            return f"({','.join(map(_text, value))})"
    return repr(float(value))  # True is 1, as it is where values are compared


def line_of(fields: Fields) -> str:
    """What is kept of a record with these fields."""
    return _line({name: mark(value) for name, value in fields.items()})


def _line(marks: Mapping[str, str]) -> str:
    return " ".join(f"{name}:{marks[name]}" for name in sorted(marks))


def _marks(line: str) -> dict[str, str]:
    return dict(part.split(":", 1) for part in line.split())


def edited(declared: Fields, existing: ExistingRecord, line: str | None) -> frozenset[str]:
    """The names of the fields of a record of ours that somebody edited: what is declared is what we last wrote."""
    if line is None:
        return frozenset()
    differing = [name for name, value in declared.items() if existing.fields.get(name) != value]
    known = _marks(line) if differing else {}
    return frozenset(name for name in differing if known.get(name) == mark(declared[name]))


def is_deleted(declared: Fields, line: str | None) -> bool:
    """Whether somebody deleted this record, which is not there: none of what we wrote is declared otherwise by now."""
    if line is None:
        return False
    known = _marks(line)
    return all(name not in known or known[name] == mark(value) for name, value in declared.items())


def line_found(declared: Fields, existing: ExistingRecord, before: str | None) -> str:
    """What is kept of a record of ours as it was found: that which is as declared, and of the rest what was known."""
    found = existing.fields
    if all(found.get(name) == value for name, value in declared.items()):
        return line_of(declared)
    known = _marks(before or "")
    equal = {name: mark(value) for name, value in declared.items() if found.get(name) == value}
    return _line({name: known[name] for name in declared.keys() & known.keys()} | equal)


class Ledger:
    """The lines of a fabric while a pass writes. `declared` are the records of its projection; every answer holds what
    has to be stored by then.
    """

    def __init__(self, declared: Iterable[Record], lines: Lines) -> None:
        self._declared = {record.ref: record.fields for record in declared}
        self._begun = lines
        self._changed: Changes = {}

    def note(self, found: Iterable[tuple[Ref, str | None]]) -> Changes:
        """What is found to be so. Only what is news is to be stored."""
        news = {ref: line for ref, line in found if line != self._line(ref)}
        self._changed |= news
        return news

    def begin(self, plan: NetBoxPlan) -> Changes:
        """What to forget before a plan is carried out: fields that are to be declared otherwise than they were written,
        since nobody can tell whether a write whose answer is lost arrived; and what is deleted to be made anew.
        """
        anew = {existing.ref for existing in plan.remade}
        changed: dict[Ref, set[str]] = {}
        for change in (*plan.updates, *plan.late):
            changed.setdefault(change.ref, set()).update(self._redeclared(change.ref))
        lines = ((ref, self._without(ref, names)) for ref, names in changed.items() if names and ref not in anew)
        return self.note([*lines, *((ref, None) for ref in anew)])

    def _redeclared(self, ref: Ref) -> set[str]:
        declared, known = self._declared.get(ref, {}), self._known(ref)
        return {name for name, value in declared.items() if name in known and known[name] != mark(value)}

    def before(self, step: Step) -> Changes:
        """What to forget before a step is carried out."""
        if step.action is Action.DELETE:
            return self.note((one.ref, None) for one in step.existing if one.ref not in self._declared)
        changes = (change for change in step.changes if self._line(change.ref) is not None)
        return self.note((change.ref, self._without_given_up(change)) for change in changes)

    def after(self, step: Step, results: Sequence[WriteResult]) -> Changes:
        """What to keep of what a step wrote."""
        answers = {result.ref: result.error is None for result in results}
        made = [(one.ref, dict(one.fields)) for one in step.records if answers[one.ref]]
        if step.action is Action.COMPLETE:
            return self.note((ref, self._line_with(ref, fields)) for ref, fields in made)
        changed = [change for change in step.changes if answers[change.ref] and change.ref in self._declared]
        created = ((ref, line_of(self._empty(ref) | fields)) for ref, fields in made)
        return self.note([*created, *((change.ref, self._line_after(change)) for change in changed)])

    def _empty(self, ref: Ref) -> dict[str, Value]:
        """The declared fields that a new record need not be given: it has nothing there."""
        return {name: None for name, value in self._declared[ref].items() if value is None}

    def _line(self, ref: Ref) -> str | None:
        return self._changed[ref] if ref in self._changed else self._begun.get(ref)

    def _known(self, ref: Ref) -> dict[str, str]:
        return _marks(self._line(ref) or "")

    def _given_up(self, change: RecordChange) -> set[str]:
        """The fields to which a change gives a value that is neither declared nor the one that was found: the record
        steps aside.
        """
        declared = self._declared.get(change.ref, {})
        return {
            name
            for name, value in change.fields.items()
            if (name not in declared or declared[name] != value) and change.existing.fields.get(name) != value
        }

    def _without_given_up(self, change: RecordChange) -> str:
        return self._without(change.ref, self._given_up(change))

    def _without(self, ref: Ref, names: set[str]) -> str:
        return _line({name: known for name, known in self._known(ref).items() if name not in names})

    def _line_with(self, ref: Ref, fields: Fields) -> str:
        return _line(self._known(ref) | {name: mark(value) for name, value in fields.items()})

    def _line_after(self, change: RecordChange) -> str:
        """A field that got back what somebody had made of it has the mark again that it had."""
        ref, found = change.ref, {**change.existing.fields, **change.fields}
        declared, known, begun = self._declared.get(ref, {}), self._known(ref), _marks(self._begun.get(ref) or "")
        marks: dict[str, str] = {}
        for name, value in declared.items():
            if found.get(name) == value:
                marks[name] = mark(value)
            elif name not in change.fields:
                marks |= {name: known[name]} if name in known else {}
            elif name not in self._given_up(change):
                marks |= {name: begun[name]} if name in begun else {}
        return _line(marks)
