"""What the pushes of all forges have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.requests import Delivery, RefUpdate
from webhooks.payload import MalformedPayloadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from webhooks.payload import Fields

NO_COMMIT = "0" * 40
"""What Git, and every forge after it, says instead of the commit of a ref that is not there."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
LONGEST_URL = 2048


def full_ref(payload: Fields, name: str = "ref") -> str:
    """A full ref, such as `refs/heads/main`. Raises MalformedPayloadError."""
    ref = payload.text(name)
    if not ref.startswith("refs/"):
        place = payload.place(name)
        raise MalformedPayloadError(f"{place} is not a full ref such as refs/heads/main", place)
    return ref


def commit(payload: Fields, name: str) -> str:
    """A commit of 40 hexadecimal digits, or zeros. Raises MalformedPayloadError."""
    found = payload.text(name)
    if _COMMIT.fullmatch(found) is None:
        place = payload.place(name)
        raise MalformedPayloadError(f"{place} is not a commit of 40 hexadecimal digits", place)
    return found


def replaced(payload: Fields, name: str) -> str | None:
    """The commit that a ref had before; None for one that is new, and where it is not said, or not as a commit."""
    found = payload.values.get(name)
    is_commit = isinstance(found, str) and _COMMIT.fullmatch(found) is not None and found != NO_COMMIT
    return found if is_commit else None


def update(ref: str, commit: str, *, is_deletion: bool = False, replaces: str | None = None) -> RefUpdate:
    """A ref that moved to a commit; zeros mean that it was deleted."""
    is_gone = is_deletion or commit == NO_COMMIT
    return RefUpdate(ref, None if is_gone else commit, is_gone, replaces)


def urls(repository: Fields, names: Iterable[str]) -> tuple[str, ...]:
    """The addresses that these members hold, each once. Raises MalformedPayloadError."""
    found = [repository.optional_text(name, LONGEST_URL) for name in names]
    return tuple(dict.fromkeys(url for url in found if url))


def note(payload: Fields, member: str, name: str) -> str | None:
    """A text for people within an object that may be absent. Raises MalformedPayloadError."""
    holder = payload.optional_object(member)
    return None if holder is None else holder.note(name)


def details(**notes: str | None) -> dict[str, str]:
    """Those notes for people that say something."""
    return {name: note for name, note in notes.items() if note}


def push(
    provider: str, delivery: str, updates: Sequence[RefUpdate], urls: tuple[str, ...], details: dict[str, str]
) -> Delivery:
    """The delivery that tells of these updates; they may be none."""
    if not updates:
        return Delivery(provider, delivery, "push", urls=urls, details=details)
    first, *further = updates
    return Delivery(
        provider=provider,
        id=delivery,
        event="push",
        ref=first.ref,
        commit=first.commit,
        is_deletion=first.is_deletion,
        further=tuple(further),
        urls=urls,
        details=details,
        replaces=first.replaces,
    )
