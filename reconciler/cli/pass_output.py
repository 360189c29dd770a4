"""What `pass` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cli.output import coloured, plain, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from reconciler.model.json import JSONObject


def pass_lines(found: JSONObject) -> Iterator[RenderableType]:
    """Lines of markup, and tables between them."""
    scope = "everything" if found["scope"] is None else plain(", ".join(found["scope"]))
    yield f"[bold]pass {plain(found['id'])}[/bold] of {plain(found['fabric'])}: {coloured(found['outcome'])}"
    yield f"{plain(found['reason'])}: {plain(found['message'])}"
    revision = plain(found["revision"] or "no revision")
    yield f"triggered by {plain(', '.join(found['triggers']))}, over {scope}, at {revision}"
    yield f"from {found['started']} to {found['finished']}"
    if found["phases"]:
        yield table(["PHASE", "SECONDS"], [[plain(name), f"{took:.3f}"] for name, took in found["phases"].items()])
    if counted := {name: number for name, number in found["counts"].items() if number}:
        yield table(["COUNT", "NUMBER"], [[plain(name), str(number)] for name, number in counted.items()])
    if found["failures"]:
        yield table(["PHASE", "FAILED", "REASON", "MESSAGE"], map(_failure, found["failures"]))


def _failure(one: JSONObject) -> list[str]:
    again = " (tried again)" if one["retryable"] else ""
    return [plain(one["phase"]), plain(one["subject"]), plain(one["reason"]), plain(one["message"] + again)]
