"""Reads models page by page: all of them at once, and the end of a long one together with what is before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import NetBoxAccessError
from reconciler.targets.netbox import queries
from reconciler.targets.netbox.queries import grouped_name, list_name, page_query, relevant, tagged_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient, Params
    from reconciler.targets.netbox.recent import Entry, Found

IDS = 100
"""Ids in one filter of a REST list, so that they fit into a URL."""

UNSUPPORTED = "NetBoxUnsupported"


class Span(NamedTuple):
    """The records of a model with ids from `start` on, up to but not including `end`. `place` tells spans of one model
    in one round apart.
    """

    path: str
    start: int = 0
    end: int | None = None
    place: int = 0


def read_pages(client: NetBoxClient, paths: Sequence[str], fabric: str, site_id: int | None) -> Found:
    """The records of these models that are the fabric's, or could clash with them. Raises NetBoxUnavailableError,
    NetBoxAccessError.
    """
    found: Found = {path: [] for path in paths}
    spans, largest = [Span(path) for path in paths], 0
    while spans:
        queries = (page_query(s.path, relevant(s.path, fabric, site_id), fabric, s.start, place=s.place) for s in spans)
        answer = client.query(*queries)
        pages = {span: answer[list_name(span.path, span.place)] for span in spans}
        # NetBox cuts pages to a size that it does not tell; one that is shorter than another one was is the last.
        largest = max(largest, *map(len, pages.values()))
        for span, page in pages.items():
            inside = (raw for raw in page if span.end is None or int(raw["id"]) < span.end)
            found[span.path] += with_marks(span.path, inside, answer, span.place)
        spans = [rest for span, page in pages.items() if page and len(page) >= largest for rest in _rest(span, page)]
    return found


def with_marks(
    path: str, page: Iterator[JSONObject], answer: Mapping[str, Sequence[JSONObject]], place: int = 0
) -> Iterator[Entry]:
    """The records of a page with what was asked about them apart."""
    tagged = {raw["id"] for raw in answer[tagged_name(path, place)]}
    groups = {raw["id"]: raw["tags"] for raw in answer.get(grouped_name(path, place), ())}
    for raw in page:
        yield (raw | {"tags": groups[raw["id"]]} if raw["id"] in groups else raw), raw["id"] in tagged


def _rest(span: Span, page: Sequence[JSONObject]) -> Iterator[Span]:
    """What is left of a span of which this page was read. An open one is read on from two places, the second of them
    where the page after the next begins if the ids go on as densely as in the page's second half: a few old records far
    before the others do not count.
    """
    middle, last = int(page[len(page) // 2]["id"]), int(page[-1]["id"])
    if span.end is not None:
        if last + 1 < span.end:
            yield span._replace(start=last + 1)
        return
    ahead = last + 1 + 2 * (last + 1 - middle)
    yield Span(span.path, last + 1, ahead, 2 * span.place)
    yield Span(span.path, ahead, None, 2 * span.place + 1)


def read_list(client: NetBoxClient, path: str, params: Params) -> list[JSONObject]:
    """All objects of a REST list, ordered by id. A page begins after the last id of the one before it: counted from the
    beginning, an object that is deleted meanwhile would hide another one. Raises NetBoxUnavailableError,
    NetBoxAccessError.
    """
    found: list[JSONObject] = []
    last = 0
    while True:
        after = {"id__gt": str(last)} if last else {}
        page, is_cut = client.page(path, {**params, **after, "ordering": "id", "limit": str(queries.PAGE)})
        ids = [last, *(int(raw["id"]) for raw in page)]
        if ids != sorted(set(ids)):  # what NetBox does not know it passes over without a word
            raise NetBoxAccessError(f"NetBox does not give out /api/{path}/ in the order of ids", reason=UNSUPPORTED)
        found += page
        if not is_cut or not page:
            return found
        last = ids[-1]


def read_ids(client: NetBoxClient, path: str, ids: Iterable[int], fields: str) -> list[JSONObject]:
    """Those of these objects of a REST list that exist."""
    wanted = sorted(set(ids))
    parts = [wanted[start : start + IDS] for start in range(0, len(wanted), IDS)]

    def read(part: Sequence[int]) -> list[JSONObject]:
        found = read_list(client, path, {"id": [str(record_id) for record_id in part], "fields": fields})
        return [raw for raw in found if int(raw["id"]) in part]

    return [raw for found in client.at_once(read, parts) for raw in found]
