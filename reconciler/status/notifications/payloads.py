"""A notice in the form that each kind of receiver takes. Values in, values out.

Slack: incoming webhooks, `text` for those that show no blocks, and blocks of type section and context
(api.slack.com/reference/block-kit/blocks); &, < and > are escaped as Slack asks. Mattermost and others take `text`.

Alertmanager: API v2, `POST /api/v2/alerts` (api/v2/openapi.yaml of Alertmanager): a list of alerts. An alert is told
apart by its labels, holds until `endsAt`, and is over when that has passed: whoever fires it sends it again before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from reconciler.model.notifications import NoticeEvent
from reconciler.model.problems import place_of
from reconciler.model.status import SyncStatus
from reconciler.status.times import rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.json import JSONObject
    from reconciler.model.notifications import Notice, Owed

VERSION = 1
"""Of the generic form. Keys may be added to it; anything else raises it."""

ALERT = "HedgehogFabricNotInSync"

LONGEST_TEXT = 500
"""Characters of a headline or a message in a chat, as it is escaped. A section of Slack takes 3000 in all."""

LONGEST_LINE = 200
"""Characters of a problem in a chat, as it is escaped. There are few (`plan.notifications.MOST_PLACES`)."""

LASTS = 4
"""An alert holds for so many times the time until it is sent again, as Prometheus has it: a lost one ends none."""

_SEVERITIES = {SyncStatus.ERROR: "critical", SyncStatus.OUT_OF_SYNC: "warning"}
_MARKS = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":large_blue_circle:"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_FINE = ":large_green_circle:"


@dataclass(frozen=True, slots=True)
class Links:
    """Where people find more; None where the configuration does not say how they reach the server."""

    fabric: str | None = None
    last_pass: str | None = None

    @classmethod
    def of(cls, notice: Notice, public_url: str | None) -> Links:
        if public_url is None:
            return cls()
        fabric = f"{public_url}/fabrics/{notice.sight.fabric}"
        last_pass = notice.sight.pass_id
        return cls(fabric, f"{fabric}/passes/{last_pass}" if last_pass else None)


def severity(status: SyncStatus) -> str:
    return _SEVERITIES.get(status, "info")


def headline(notice: Notice) -> str:
    """One line that says what has happened."""
    sight, was = notice.sight, notice.was
    simulated = " (simulated)" if sight.simulated else ""
    if notice.event is NoticeEvent.REPEAT:
        return f"{sight.fabric}{simulated} is still {sight.status.value}: {sight.reason}"
    before = f" (was {was.status.value})" if was and was.status is not sight.status else ""
    return f"{sight.fabric}{simulated} is {sight.status.value}{before}: {sight.reason}"


def generic(owed: Owed, name: str, links: Links) -> JSONObject:
    """What is not known is null."""
    notice, sight, was = owed.notice, owed.notice.sight, owed.notice.was
    return {
        "version": VERSION,
        "event": notice.event.value,
        "delivery": owed.delivery,
        "notification": name,
        "fabric": sight.fabric,
        "status": sight.status.value,
        "reason": sight.reason,
        "message": sight.message,
        "was": {"status": was.status.value, "reason": was.reason, "since": rfc3339(was.since)} if was else None,
        "since": rfc3339(notice.since),
        "at": rfc3339(notice.at),
        "revision": sight.revision,
        "pass": sight.pass_id,
        "problems_total": sight.problems,
        "problems": [{"file": one.file, "line": one.line, "rule": one.rule} for one in sight.places],
        "simulated": list(sight.simulated),
        "links": {"fabric": links.fabric, "pass": links.last_pass},
    }


def slack(notice: Notice, links: Links) -> JSONObject:
    sight = notice.sight
    # What ends a trouble may be that a person suspended the fabric: nothing is fine then.
    mark = _FINE if sight.status is SyncStatus.IN_SYNC else _MARKS[severity(sight.status)]
    title = f"{mark} {_escaped(headline(notice), LONGEST_TEXT)}"
    problems = (f"• `{_escaped(one, LONGEST_LINE)}`" for one in _problems(notice))
    lines = [f"*{title}*", _escaped(sight.message, LONGEST_TEXT), *problems]
    named = [("fabric", links.fabric), ("last pass", links.last_pass)]
    facts = [
        f"since {rfc3339(notice.since)}",
        *([f"revision {_escaped(sight.revision, LONGEST_TEXT)}"] if sight.revision else []),
        *(f"<{_escaped(url)}|{text}>" for text, url in named if url),
    ]
    return {
        "text": title,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(line for line in lines if line)}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(facts)}]},
        ],
    }


def alertmanager(notice: Notice, links: Links, now: datetime, repeat: float) -> list[JSONObject]:
    """`repeat`: after how many seconds it is sent again."""
    was = notice.was
    if not notice.is_trouble:
        # The labels are those of the alert that is over.
        status = was.status if was else notice.sight.status
        return [_alert(notice, status, links, was.since if was else notice.at, notice.at)]
    alerts = [_alert(notice, notice.sight.status, links, notice.since, now + timedelta(seconds=LASTS * repeat))]
    if notice.event is NoticeEvent.CHANGE and was and severity(was.status) != severity(notice.sight.status):
        alerts.append(_alert(notice, was.status, links, was.since, notice.at))
    return alerts


def _alert(notice: Notice, status: SyncStatus, links: Links, starts: datetime, ends: datetime) -> JSONObject:
    sight = notice.sight
    annotations = {
        "summary": headline(notice),
        "description": "\n".join([sight.message, *_problems(notice)]),
        "status": sight.status.value,
        "reason": sight.reason,
        "revision": sight.revision or "",
        "problems": str(sight.problems),
        "pass": links.last_pass or "",
    }
    alert: dict[str, Any] = {
        "labels": {"alertname": ALERT, "fabric": sight.fabric, "severity": severity(status)},
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": rfc3339(starts),
        "endsAt": rfc3339(ends),
    }
    return alert | ({"generatorURL": links.fabric} if links.fabric else {})


def _problems(notice: Notice) -> list[str]:
    sight = notice.sight
    lines = [f"{place_of(one.file, one.line, one.rule)} {one.rule}" for one in sight.places]
    more = sight.problems - len(lines)
    return [*lines, *([f"and {more} more"] if lines and more > 0 else [])]


def _escaped(text: str, longest: int | None = None) -> str:
    """As Slack asks; where that is longer than so many characters, cut between two of the text."""
    pieces = [_ESCAPES.get(one, one) for one in text]
    ends = list(accumulate(map(len, pieces)))
    if longest is None or not ends or ends[-1] <= longest:
        return "".join(pieces)
    return "".join(piece for piece, end in zip(pieces, ends, strict=True) if end < longest) + "…"
