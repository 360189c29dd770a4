"""Fetch and read: what Git declares, at which revision."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import BranchNotFoundError, ConfigurationError, GitAccessError, GitUnavailableError
from reconciler.model.passes import Phase

if TYPE_CHECKING:
    from reconciler.model.desired import Desired
    from reconciler.model.revision import Revision
    from reconciler.ports import DesiredSource
    from reconciler.reconcile.attempt import Attempt


def fetch(source: DesiredSource, attempt: Attempt) -> Revision | None:
    """The branch's tip, or None when it could not be had."""
    with attempt.phase(Phase.FETCH, "git"):
        try:
            revision = source.fetch()
        except BranchNotFoundError:
            attempt.reached("git")
            raise
        except (GitUnavailableError, GitAccessError, ConfigurationError) as error:
            # The last: git is missing or too old. Whoever looks at the connection has to see that too.
            attempt.lost("git", error)
            raise
        attempt.reached("git")
        return revision
    return None


def read(source: DesiredSource, fetched: Revision | None, attempt: Attempt) -> Desired | None:
    """The desired state, None when it is not known. Without a fetched revision the last one that was fetched serves,
    so that drift is healed while the Git host is away; a branch that does not exist has no desired state.
    """
    if fetched is None and is_branch_missing(attempt):
        return None
    with attempt.phase(Phase.READ, "git"):
        # What kept the fetch from working here, no git or no folder for it, keeps this from it as well.
        revision = fetched or source.last_fetched()
        if revision is None:
            return None
        desired = source.read(revision)
        return desired if fetched else replace(desired, outdated="Git could not be fetched")
    return None


def is_branch_missing(attempt: Attempt) -> bool:
    """Whether the host answered, and has no such branch."""
    return any(failure.reason == BranchNotFoundError.reason for failure in attempt.failures)
