"""The CamelCase words that the program says as a reason, as a condition or as a rule: read from its code."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]

_WORD = re.compile(r"(?=.*[a-z])[A-Z][A-Za-z]+")

_SAYING = {
    "reasons": {
        *("Block", "Conclusion", "Finding", "Obstacle", "SshAnswer", "Verdict", "Failure", "_condition", "_state"),
        *("_refusal", "PlanFinding"),
    },
    "rules": {
        *("Adopted", "Breach", "Problem", "_Finding", "_break", "_give_up", "_judge_inside", "_refuse", "_warn"),
        *("_refuse_first", "refuse", "breaks", "claims", "warns", "file_problem", "_problem"),
    },
}
"""Functions and classes that take the word as an argument."""

_NAMES = {"reasons": re.compile(r"_?(reason|why|answered)"), "rules": re.compile(r"rule")}
"""Keywords and variables that hold it."""

_NO_WORDS = {
    *("Apply", "Update", "Applied", "True", "False", "Unknown", "ResourceVersionTooLarge"),  # Kubernetes' own words
    *(
        "Hedgehog",
        "CustomResourceDefinition",
        "List",
        "Fabric",
        "ObjectKey",
        "Ours",
        "Owned",
        "Spine",
        "HedgehogFabricNotInSync",
    ),  # things
    *KINDS,
}

_PARTS = ("reconciler", "webhooks")


def spoken(what: str) -> dict[str, str]:
    """The words of a sort (`reasons`, `rules`), each with a file that says it."""
    found: dict[str, str] = {}
    for part in _PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            for word in _words(ast.parse(path.read_text()), what):
                if word not in _NO_WORDS:
                    found.setdefault(word, str(path.relative_to(ROOT)))
    return found


def written() -> set[str]:
    """Every such word that stands anywhere in the code as a text."""
    trees = [ast.parse(path.read_text()) for part in _PARTS for path in (ROOT / part).rglob("*.py")]
    return {word for tree in trees for node in ast.walk(tree) for word in _constants(node)}


def _words(tree: ast.AST, what: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if _called(node) in _SAYING[what]:
                yield from _all(node.args)
            yield from _all([one.value for one in node.keywords if _NAMES[what].fullmatch(one.arg or "")])
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_NAMES[what].fullmatch(ast.unparse(one).rpartition(".")[2]) for one in targets):
                yield from _all([node.value])
            elif what == "reasons" and any(ast.unparse(one).isupper() for one in targets):
                yield from _listed(node.value)
        elif what == "rules" and isinstance(node, ast.Tuple) and len(node.elts) > 1 and _is_text(node.elts[1]):
            yield from _constants(node.elts[0])


def _listed(node: ast.expr) -> Iterator[str]:
    """The word of a constant, or the first one of each row of a table."""
    if not isinstance(node, ast.Tuple):
        yield from _constants(node)
    for row in node.elts if isinstance(node, ast.Tuple) else ():
        if isinstance(row, ast.Tuple) and row.elts:
            yield from _constants(row.elts[0])


def _called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _all(nodes: list[ast.expr]) -> Iterator[str]:
    """The words in expressions: alone, in a tuple, or as one of two."""
    for node in nodes:
        if isinstance(node, ast.Tuple):
            yield from _all(node.elts)
        elif isinstance(node, ast.IfExp):
            yield from _all([node.body, node.orelse])
        else:
            yield from _constants(node)


def _constants(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _WORD.fullmatch(node.value):
        yield node.value
