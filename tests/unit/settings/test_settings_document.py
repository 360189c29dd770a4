"""The file as YAML: what cannot be read is said by line and column, and never quoted."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import ConfigurationError
from reconciler.settings.document import LARGEST_FILE, read_document
from tests.unit.settings.example import CANARY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reconciler.yaml"


def refusal(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigurationError) as refused:
        read_document(path)
    message = refused.value.message
    assert message.startswith(str(path))
    return message.removeprefix(str(path)).removeprefix(": ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "the file is empty", id="empty"),
        pytest.param("# only this\n", "the file is empty", id="a comment"),
        pytest.param("- a\n", "the file must hold a mapping of keys", id="a list"),
        pytest.param("text", "the file must hold a mapping of keys", id="a scalar"),
        pytest.param(b"a: 1\nb: \xff\n", "line 2: not UTF-8 text", id="latin-1"),
        pytest.param("a: 1\nb: \x07\n", "line 2: a character that YAML does not allow", id="bell"),
        pytest.param("a: 1\n  b: 2\n", "line 2, column 4: mapping values are not allowed in this context", id="indent"),
        pytest.param("a:\n\t- 1\n", "line 2, column 1: found character that cannot start any token", id="tab"),
        pytest.param('a: "x\n', "line 2, column 1: found unexpected end of stream", id="open quote"),
        pytest.param("a: [1\n", "line 2, column 1: did not find expected ',' or ']'", id="open list"),
        pytest.param("a: 1\n---\nb: 2\n", "line 2, column 1: but found another document", id="two documents"),
        pytest.param("a: *x\n", "line 1, column 4: an alias must name an anchor that stands before it", id="no anchor"),
        pytest.param("a: &x [*x]\n", "line 1, column 8: an alias must name an anchor that stands before it", id="loop"),
        pytest.param("a: !x 1\n", "line 1, column 4: a value that is not plain data", id="tag"),
        pytest.param("a: !!python/name:os.system x\n", "line 1, column 4: a value that is not plain data", id="python"),
        pytest.param("a: !!int x\n", "line 1, column 4: a value that is not plain data", id="wrong integer"),
        pytest.param("a: 0b_\n", "line 1, column 4: a value that is not plain data", id="no digits"),
        pytest.param("a: !!timestamp x\n", "line 1, column 4: a value that is not plain data", id="wrong time"),
        pytest.param("a: {<<: 1}\n", "line 1, column 9: a value that is not plain data", id="wrong merge"),
    ],
)
def test_refuses(path: Path, content: str | bytes, message: str) -> None:
    """What is not a mapping in YAML is refused with its place."""
    assert refusal(path, content) == message


def test_all_odd_keys_are_named(path: Path) -> None:
    """Every key that stands twice, or is no text, is named with its place; in lists and flow mappings too."""
    content = "a: 1\nb:\n  - {c: 1, c: 2}\non: 1\na: 2\n? [x]\n: 3\n7: 1\n"

    assert refusal(path, content).splitlines() == [
        " cannot be used:",
        "line 3, column 12: duplicate key c",
        "line 4, column 1: a key must be text",
        "line 5, column 1: duplicate key a",
        "line 6, column 3: a key must be text",
        "line 8, column 1: a key must be text",
    ]


def test_odd_key_on_one_line(path: Path) -> None:
    """A key is shown on one line and in part only, whatever it holds."""
    content = '"a\\nb": 1\n"a\\nb": 2\n' + f"{'x' * 100}: 1\n" * 2

    assert refusal(path, content).splitlines()[1:] == [
        "line 2, column 1: duplicate key a\\nb",
        f"line 4, column 1: duplicate key {'x' * 64}…",
    ]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        pytest.param("nothing.yaml", "No such file or directory", id="absent"),
        pytest.param(".", "Is a directory", id="a directory"),
    ],
)
def test_no_file(tmp_path: Path, place: str, reason: str) -> None:
    """A file that cannot be read is named with the reason of the system."""
    with pytest.raises(ConfigurationError, match=f"{reason}$"):
        read_document(tmp_path / place)


def test_largest_file(path: Path) -> None:
    """A file over the limit is refused before it is parsed."""
    assert refusal(path, "a: 1\n#" + "x" * LARGEST_FILE) == f"the file is larger than {LARGEST_FILE} bytes"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("a: " + "[" * 33 + "]" * 33, id="a level too many"),
        pytest.param("a: " + "[" * 500_000, id="deep enough to end the process"),
        pytest.param("".join(f"{'  ' * level}a:\n" for level in range(40)), id="block mappings"),
    ],
)
def test_depth(path: Path, content: str) -> None:
    """Deep nesting is refused before anything is composed."""
    assert "more than 32 levels" in refusal(path, content)


def test_alias_bomb(path: Path) -> None:
    """Aliases that multiply are counted, not expanded."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    assert "200000 values" in refusal(path, "\n".join(lines))


def test_values(path: Path) -> None:
    """Values are those of YAML, anchors and merge keys work, what looks like a date is text, a BOM is skipped."""
    text = "\ufeffa: &a {b: 1, c: [yes, null, 1.5]}\nd: {<<: *a, b: 2}\ne: *a\nf: 2026-01-01\ng: 2026-13-45\nh: 08\n"
    path.write_text(text)

    assert read_document(path) == {
        "a": {"b": 1, "c": [True, None, 1.5]},
        "d": {"b": 2, "c": [True, None, 1.5]},
        "e": {"b": 1, "c": [True, None, 1.5]},
        "f": "2026-01-01",
        "g": "2026-13-45",
        "h": "08",
    }


@pytest.mark.parametrize(
    "content",
    [
        f"password: *{CANARY}\n",
        f"password: !{CANARY} x\n",
        f"password: !!{CANARY} x\n",
        f'password: "{CANARY}\n',
        f"password: {CANARY}: x\n",
        f"password: @{CANARY}\n",
        f"password: `{CANARY}\n",
        f"password: %{CANARY}\n",
        f"{CANARY}\npassword: x\n",
        f"password: |{CANARY}\n",
        f"password: {CANARY}\x00\n",
        f"password: !!int {CANARY}\n",
        f"password: !!float {CANARY}\n",
        f"password: {{<<: {CANARY}}}\n",
        f"? [{CANARY}]\n: 1\n",
    ],
)
def test_does_not_quote(path: Path, content: str) -> None:
    """A secret that somebody put into the file is in no message, however the file is broken."""
    path.write_text(content)

    with pytest.raises(ConfigurationError) as refused:
        read_document(path)

    assert CANARY not in "".join(traceback.format_exception(refused.value))
    assert CANARY not in repr(refused.value)


@given(content=st.binary(max_size=60) | st.text("ab:-[]{}*&!|>'\"#%@,? \n\t0123.<=~", max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(path: Path, content: bytes) -> None:
    """Whatever a file holds, it is a mapping with text keys, or a ConfigurationError."""
    path.write_bytes(content)
    try:
        document = read_document(path)
    except ConfigurationError:
        return
    assert all(isinstance(key, str) for key in document)
