"""Reading the configuration: everything that is wrong with it in one answer."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reconciler.errors import ConfigurationError
from reconciler.settings.choices import choices
from reconciler.settings.clashes import clashes
from reconciler.settings.document import read_document
from reconciler.settings.findings import Finding, from_validation
from reconciler.settings.forges import forges
from reconciler.settings.notification_rules import notification_rules
from reconciler.settings.root import Settings
from reconciler.settings.unsupported import unsupported

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path, *, is_offline: bool = False) -> Settings:
    """The configuration in a file. Relative paths in it begin at the file's folder. `is_offline`: the files and
    variables that it names need not be there.

    Raises ConfigurationError. Its message has a line `key.path[index]: reason` for every finding; where the file is
    not YAML, a line and a column of the file instead.
    """
    document = read_document(path)
    folder = path.absolute().parent
    validated = _validate(document, {"folder": folder, "is_offline": is_offline})
    findings = _merge(
        validated if isinstance(validated, list) else [],
        list(unsupported(document)),
        [*choices(document), *clashes(document, folder), *forges(document), *notification_rules(document)],
    )
    if isinstance(validated, list) or findings:
        raise ConfigurationError("\n".join([f"{path} cannot be used:", *map(str, findings)]))
    return validated.read_from(path.absolute(), _digest(document))


def _digest(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _validate(document: Any, context: dict[str, Any]) -> Settings | list[Finding]:
    try:
        return Settings.model_validate(document, context=context)
    except ValidationError as error:
        return list(from_validation(error, Settings))


def _merge(shapes: list[Finding], absent: list[Finding], rules: list[Finding]) -> list[Finding]:
    """All findings in the order of places; of what is not supported anyway only that is said."""
    silenced = tuple(finding.place for finding in absent)
    kept = [f for f in [*shapes, *rules] if not any(f.place[: len(place)] == place for place in silenced)]
    return sorted({*kept, *absent}, key=lambda finding: (finding.order, finding.reason))
