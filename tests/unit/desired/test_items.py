"""Items of a List, each as a document of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.desired.manifests.cutting import cut
from reconciler.desired.manifests.items import items_of
from reconciler.desired.manifests.loader import load

HEAD = "apiVersion: v1\nkind: List\n"


def _items(text: str) -> list[tuple[str, bool]]:
    (part,) = cut(text.encode())
    return [(item.data.decode(), item.is_rewritten) for item in items_of(part)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"{HEAD}items:\n# first\n- kind: A # a\n  # x\n  x: |\n    t\n\n    u\n"
            "  # second\n- kind: B\n  y:\n  - 1\n",
            ["# first\nkind: A # a\n# x\nx: |\n  t\n\n  u\n", "# second\nkind: B\ny:\n- 1\n"],
            id="blocks",
        ),
        pytest.param(
            f"{HEAD}items:\n    -   kind: A\n        x: 'a\n  b'\n    -   {{kind: B}}\nmetadata: {{}}\n",
            ["kind: A\nx: 'a\nb'\n", "{kind: B}\n"],
            id="indented, with a text over two lines",
        ),
        pytest.param(
            '{"kind": "VPCList", "items": [{"kind": "A",\n "é": 1}, {"kind": "B"}]}',
            ['{"kind": "A",\n "é": 1}\n', '{"kind": "B"}\n'],
            id="JSON",
        ),
        pytest.param(
            f"{HEAD}items:\r\n- kind: A\r\n  x: 1\r\n".replace("\n", "\r\n").replace("\r\r", "\r"),
            ["kind: A\r\nx: 1\r\n"],
            id="CRLF",
        ),
        pytest.param(f"{HEAD}items: []\n", [], id="no items"),
        pytest.param(f"{HEAD}items: {{}}\n", [], id="items that are none"),
        pytest.param(f"{HEAD}", [], id="no such field"),
        pytest.param("kind: 1\nitems: [a]\n", [], id="another kind"),
        pytest.param("- kind: A\n", [], id="a sequence"),
        pytest.param(f"{HEAD}items: [a]\nx: [\n", [], id="a broken List"),
    ],
)
def test_an_item_keeps_its_own_text(text: str, expected: list[str]) -> None:
    """Moved to the margin, with the comments before it."""
    assert _items(text) == [(item, False) for item in expected]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEAD}items:\n- &a {{kind: A}}\n- *a\n", id="an alias of another item"),
        pytest.param(f"{HEAD}x: &x 1\nitems:\n- kind: A\n  x: *x\n", id="an alias of the List"),
        pytest.param(f"{HEAD}x: &x [{{kind: A}}]\nitems: *x\n", id="items that are an alias"),
        pytest.param(f"{HEAD}x: &x {{items: [{{kind: A}}]}}\n<<: *x\n", id="items that are merged in"),
        pytest.param(f"{HEAD}items:\n-\n  kind: A\n", id="an item in the next line"),
        pytest.param(f"{HEAD}items:\n- - a\n  - b\n- null\n", id="items that are no objects"),
    ],
)
def test_an_item_that_needs_its_list_is_written_anew(text: str) -> None:
    """Its value is what it is in the List."""
    (document,) = load(text.encode())

    items = _items(text)
    assert any(is_rewritten for _, is_rewritten in items)
    values = [found[0].value if (found := load(item.encode())) else None for item, _ in items]
    assert json.dumps(values) == json.dumps(document.value["items"])


def test_the_line_of_an_item_is_that_in_the_file() -> None:
    """Behind directives and comments too."""
    _, part = cut(f"a: 1\n---\n# c\n{HEAD}items:\n- kind: A\n- kind: B\n".encode())

    assert [(item.index, item.builder.line) for item in items_of(part)] == [(1, 7), (1, 8)]


class _Counted(str):
    """A text that knows how many of its characters were searched for line breaks."""

    __slots__ = ("searched",)

    def count(self, sub: str, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        stop = len(self) if end is None else end
        self.searched = getattr(self, "searched", 0) + stop - start
        return super().count(sub, start, stop)


@pytest.mark.parametrize("item", ["- kind: A\n", "- {kind: A}\n\n"])
def test_the_lines_of_many_items_are_counted_once(item: str) -> None:
    """Not from the beginning of the text for each of them."""
    (part,) = cut(f"# c\n{HEAD}items:\n{item * 500}".encode())
    text = _Counted(part.text)

    lines = [found.builder.line for found in items_of(replace(part, text=text))]

    assert lines == [5 + number * item.count("\n") for number in range(500)]
    assert 0 < text.searched <= 2 * len(text)


def test_comments_before_an_item_do_not_move_it() -> None:
    """Neither where it keeps its text nor where it is written anew."""
    (part,) = cut(f"{HEAD}items:\n# a\n- &a {{kind: A}}\n\n# b\n- kind: B\n# c\n- *a\n".encode())

    assert [(item.builder.line, item.is_rewritten) for item in items_of(part)] == [(5, False), (8, False), (10, True)]
