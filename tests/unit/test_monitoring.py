"""What is written for monitoring speaks of metrics that exist: the table, the rules, the dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.status.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
RULE_TESTS = RULES.with_name("rules_test.yaml")
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
MONITORING = ROOT / "docs" / "monitoring.md"

_ROW = re.compile(r"^\| `(reconciler_\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)
_METRIC = re.compile(r"\b(?:reconciler|process|python)_\w+")
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def _families() -> dict[str, tuple[str, frozenset[str]]]:
    """Type and labels of each metric, by the name under which it is asked for."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for collector in Metrics()._registry._collector_to_names:
        for family in collector.collect():
            labels: tuple[str, ...] = getattr(family, "_labelnames", ()) or getattr(collector, "_labelnames", ())
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found[name] = family.type, frozenset(labels)
    return found


def _series() -> set[str]:
    """Every name that an expression may use."""
    families = _families().items()
    return {f"{name.removesuffix('_total')}{suffix}" for name, (kind, _) in families for suffix in _SUFFIXES[kind]}


def _alerts() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text("utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _expressions() -> Iterator[tuple[str, str]]:
    for rule in _alerts():
        yield rule["alert"], rule["expr"]
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["definition"]


def _anchors(document: Path) -> set[str]:
    """As hosts of Markdown make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_table_is_the_registry() -> None:
    """Each metric of ours stands in the table once, with its type and its labels, and no other does."""
    rows = _ROW.findall(MONITORING.read_text("utf-8"))
    written = {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}

    assert len(rows) == len(written)
    assert written == {name: found for name, found in _families().items() if name.startswith("reconciler_")}


def test_every_metric_explains_itself_by_convention() -> None:
    """Units are base units, in the name; only counters end in _total; everything has a help text."""
    for collector in Metrics()._registry._collector_to_names:
        for family in collector.collect():
            assert family.documentation
            assert not family.name.endswith(("_total", "_milliseconds", "_ms", "_minutes"))


@pytest.mark.parametrize(("where", "expression"), [pytest.param(*found, id=found[0]) for found in _expressions()])
def test_expressions_name_what_exists(where: str, expression: str) -> None:
    """Rules and dashboard ask for series that the service has."""
    named = set(_METRIC.findall(expression))

    assert named, f"{where} asks for nothing"
    assert named <= _series()


def test_alerts_are_whole() -> None:
    """Each has its severity, says what is wrong and what that means, and leads to a heading that exists."""
    for rule in _alerts():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        document = ROOT / path
        assert document.parent == ROOT / "docs"
        if document.name != "operating.md" or document.exists():
            assert anchor in _anchors(document), rule["alert"]


def test_every_alert_is_tested() -> None:
    """The rules' own tests have a case for each in which it fires."""
    document = yaml.safe_load(RULE_TESTS.read_text("utf-8"))
    fired = {case["alertname"] for test in document["tests"] for case in test["alert_rule_test"] if case["exp_alerts"]}

    assert fired == {rule["alert"] for rule in _alerts()}


def test_the_dashboard_is_well_formed() -> None:
    """Panels have ids of their own, do not overlap, and take the data source that is chosen."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels if panel["type"] != "row")
