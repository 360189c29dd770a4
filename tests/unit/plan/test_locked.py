"""Are the installed dependencies those with which this version was built?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.verification import Verdict
from reconciler.plan.locked import deviations

if TYPE_CHECKING:
    from collections.abc import Mapping

LINUX = {"sys_platform": "linux", "python_full_version": "3.11.7", "extra": ""}
LOCKED = (
    "aiohttp==3.14.5",
    "colorama==0.4.6 ; sys_platform == 'win32'",
    "pynetbox==7.8.0 ; python_full_version < '3.12'",
    "pynetbox==7.9.0 ; python_full_version >= '3.12'",
)
REQUIRED = ("aiohttp>=3.14", "PyNetBox>=7.8")


def _said(installed: Mapping[str, str], **changes: str) -> list[tuple[Verdict, str]]:
    return [(one.state, one.message) for one in deviations(LOCKED, REQUIRED, installed, {**LINUX, **changes})]


def test_as_locked() -> None:
    """Each machine needs what the markers say for it, however a version is spelled."""
    assert _said({"aiohttp": "3.14.5", "pynetbox": "7.8"}) == []
    assert _said({"aiohttp": "3.14.5", "pynetbox": "7.9.0"}, python_full_version="3.13.0") == []


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("3.15.0", (Verdict.WARNING, "aiohttp 3.15.0 is installed, 3.14.5 is locked")),
        ("3.13.2", (Verdict.FAILING, "aiohttp 3.13.2 is installed, 3.14.5 is locked, and >=3.14 is needed")),
        ("odd-one", (Verdict.FAILING, "aiohttp odd-one is installed, 3.14.5 is locked, and >=3.14 is needed")),
    ],
)
def test_another_version(version: str, said: tuple[Verdict, str]) -> None:
    """One that will do was not tested; one that the package does not take fails."""
    assert _said({"aiohttp": version, "pynetbox": "7.8.0"}) == [said]


def test_another_version_of_what_others_need() -> None:
    """Of what only dependencies need there is no floor of ours."""
    found = list(deviations(["attrs==26.1.0"], [], {"attrs": "25.0"}, LINUX))

    assert [one.state for one in found] == [Verdict.WARNING]


def test_what_is_not_installed() -> None:
    """It is missed where the markers ask for it."""
    assert _said({"aiohttp": "3.14.5"}) == [(Verdict.FAILING, "pynetbox is not installed, 7.8.0 is locked")]


def test_what_is_no_requirement() -> None:
    """A damaged list is said."""
    with pytest.raises(ValueError, match="aio http is no requirement"):
        list(deviations(["aio http"], [], {}, LINUX))
