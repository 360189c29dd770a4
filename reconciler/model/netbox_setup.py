"""What NetBox has to have before the reconciler works with it, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON
    from reconciler.model.netbox import Ref

CHOICE_SETS = "extras/custom-field-choice-sets"
CUSTOM_LINKS = "extras/custom-links"
WEBHOOKS = "extras/webhooks"
EVENT_RULES = "extras/event-rules"
JOURNAL_ENTRIES = "extras/journal-entries"


@dataclass(frozen=True, slots=True)
class SetupThing:
    """Something that has to be there, with fields as REST takes them; a `Ref` among them stands for the id of another
    thing.
    """

    ref: Ref
    fields: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class SetupChange:
    """Something to create (`id` is None) or to add to. `summary` tells people what, and holds no secret."""

    ref: Ref
    fields: Mapping[str, JSON]
    summary: str
    id: int | None = None

    @property
    def verb(self) -> str:
        return "create" if self.id is None else "change"


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What is to be done, in order, and what nobody but a person can mend."""

    changes: tuple[SetupChange, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventSink:
    """Where NetBox is to send events, and the secret that proves them."""

    url: str
    secret: str
