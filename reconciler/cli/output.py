"""What commands print: tables with colours for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from reconciler.model.problems import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import ConsoleOptions, RenderResult

    from reconciler.model.json import JSON, JSONObject

WIDE = 1 << 20
"""Columns where nobody watches: a log or a pipe has no edge, and what reads it counts on a row for each thing."""

LEAST_LAST = 12
"""Columns that the last column needs to be read."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

_COLOURS = {
    "in_sync": "green",
    "succeeded": "green",
    "no_change": "green",
    "ok": "green",
    "done": "cyan",
    "out_of_sync": "yellow",
    "partial": "yellow",
    "blocked": "yellow",
    "never_synced": "yellow",
    "warning": "yellow",
    "queued": "cyan",
    "running": "cyan",
    "error": "red",
    "failed": "red",
    "failing": "red",
}


def print_json(value: JSON) -> None:
    """Exactly one JSON document on standard output."""
    console.file.write(json.dumps(value, indent=2) + "\n")


def print_error(message: str) -> None:
    """A sentence, or a line for each finding, on standard error."""
    errors.print("[red]error:[/red] " + "\n".join(map(plain, message.split("\n"))))


def printable(text: str) -> str:
    """What others wrote, for a terminal: names and messages come from Git and from servers, and must not drive it."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: str) -> str:
    """The same as markup that means nothing but itself."""
    return escape(printable(text))


def coloured(word: str | None) -> str:
    """A word of the vocabulary in its colour, as markup."""
    text = plain(word or "-")
    colour = _COLOURS.get(word or "")
    return f"[{colour}]{text}[/{colour}]" if colour else text


class Sheet:
    """Rows of markup under headings. Only the last column folds: the others are words that people copy. Where the
    terminal is too narrow for that, each row is a block, with a line for each column. In a pipe each row is a line.
    """

    def __init__(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self._columns = columns
        self._rows = [list(row) for row in rows]

    def add_row(self, *cells: str) -> None:
        self._rows.append(list(cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width >= WIDE:
            yield from self._lines()
        elif self._rows and sum(self._widths()) + LEAST_LAST > options.max_width:
            for line in self._blocks():
                yield from line.wrap(console, options.max_width, overflow="fold", no_wrap=False)
        else:
            yield self._table()

    def _widths(self) -> list[int]:
        """Columns that each but the last takes, with two spaces behind it."""
        fixed = [[heading, *cells] for heading, *cells in zip(self._columns, *self._rows, strict=True)][:-1]
        return [max(Text.from_markup(cell).cell_len for cell in cells) + 2 for cells in fixed]

    def _lines(self) -> Iterator[Text]:
        """Every cell whole, and nothing behind the last one: a table of the library pads rows to its longest."""
        widths = [*self._widths(), 0]
        for row in [[f"[bold]{heading}[/bold]" for heading in self._columns], *self._rows]:
            line = Text()
            for width, cell in zip(widths, map(Text.from_markup, row), strict=True):
                line.append_text(cell).append(" " * (width - cell.cell_len))
            yield line

    def _table(self) -> Table:
        result = Table(box=None, pad_edge=False, header_style="bold")
        for column in self._columns:
            is_last = column == self._columns[-1]
            result.add_column(column, no_wrap=not is_last, overflow="fold" if is_last else "ignore")
        for row in self._rows:
            result.add_row(*row)
        return result

    def _blocks(self) -> Iterator[Text]:
        for first, *others in self._rows:
            yield Text.from_markup(f"[bold]{first}[/bold]")
            for heading, cell in zip(self._columns[1:], others, strict=True):
                yield Text.from_markup(f"  [dim]{heading.lower()}[/dim] {cell}")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Sheet:
    """Rows of markup under headings, as wide as the terminal is."""
    return Sheet(columns, rows)


_STEPS = ((86400, "d"), (3600, "h"), (60, "min"))


def moment(time: str | None, otherwise: str = "-") -> str:
    """A time of the API: how long ago it is, for whoever looks at a terminal; as it is for what reads it later."""
    if time is None or not console.file.isatty():
        return time or otherwise
    return age((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds())


def age(seconds: float) -> str:
    """In the largest unit that fits. Clocks differ: what is a little ahead is now."""
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def short_revision(revision: str | None) -> str:
    """`main@12345678` for `main@sha1:12345678…`: enough to recognise it."""
    if not revision:
        return "-"
    branch, _, commit = revision.partition("@sha1:")
    return plain(f"{branch}@{commit[:8]}")


_REVISION = re.compile(r"@sha1:([0-9a-f]{8})[0-9a-f]{32}")


def brief(message: str) -> str:
    """A sentence with its revisions shortened, as `short_revision` does it."""
    return _REVISION.sub(r"@\1", message)


def status_table(fabrics: Sequence[JSONObject]) -> Sheet:
    """What `status` shows: one line a fabric, and below it what is wrong."""
    result = table(["FABRIC", "STATUS", "REVISION", "LAST SYNC", "OBJECTS", "MESSAGE"], [])
    for fabric in fabrics:
        counts = fabric["counts"]
        simulated = " (simulated)" if fabric["simulated"] else ""
        flag = f" [cyan]reconciling{_progress(fabric)}[/cyan]" if fabric["reconciling"] else ""
        result.add_row(
            plain(fabric["name"] + simulated),
            coloured(fabric["sync_status"]) + flag,
            short_revision(fabric["revision"]),
            moment(fabric["last_sync"], "never"),
            f"{counts['in_sync']}/{counts['desired']}",
            plain(f"{fabric['reason']}: {brief(fabric['message'])}"),
        )
    return result


def _progress(fabric: JSONObject) -> str:
    """How far a long mirror has come, or which phase goes on; servers of an older version do not say."""
    if progress := fabric.get("progress"):
        return f" (NetBox {progress['done']}/{progress['total']})"
    running = fabric.get("current_pass")
    return f" ({plain(running['phase'])})" if running else ""


def problem_lines(fabric: JSONObject) -> list[str]:
    """The problems of a fabric, below its line."""
    return [f"  {problem_line(problem)}" for problem in fabric["problems"]]


def drift_lines(fabric: JSONObject) -> list[str]:
    """What others made of a fabric's records in NetBox; servers of an older version do not say."""
    return [printable(f"  NetBox: {line}") for line in fabric.get("netbox_drifted", ())]


def problem_line(problem: JSONObject) -> str:
    """A problem, as compilers print them."""
    place = f"{place_of(problem['file'], problem['line'], problem['rule'])}: {problem['severity']}"
    field = f" {problem['field']}" if problem["field"] else ""
    return printable(f"{place}: {problem['rule']}{field}: {problem['message']}")


def error_line(error: JSONObject) -> str:
    """What could not be read for a plan, as markup."""
    return f"[red]error[/red]: {plain(error['subject'])}: {plain(error['reason'])}: {plain(error['message'])}"


def pass_table(passes: Sequence[JSONObject]) -> Sheet:
    """What `passes` shows."""
    rows = [
        [
            plain(p["id"][:8]),
            moment(p["started"]),
            f"{_seconds(p):.2f} s",
            plain(",".join(p["triggers"])),
            coloured(p["outcome"]),
            short_revision(p["revision"]),
            plain(f"{p['reason']}: {brief(p['message'])}"),
        ]
        for p in passes
    ]
    return table(["PASS", "STARTED", "TOOK", "TRIGGERS", "OUTCOME", "REVISION", "MESSAGE"], rows)


def request_table(requests: Sequence[JSONObject]) -> Sheet:
    """What `reconcile` shows."""
    rows = [
        [
            plain(r["fabric"]),
            plain(r["id"][:8]),
            coloured(r["state"]),
            plain(r.get("outcome") or "-"),
            short_revision(r.get("revision")),
            plain(brief(r.get("message") or "-")),
        ]
        for r in requests
    ]
    return table(["FABRIC", "REQUEST", "STATE", "OUTCOME", "REVISION", "MESSAGE"], rows)


def _seconds(record: JSONObject) -> float:
    """How long a pass took."""
    started, finished = (datetime.fromisoformat(record[name]) for name in ("started", "finished"))
    return (finished - started).total_seconds()
