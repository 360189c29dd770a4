"""Scalars, keys, tags and merges as kubectl reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.desired.manifests.loader import load
from reconciler.desired.manifests.scalars import ScalarError, differs_in_yaml_1_2, resolve
from reconciler.model.problems import Severity

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject


def _as_in_go(digits: str) -> float:
    """An integer that 64 bits cannot hold stands in kubectl's JSON for a float."""
    number = int(digits)
    return number if -(2**63) <= number < 2**63 else float(number)


GOLDEN: list[JSONObject] = json.loads(
    Path(__file__).with_name("golden_scalars.json").read_text("utf-8"), parse_int=_as_in_go
)
"""What kubectl makes of each text; made by `make_golden.py`."""

STRICTER = {
    "9223372036854775808": "InvalidNumber",
    "-9223372036854775809": "InvalidNumber",
    "18446744073709551615": "InvalidNumber",
    "18446744073709551616": "InvalidNumber",
    "0xFFFFFFFFFFFFFFFF": "InvalidNumber",
    "0xFFFFFFFFFFFFFFFFF": "InvalidNumber",
    "0777777777777777777777777": "InvalidNumber",
    "!foo bar": "UnsupportedTag",
    "!!binary aGVsbG8=": "UnsupportedTag",
    "!!timestamp 2001-01-01": "UnsupportedTag",
    "!!set {a, b}": "UnsupportedTag",
    "!!omap [a: 1]": "UnsupportedTag",
    "!!str {a: 1}": "UnsupportedTag",
    "{1.5: a}": "InvalidKey",
    "{a: 1, a: 2}": "DuplicateKey",
    "{true: 1, y: 2}": "DuplicateKey",
    '{1: a, "1": b}': "DuplicateKey",
}
"""Texts that kubectl takes, at the price of a value that its author did not write; here they are refused."""


def _load_value(text: str) -> tuple[JSON, list[str]]:
    """The value of a field, and the rules for which its document is refused."""
    (document,) = load(f"v: {text}\n".encode())
    refusals = [finding.rule for finding in document.findings if finding.severity is Severity.ERROR]
    return document.value.get("v") if isinstance(document.value, dict) else None, refusals


def _exact(value: JSON) -> str:
    """JSON in which 1, 1.0 and true stay different."""
    return json.dumps(value, sort_keys=True)


def test_reads_as_kubectl_reads() -> None:
    """Each text has the value that kubectl gives it, to the type; what kubectl refuses is refused."""
    expected = {row["yaml"]: "refused" if "error" in row else STRICTER.get(row["yaml"], row) for row in GOLDEN}
    found = {}
    for row in GOLDEN:
        value, refusals = _load_value(row["yaml"])
        if "error" in row:
            found[row["yaml"]] = "refused" if refusals else value
        elif refusals:
            (found[row["yaml"]],) = refusals
        else:
            found[row["yaml"]] = row if _exact(value) == _exact(row["json"]) else value

    assert found == expected
    assert len(found) > 200


def test_every_stricter_text_is_one_that_kubectl_takes() -> None:
    """The list of deviations holds nothing that kubectl would refuse too."""
    taken = {row["yaml"] for row in GOLDEN if "json" in row}

    assert STRICTER.keys() <= taken


@pytest.mark.parametrize(
    ("text", "differs"),
    [
        *[(text, True) for text in ("NO", "y", "on", "Off", "0100", "1_000", "0b11", "0O17", "0X1f", "-0x1F", ".1_0")],
        *[
            (text, False)
            for text in ("true", "FALSE", "~", "", "null", "0o17", "0x1F", "08", "1.0", "1e3", "-1", "+.5")
        ],
        *[
            (text, False)
            for text in ("52:54:00:12:34:56", "65102:10", "2001-01-01", "text", "yesterday", "10.0.0.0/24")
        ],
        ("1e400", True),
        ("0o8", False),
    ],
)
def test_knows_where_yaml_1_2_differs(text: str, *, differs: bool) -> None:
    """A scalar is told apart exactly when YAML 1.2's core schema gives it another value or type."""
    assert differs_in_yaml_1_2(text, resolve(text)) is differs


def test_ambiguous_scalars_are_warned_of_at_their_place() -> None:
    """The warning names line, path and reading, once for a value and once for a key; the document is used."""
    (document,) = load(b"kind: VPC\nspec:\n  mtu: 0100\n  list:\n  - fine\n  - NO\n  on: 1\n")

    assert document.value == {"kind": "VPC", "spec": {"mtu": 64, "list": ["fine", False], "true": 1}}
    assert [(each.rule, each.line, each.path, each.severity) for each in document.findings] == [
        ("AmbiguousScalar", 3, ("spec", "mtu"), Severity.WARNING),
        ("AmbiguousScalar", 6, ("spec", "list", 1), Severity.WARNING),
        ("AmbiguousScalar", 7, ("spec", "on"), Severity.WARNING),
    ]
    assert "0100 is read as 64" in document.findings[0].message


def test_a_merge_that_replaces_an_earlier_key_is_warned_of() -> None:
    """Order decides between a key and a merge, as in kubectl; where that surprises, the line is named."""
    (document,) = load(b"a: &d {x: 1}\nb:\n  x: 2\n  <<: *d\nc:\n  <<: *d\n  x: 3\n")

    assert document.value == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 3}}
    (finding,) = document.findings
    assert (finding.rule, finding.line, finding.severity) == ("AmbiguousMerge", 4, Severity.WARNING)


@given(st.integers())
def test_integers_are_exact_or_refused(number: int) -> None:
    """An integer within 64 bits keeps its value; no other becomes a rounded float."""
    if -(2**63) <= number < 2**63:
        assert resolve(str(number)) == number
        assert type(resolve(str(number))) is int
    else:
        with pytest.raises(ScalarError):
            resolve(str(number))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_keep_their_value(number: float) -> None:
    """What a JSON writer writes for a float is read as the same number."""
    assert resolve(json.dumps(number)) == number


@pytest.mark.parametrize("text", ["9" * 10_000_000, "0x" + "f" * 10_000_000, "1_" * 1_000_000])
def test_long_numbers_are_refused_at_once(text: str) -> None:
    """A number of megabytes is refused without the quadratic work of reading it."""
    with pytest.raises(ScalarError, match="64 bits"):
        resolve(text)
