"""What `plan --offline` prints: problems as compilers do, what a first apply would create, and what was not checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from reconciler.cli.output import error_line, plain, problem_line, short_revision, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.output import Sheet
    from reconciler.model.json import JSONObject


def offline_lines(plan: JSONObject) -> Iterator[str | Sheet]:
    """Lines of markup, and a table between them."""
    for problem in plan["problems"]:
        yield escape(problem_line(problem))
    yield from map(error_line, plan["errors"])
    yield _heading(plan)
    offline = plan["offline"]
    if offline["creates"]:
        rows = [[str(one["wave"]), one["kind"], str(one["count"])] for one in offline["creates"]]
        yield table(["WAVE", "KIND", "CREATE"], rows)
    for sentence in offline["not_checked"]:
        yield f"[dim]not checked[/dim]: {plain(sentence)}"


def _heading(plan: JSONObject) -> str:
    directory = plan["offline"]["directory"]
    place = short_revision(plan["revision"]) if directory is None else plain(directory)
    if plan["errors"]:
        return f"[bold]{plain(plan['fabric'])}[/bold] {place}: could not be read"
    errors = _counted(plan["refused"], "error")
    warnings = _counted(plan["problems_total"] - plan["refused"], "warning")
    made = _counted(plan["counts"]["create"], "object")
    first = "" if plan["mode"] is None else f"; a first apply creates {made}"
    return f"[bold]{plain(plan['fabric'])}[/bold] {place}: {errors}, {warnings}{first}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
