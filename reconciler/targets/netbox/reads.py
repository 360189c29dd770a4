"""The two ways to read what NetBox holds, and what both have to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Ref
    from reconciler.targets.netbox.recent import Entry, Found


class Reads(Protocol):
    """Reads of records. In whichever way they are read, they have the form in which GraphQL shows them. All methods
    raise NetBoxUnavailableError and NetBoxAccessError.
    """

    def relevant(self, paths: Sequence[str], fabric: str, site_id: int | None) -> Found:
        """The records of these models that carry a key of the fabric or stand where one of ours might: at the fabric's
        site, in one of its records, under a name of the fabric. `site_id` is None while the site does not exist.
        """

    def by_id(self, path: str, ids: Sequence[int], fabric: str) -> list[Entry]:
        """Those of these records that exist, whosever they are."""

    def plugged(self, path: str, cables: Sequence[int]) -> set[int]:
        """The ids of the records of a model into which these cables are plugged now."""

    def shared(self, refs: Iterable[Ref]) -> list[tuple[Ref, int]]:
        """Those of these prerequisites that exist, custom fields aside, with their ids."""

    def tags(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        """`id` and `tags` (with `id` and `slug`) of those of these records that exist."""

    def doomed(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        """Of those of these records that exist: `id`, their marks (`custom_fields` and `tags`), and under other names
        lists of what NetBox would delete along with them or take from them, with their marks.
        """
