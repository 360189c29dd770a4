"""Generated documents as files: readable YAML that no parser takes for something else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.demo.fabric import FABRIC_DEMO, Document, FabricShape, build_fabric, render, write_fabric

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSON


@pytest.mark.parametrize("document", build_fabric(FABRIC_DEMO), ids=lambda document: document.name)
def test_render_round_trips(document: Document) -> None:
    """What is written reads back as the same JSON value, in the same key order, with no anchors."""
    text = render(document)

    assert yaml.safe_load(text) == document.body
    assert list(yaml.safe_load(text)) == ["apiVersion", "kind", "metadata", "spec"]
    assert not re.search(r"[&*]id\d", text)


def test_render_is_readable() -> None:
    """A leaf is written as a person would: block style, keys in the order of the generator, traps quoted."""
    leaf = next(document for document in build_fabric(FABRIC_DEMO) if document.name == "leaf-01")

    assert (
        render(leaf)
        == """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: Switch
metadata:
  name: leaf-01
  namespace: default
spec:
  role: server-leaf
  description: Leaf 1 in rack 1
  profile: dell-s5248f-on
  asn: 65101
  boot:
    mac: "52:54:00:01:00:08"
  ip: 172.30.0.10/21
  protocolIP: 172.30.8.9/32
  vlanNamespaces:
  - default
  vtepIP: 172.30.12.1/32
  groups:
  - eslag-1
  redundancy:
    group: eslag-1
    type: eslag
  portGroupSpeeds:
    "1": "10G"
"""
    )


def document_of(**spec: JSON) -> Document:
    return Document("servers", "s", {"spec": spec})


@pytest.mark.parametrize(
    "text",
    [
        "52:54:00:12:34:56",
        "0c:20:12:fe:00:01",
        "ca:fe:ba:be:00:01",
        "65102:10",
        "10:20",
        *("y", "N", "yes", "No", "on", "OFF", "true", "False", "null", "~"),
        *("1", "-7", "0100", "08", "0o100", "0x1F", "0b1", "1_000", "1e3", "1E+3", "1.5", "-.5", ".5", "+1", ".inf"),
        *("2024-01-01", "2024-01-01T00:00:00Z"),
    ],
)
def test_misread_text_is_quoted(text: str) -> None:
    """Text that PyYAML or kubectl would take for another type is quoted, as a value and as a key."""
    rendered = render(document_of(value=text, keyed={text: 1}))

    assert re.search(rf"^  value: (['\"]){re.escape(text)}\1$", rendered, re.MULTILINE)
    assert re.search(rf"^    (['\"]){re.escape(text)}\1: 1$", rendered, re.MULTILINE)


@pytest.mark.parametrize("text", ["leaf-01/E1/1", "10.0.0.0/24", "172.30.0.2", "server-leaf", "Leaf 1 in rack 1", "e1"])
def test_clear_text_is_plain(text: str) -> None:
    """Text that every parser reads as text is written without quotes."""
    assert f"value: {text}\n" in render(document_of(value=text))


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
@example("\x85\u2028\ufeff")
@example("a: b #c")
@example("line\nbreak ")
def test_any_value_round_trips(value: JSON) -> None:
    """Any JSON value that a test puts in a document reads back as it was, the empty text too."""
    assert yaml.safe_load(render(document_of(value=value)))["spec"]["value"] == value


def test_write_fabric(tmp_path: Path) -> None:
    """One file per document under managed/<directory>/, and no other file."""
    documents = build_fabric(FABRIC_DEMO)

    paths = write_fabric(documents, tmp_path)

    assert len(set(paths)) == len(documents)
    assert set(paths) == {path for path in tmp_path.rglob("*") if path.is_file()}
    assert (tmp_path / "managed" / "switches" / "leaf-01.yaml") in paths
    for path, document in zip(paths, documents, strict=True):
        assert path.read_bytes() == render(document).encode()


def test_write_fabric_replaces(tmp_path: Path) -> None:
    """A document written again replaces its file; files of other objects stay."""
    write_fabric(build_fabric(FabricShape(servers=2)), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.yaml")}

    write_fabric([Document("servers", "server-01", {"spec": {"description": "moved"}})], tmp_path)

    after = {path: path.read_bytes() for path in tmp_path.rglob("*.yaml")}
    changed = [path.name for path in after if after[path] != before[path]]
    assert changed == ["server-01.yaml"]
