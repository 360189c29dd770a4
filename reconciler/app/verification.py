"""What `verify` says beyond the installation: programs, configuration, secrets, state, connections, clocks."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import stat
from typing import TYPE_CHECKING

from reconciler.app.checks import run_checks
from reconciler.app.clock_asking import verify_clock
from reconciler.app.mirror_verification import verify_mirrors
from reconciler.app.subjects import remote_of
from reconciler.app.upkeep_jobs import keep
from reconciler.desired.git import MINIMUM_GIT, git_version
from reconciler.errors import ConfigurationError, ReconcilerError, StateError
from reconciler.model.structure import StructureState
from reconciler.model.verification import Finding, Verdict
from reconciler.settings import kubeconfig_files, named_files
from reconciler.settings.secret import UnusableError, check_file
from reconciler.store import look_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from reconciler.app.checks import Check
    from reconciler.settings import NamedFile, Settings

LEAST_FREE = 256 << 20
"""Bytes of the disk with the state file below which it is to be looked at; a tenth of them is too little."""

_ADVICE = {
    "repository": "see to the repository's URL, credentials and rights",
    "push": "give the account the right to push; a pass commits to repositories with structure.enabled",
    "fetch": "see to what the host holds: git fsck there tells",
    "directory": "reconciler init makes the directory; or correct the fabric's path",
    "forge": "see to forge.api_url and its token; docs/forges.md tells the rights",
    "cluster": "see to the kubeconfig and the rights of its account, and that the API server can be reached",
    "schemas": (
        "see to the right to get /openapi/v2 and /openapi/v3 (reconciler rbac), and to the version of the fabric's CRDs"
    ),
    "netbox": "see to URL and token; docs/netbox.md lists the permissions; reconciler init-netbox makes what lacks",
}


def verify_configured(settings: Settings, server: str | None = None) -> Iterator[Finding]:
    """Everything that a configuration names, but for structures and the running service, which is at `server`."""
    yield _configuration(settings)
    yield _secrets(settings)
    yield from verify_programs(settings)
    yield from verify_state(settings.state_path)
    yield from verify_mirrors(settings)
    disabled = [one.name for one in settings.fabrics if not one.enabled]
    yield from (_finding(check, disabled) for check in run_checks(settings))
    yield from verify_clock(settings, server)


def _configuration(settings: Settings) -> Finding:
    repositories, fabrics = len(settings.repositories), len(settings.fabrics)
    named = f"{repositories} {'repository' if repositories == 1 else 'repositories'}"
    message = f"{settings.path}: {named}, {fabrics} {'fabric' if fabrics == 1 else 'fabrics'}"
    return Finding("configuration", Verdict.OK, message)


def _secrets(settings: Settings) -> Finding:
    """Which others may read is a warning of the configuration. Of those that it names itself, one that cannot be read
    lets nothing be loaded; of those that a kubeconfig names, only the fabric is without its cluster.
    """
    inner = list(kubeconfig_files(settings))
    wrong = {file: why for file in inner if (why := _unusable(file.path)) is not None}
    if wrong:
        state = Verdict.FAILING if any(_is_of_enabled(settings, file) for file in wrong) else Verdict.WARNING
        told = dict.fromkeys(f"{file.path}, which a kubeconfig names: {why}" for file, why in wrong.items())
        advice = "put the file there, readable for the service's user, or mend the kubeconfig"
        return Finding("secrets", state, "; ".join(told), advice)
    number = len({file.path for file in (*named_files(settings), *inner) if file.is_secret})
    return Finding("secrets", Verdict.OK, f"{number} {'file' if number == 1 else 'files'} with secrets, all readable")


def _is_of_enabled(settings: Settings, file: NamedFile) -> bool:
    _, number, *_ = file.place
    return settings.fabrics[int(number)].enabled


def _unusable(path: Path) -> str | None:
    try:
        check_file(path)
    except UnusableError as error:
        return str(error)
    return None


def verify_programs(settings: Settings | None = None) -> Iterator[Finding]:
    """The programs that the service calls, and for those of a configuration what they are called for."""
    floor = ".".join(map(str, MINIMUM_GIT))
    try:
        version = ".".join(map(str, git_version()))
    except ConfigurationError as error:
        yield Finding("program git", Verdict.FAILING, error.message, f"install git {floor} or newer")
    else:
        yield Finding("program git", Verdict.OK, f"git {version} ({floor} or newer is needed)")
    for program, purpose in _programs(settings).items() if settings else ():
        path = shutil.which(program)
        if path is None:
            message = f"{program} is not installed, and is needed for {purpose}"
            yield Finding(f"program {program}", Verdict.FAILING, message, f"install {program}")
        else:
            yield Finding(f"program {program}", Verdict.OK, f"{path}, for {purpose}")


def _programs(settings: Settings) -> dict[str, str]:
    found = {}
    for repository in settings.repositories:
        if remote_of(repository).ssh is not None:
            found["ssh"] = f"repository {repository.name}"
        if repository.commit.signing_key is not None:
            program = "gpg" if repository.commit.signing_format == "openpgp" else "ssh-keygen"
            found[program] = f"signed commits to repository {repository.name}"
    return found


def verify_state(path: Path) -> Iterator[Finding]:
    """The state file, as it lies there: nothing is opened for writing."""
    subject = "state file"
    if (wrong := wrong_user(path)) is not None:
        yield Finding(subject, Verdict.FAILING, *wrong)
        return
    try:
        look = look_at(path, is_thorough=True)
    except StateError as error:
        yield Finding(subject, Verdict.FAILING, error.message, "restore the file from a backup, or move it away")
        return
    if look is not None and look.is_later:
        message = f"{path}: schema version {look.version}, this program needs {look.needed}"
        yield Finding(subject, Verdict.FAILING, message, "use the later version of the reconciler again")
        return
    yield _access(path, _version(path, None if look is None else look.version, look is not None and look.is_current))
    yield _space(path)


def _version(path: Path, version: int | None, is_current: bool) -> str:  # noqa: FBT001 - told by the file
    if version is None:
        return f"{path} is not there yet; the service makes it"
    return f"{path}, schema version {version}" + ("" if is_current else ", which the next start upgrades")


def wrong_user(path: Path) -> tuple[str, str] | None:
    """Message and advice where this process is not the user whose the state is: it would not see what that one may do,
    and leave files that it cannot open.
    """
    folder = _existing(path)
    owner = _owner(folder)
    try:
        own = _owner(path) if path.exists() else None
    except PermissionError:
        return _closed(folder, owner)
    if own is not None and owner not in {0, own}:
        message = f"{path} belongs to {_user(own)}, its folder to {_user(owner)}"
        return message, f"chown {owner} {path}*, and run it as {_user(owner)}"
    if owner == 0:  # it may be one to which a group or everybody writes, as volumes are
        owner = os.geteuid() if own is None else own
    if owner == os.geteuid():
        return None
    message = f"{folder if own is None else path} belongs to {_user(owner)}, and this is {_user(os.geteuid())}"
    return message, _run_as(owner)


def _closed(folder: Path, owner: int) -> tuple[str, str]:
    """As `wrong_user`, where what is in the folder cannot even be looked at: the service's user can do that."""
    message = f"{folder} belongs to {_user(owner)}, and is closed to {_user(os.geteuid())}"
    if owner == os.geteuid():
        return message, f"chmod 0700 {folder}"
    if owner == 0:  # whose the files in it are is not seen
        return message, "run it as the service's user: sudo -u USER reconciler ..."
    return message, _run_as(owner)


def _run_as(owner: int) -> str:
    return f"run it as {_user(owner)}: sudo -u {shlex.quote(_user(owner))} reconciler ..."


def _owner(place: Path) -> int:
    return place.stat().st_uid


def _user(number: int) -> str:
    """By name, where the system knows one."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


def _access(path: Path, told: str) -> Finding:
    place = path if path.exists() else _existing(path)
    advice = "give file and folder to the user of the service, with the modes 0600 and 0700"
    if not os.access(place, os.W_OK):
        return Finding("state file", Verdict.FAILING, f"{told}: {place} cannot be written", advice)
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("state file", Verdict.WARNING, f"{told}: others may read it", advice)
    return Finding("state file", Verdict.OK, told)


def _existing(path: Path) -> Path:
    """The folder in which the missing parts of a path would be made, or the first one that is closed to this user."""
    return next(parent for parent in path.absolute().parents if _is_seen(parent))


def _is_seen(place: Path) -> bool:
    try:
        return place.exists()
    except PermissionError:  # a folder above it is closed
        return False


def _space(path: Path) -> Finding:
    free = shutil.disk_usage(_existing(path)).free
    state = Verdict.OK if free >= LEAST_FREE else Verdict.WARNING if free >= LEAST_FREE // 10 else Verdict.FAILING
    advice = "" if state is Verdict.OK else "make room: without it nothing can be stored, and no delivery is accepted"
    return Finding("disk", state, f"{free >> 20} MiB free at {_existing(path)}", advice)


def _finding(check: Check, disabled: Sequence[str]) -> Finding:
    """What fails of a fabric that is disabled is only to be looked at: nothing needs it."""
    state = Verdict(check.state)
    if state is Verdict.FAILING and any(check.subject.startswith(f"fabric {name}:") for name in disabled):
        state = Verdict.WARNING
    advice = check.advice or _ADVICE.get(check.subject.rpartition(": ")[2].partition(" ")[0], "")
    return Finding(check.subject, state, check.message, "" if state is Verdict.OK else advice)


def verify_structures(settings: Settings) -> Iterator[Finding]:
    """Whether the directories are in order that passes keep in order."""
    for fabric in settings.fabrics:
        if fabric.enabled and fabric.structure.enabled:
            yield _structure(settings, fabric.name)


def _structure(settings: Settings, fabric: str) -> Finding:
    subject, advice = f"fabric {fabric}: structure", f"reconciler init {fabric} --dry-run tells what is to be done"
    try:
        done = keep(settings, fabric, is_first=True, is_dry_run=True)
    except ReconcilerError as error:
        return Finding(subject, Verdict.FAILING, f"{error.reason}: {error.message}", advice)
    if done.plan.state is StructureState.FAILED:
        reasons = "; ".join(one.message for one in done.plan.remarks)
        return Finding(subject, Verdict.FAILING, f"it cannot be made: {reasons}", advice)
    if done.plan.changes:
        return Finding(subject, Verdict.WARNING, f"{len(done.plan.changes)} files are to be committed", advice)
    return Finding(subject, Verdict.OK, f"{done.revision} is in order")
