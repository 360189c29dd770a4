"""What the last pass over a fabric knew: the measure for what happens after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.passes import StoredForm


@dataclass(frozen=True, slots=True)
class Known:
    """`manifests` is what Git declared; `unsettled` are the objects that the pass did not leave in sync; `has_netbox`
    tells whether what the cluster holds is shown in a NetBox, `is_observer` whether something else applies; `forms` are
    what the server makes of documents that it stores otherwise than Git has them.
    """

    fabric: str
    manifests: Mapping[ObjectKey, Manifest] = field(default_factory=dict)
    unsettled: frozenset[ObjectKey] = frozenset()
    has_netbox: bool = False
    is_observer: bool = False
    forms: Mapping[ObjectKey, StoredForm] = field(default_factory=dict)
