"""The documentation is whole: every reason has an entry, every page is listed, and every link leads somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reconciler.model.status import SyncStatus
from reconciler.plan.conditions import CONNECTION_CONDITIONS
from tests.unit.docs.spoken import ROOT, spoken, written

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
OPERATING = (DOCS / "operating.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```|`[^`]*`", re.MULTILINE | re.DOTALL)


def _headings(text: str) -> list[str]:
    return re.findall(r"^### ([A-Z]\w+)$", text, re.MULTILINE)


def _rows(text: str) -> list[str]:
    return re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE)


def test_every_reason_is_explained() -> None:
    """What conditions, passes and requests give as a reason has a heading, or is a rule or a word of a table."""
    known = {*_headings(OPERATING), *_rows(OPERATING)}

    assert {word: file for word, file in spoken("reasons").items() if word not in known} == {}


def test_every_rule_is_explained() -> None:
    """What problems of documents give as a rule is in the table, or has a heading."""
    known = {*_headings(OPERATING), *_rows(OPERATING)}

    assert {word: file for word, file in spoken("rules").items() if word not in known} == {}


def test_nothing_is_explained_that_is_not_said() -> None:
    """Every heading and row is a word that the program still says, and there is one of each."""
    conditions = {"StructureReady", *CONNECTION_CONDITIONS.values()}
    explained = [*_headings(OPERATING), *_rows(OPERATING)]

    assert set(explained) - written() - conditions == set()
    assert len(_headings(OPERATING)) == len(set(_headings(OPERATING)))


def test_every_reason_says_what_to_do() -> None:
    """An entry says what to do, or that there is nothing to be done, or where to look."""
    entries = re.split(r"^### ", OPERATING.partition("## Reasons of the status")[2], flags=re.MULTILINE)[1:]
    saying = re.compile(r"\*\*Do:\*\*|Nothing to do|See \[")

    assert [entry.partition("\n")[0] for entry in entries if not saying.search(entry)] == []


def test_every_status_is_explained() -> None:
    """The table of sync statuses is that of the program."""
    table = OPERATING.partition("| `sync_status` |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE) == [status.value for status in SyncStatus]


def test_every_page_is_listed() -> None:
    """The index of the documentation names every page and every decision."""
    index = DOCS / "README.md"
    listed = {(DOCS / target).resolve() for target in _LINK.findall(index.read_text())}

    assert sorted(set(DOCS.rglob("*.md")) - listed - {index}) == []


def _anchors(page: Path) -> set[str]:
    """As the forges make them from headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links(page: Path) -> None:
    """Every relative link of a page leads to a file that is there, and to a heading of it."""
    broken = []
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        name, _, anchor = link.partition("#")
        if "://" in name:
            continue
        target = page.parent / name if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)

    assert broken == []
