"""Real documents and generated fabrics, where they are at hand, against the rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from reconciler.model.objects import Manifest, Source
from reconciler.model.problems import Severity
from tests.unit.plan.rules.judging import judge
from tests.unit.plan.world import key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.json import JSONObject

SHARED = Path(os.environ.get("RECONCILER_SHARED") or Path(__file__).parents[5] / "shared")
PAIRS = SHARED / "data" / "defaulting-pairs.jsonl"
GENERATOR = SHARED / "tools" / "gen_wiring.py"
needs_samples = pytest.mark.skipif(
    not (PAIRS.is_file() and GENERATOR.is_file()), reason="no samples beside the checkout (RECONCILER_SHARED)"
)

REALLY_WRONG = {
    # The server wants a prefix, and the page of the documentation shows an address.
    ("VPC/vpc-1", "RelayNotAPrefix"),
}


def _manifest(body: JSONObject, file: str, document: int) -> Manifest:
    return Manifest(key(body["kind"], body["metadata"]["name"]), Source(file, document), body.get("spec") or {})


def _groups(form: str) -> Iterator[list[Manifest]]:
    """The documents of each file, in groups without a repeated identity."""
    files: defaultdict[str, list[Manifest]] = defaultdict(list)
    for line in PAIRS.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        files[pair["file"]].append(_manifest(pair[form], pair["file"], pair["doc"]))
    for documents in files.values():
        while documents:
            group = {one.key: one for one in reversed(documents)}
            yield list(group.values())
            documents[:] = [one for one in documents if group[one.key] is not one]


@needs_samples
@pytest.mark.parametrize("form", ["git", "server"])
def test_real_documents_are_not_refused(form: str) -> None:
    """As people wrote them, and as the server stores them. The exceptions are refused by the server too."""
    faults = [fault for group in _groups(form) for fault in judge(*group)]

    refused = {(str(one.key), one.rule) for one in faults if one.severity is Severity.ERROR}
    assert refused == REALLY_WRONG
    assert {one.rule for one in faults} - {rule for _, rule in REALLY_WRONG} == {"NameTooLong"}


@needs_samples
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="eslag"),
        pytest.param(["--sparse", "--drift", "0.05"], id="sparse, drifted"),
        pytest.param(["--redundancy", "mclag", "--no-hydrate"], id="mclag, not hydrated"),
        pytest.param(["--redundancy", "none", "--layout", "by-rack", "--spines", "0", "--leafs", "6"], id="mesh"),
    ],
)
def test_generated_fabrics_break_no_rule(options: Iterable[str], tmp_path: Path) -> None:
    """Nor miss anything, nor give reason for a warning."""
    command = [sys.executable, str(GENERATOR), "--preset", "500", "--out", str(tmp_path), *options]
    subprocess.run(command, check=True, capture_output=True)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = [
        _manifest(body, str(path.relative_to(tmp_path)), document)
        for path in tmp_path.rglob("*.yaml")
        for document, body in enumerate(yaml.load_all(path.read_text(encoding="utf-8"), Loader=loader))
    ]

    assert len(documents) > 300
    assert judge(*documents, unknown=()) == ()
