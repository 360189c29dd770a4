"""Values as YAML: read back they are what they were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.manifests.dumping import dump
from reconciler.desired.manifests.loader import load

if TYPE_CHECKING:
    from reconciler.model.json import JSON

_texts = st.text(max_size=20) | st.sampled_from(
    ["on", "1e3", "52:54:00:12:34:56", "0x1f", "", "~", "a: b", "# c", "- a"]
)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=20,
)


@given(value=st.dictionaries(_texts, _values, min_size=1, max_size=4))
def test_what_is_written_is_what_is_read(value: JSON) -> None:
    """Any JSON value comes back, with its types."""
    (document,) = load(dump(value))

    assert json.dumps(document.value) == json.dumps(json.loads(json.dumps(value), parse_float=_as_read))
    assert not document.findings


def _as_read(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() and -(2**63) <= value < 2**63 else value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            {"a": {"b": [1, {"c": "x", "d": []}, [2, [3]]]}},
            "a:\n  b:\n    - 1\n    - c: x\n      d: []\n    - - 2\n      - - 3\n",
            id="nested",
        ),
        pytest.param(
            {"yes": "no", "1": "é\n😀\x7f\U000e0001"}, '"yes": "no"\n"1": "é\\u000a😀\\u007f\\U000e0001"\n', id="quoted"
        ),
        pytest.param(
            {"m": "9" * 90, "v": "1.2.3", "u": 'a"b'}, f'm: "{"9" * 90}"\nv: 1.2.3\nu: "a\\"b"\n', id="numbers"
        ),
        pytest.param("text", "text\n", id="a scalar"),
        pytest.param({}, "{}\n", id="empty"),
    ],
)
def test_the_text_is_for_people(value: JSON, expected: str) -> None:
    """In blocks, with quotes where they are needed."""
    assert dump(value).decode() == expected
