"""Names of files: the same object, the same file, on every file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.objects import ObjectKey
from reconciler.plan.layout import managed_path, readme_text
from reconciler.plan.places import Obstacle, Places
from reconciler.plan.texts import flow, quoted


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        pytest.param("VPC", "vpc-1", "managed/vpcs/vpc-1.yaml", id="a VPC"),
        pytest.param("IPv4Namespace", "default", "managed/ipv4namespaces/default.yaml", id="a namespace"),
        pytest.param("Connection", "a.b-c", "managed/connections/a.b-c.yaml", id="dots"),
        pytest.param("Switch", "con", "managed/switches/con~1143da2bc54c.yaml", id="a device of Windows"),
        pytest.param("Switch", "com1.leaf", None, id="a device with a suffix"),
        pytest.param("Switch", "console", "managed/switches/console.yaml", id="no device"),
        pytest.param("Switch", "x" * 250, f"managed/switches/{'x' * 250}.yaml", id="the longest"),
        pytest.param("Switch", "x" * 251, None, id="too long"),
    ],
)
def test_an_object_has_one_file(kind: str, name: str, path: str | None) -> None:
    """By its name, unless no file can be called so: then by the name's digest too."""
    found = managed_path(ObjectKey(kind, "default", name))

    assert path is None or found == path
    assert ("~" in found) is (path is None or "~" in path)
    assert len(found.rpartition("/")[2]) <= 255


def test_long_names_are_told_apart() -> None:
    """Names that begin alike have files of their own."""
    first, second = (managed_path(ObjectKey("Switch", "default", "x" * 252 + end)) for end in "ab")

    assert first != second


def test_the_readme_names_the_fabric() -> None:
    """And tells where to drop files."""
    assert "Fabric dc1" in readme_text("dc1")
    assert "`raw/`" in readme_text("dc1")


@given(text=st.text())
def test_a_quoted_text_is_one_printable_line(text: str) -> None:
    """Whatever people name things."""
    assert quoted(text).isprintable()


def test_a_mapping_on_one_line() -> None:
    """Texts in quotes, numbers as they are."""
    assert flow({"a": 'x"y', "b": 1}) == '{a: "x\\"y", b: 1}'


def test_letters_composed_otherwise_are_the_same_name() -> None:
    """As on file systems that compose them."""
    places = Places("d", ())
    places.add("é.yaml")

    assert places.is_taken("E\u0301.YAML")
    assert places.obstacle("e\u0301.yaml") == Obstacle(
        "d/é.yaml", "d/é.yaml differs from d/e\u0301.yaml in upper and lower case alone"
    )
