"""Are the installed dependencies those with which this version was built and tested?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from reconciler.model.verification import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Deviation:
    """A dependency that is not as locked. `state` is failing where this version cannot work with it."""

    state: Verdict
    message: str


def deviations(
    locked: Iterable[str],
    required: Iterable[str],
    installed: Mapping[str, str],
    environment: Mapping[str, str],
) -> Iterator[Deviation]:
    """Where the installed versions, by canonical name, differ from the locked ones (requirements `name==version`, some
    with a marker), or are none that is `required` (requirements of the package). Markers are judged by `environment`
    (PEP 508). Raises ValueError for what is no requirement.
    """
    needed = {canonicalize_name(one.name): one for one in _applying(required, environment)}
    for pin in _applying(locked, environment):
        name = canonicalize_name(pin.name)
        version = str(pin.specifier).removeprefix("==")
        found = installed.get(name)
        if found is None:
            yield Deviation(Verdict.FAILING, f"{name} is not installed, {version} is locked")
        elif not _is_same(found, version):
            requirement = needed.get(name)
            is_unfit = requirement is not None and not requirement.specifier.contains(found, prereleases=True)
            needs = f", and {requirement.specifier} is needed" if requirement is not None and is_unfit else ""
            state = Verdict.FAILING if is_unfit else Verdict.WARNING
            yield Deviation(state, f"{name} {found} is installed, {version} is locked{needs}")


def _applying(requirements: Iterable[str], environment: Mapping[str, str]) -> Iterator[Requirement]:
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise ValueError(f"{text} is no requirement: {error}") from None
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            yield requirement


def _is_same(found: str, version: str) -> bool:
    try:
        return Version(found) == Version(version)
    except InvalidVersion:
        return found == version
