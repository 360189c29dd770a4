"""The folder that the Git server and those who control it share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from tests.lab.errors import LabError
from tests.lab.state import remember, remembered

if TYPE_CHECKING:
    from pathlib import Path


class Fault(Enum):
    """How the server mistreats the requests for one repository."""

    UNAVAILABLE = "unavailable"
    """Answers 503."""
    HANG = "hang"
    """Does not answer until the fault is taken back, then as usual."""


@dataclass(frozen=True)
class GitState:
    port: int
    username: str
    password: str


class GitFiles:
    """Names of the folder's files, and what they say."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repositories = folder / "repositories"
        self.clones = folder / "clones"
        self.certificates = folder / "certificates"
        self.journal = folder / "requests.jsonl"
        self._state = folder / "state.json"
        self._faults = folder / "faults.json"

    def exists(self) -> bool:
        return self._state.exists()

    def state(self) -> GitState:
        """Raises `LabError` when the server was never up."""
        found = remembered(self._state, GitState)
        if found is None:
            raise LabError("the Git server is not up: make lab")
        return found

    def set_state(self, state: GitState) -> None:
        remember(self._state, state)

    def faults(self) -> dict[str, Fault]:
        """The present faults by repository."""
        if not self._faults.exists():
            return {}
        return {name: Fault(value) for name, value in json.loads(self._faults.read_text("utf-8")).items()}

    def set_faults(self, faults: dict[str, Fault]) -> None:
        draft = self._faults.with_suffix(".draft")
        draft.write_text(json.dumps({name: fault.value for name, fault in faults.items()}), encoding="utf-8")
        draft.replace(self._faults)
