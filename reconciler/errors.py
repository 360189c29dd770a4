"""Errors, sorted by what happens next: retry with backoff, or stall until something changes.

The message is for the operator: it says what failed, where, and carries no secret.
"""

from __future__ import annotations


class ReconcilerError(Exception):
    """Something failed. `reason` is the CamelCase word that conditions and requests carry."""

    reason = "Failed"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason


class RetryableError(ReconcilerError):
    """May succeed when tried again as it is: an unreachable server, a time-out, a lost race."""

    reason = "Unavailable"


class StalledError(ReconcilerError):
    """Stays until Git, the configuration or the system at the other end changes: trying again is pointless."""

    reason = "Stalled"


class ConfigurationError(StalledError):
    """The configuration is not usable; the message names the key's path."""

    reason = "ConfigurationInvalid"


class StoppedError(ReconcilerError):
    """The service is stopping; the pass ended at a boundary between actions and is done again after the start."""

    reason = "Stopped"


# Git


class GitUnavailableError(RetryableError):
    """The Git host could not be reached or did not answer in time."""

    reason = "GitUnavailable"


class GitAccessError(StalledError):
    """The Git host refused us: wrong credentials, missing rights, unknown repository, untrusted certificate."""

    reason = "GitAccessDenied"


class BranchNotFoundError(ReconcilerError):
    """The repository is empty or lacks the configured branch. Polled, not stalled."""

    reason = "BranchNotFound"


class CommitNotServedError(RetryableError):
    """A push announced a commit that the Git host does not serve yet."""

    reason = "CommitNotServed"


class PushRefusedError(StalledError):
    """The Git host does not let us push to the branch: it is protected (`BranchProtected`), a hook declines
    (`PushRefused`), or our rights do not suffice (`PushDenied`). Reading goes on.
    """

    reason = "PushRefused"


class PushRacesError(RetryableError):
    """Others pushed to the branch before us, each time that we tried."""

    reason = "PushRaces"


class PathRefusedError(StalledError):
    """What stands in the branch is in the way of a file that is to be written or removed there."""

    reason = "PathRefused"


class SigningError(StalledError):
    """Commits are to be signed, and cannot be: the key, or the program that signs, is missing or not usable."""

    reason = "SigningFailed"


# Kubernetes


class ClusterUnavailableError(RetryableError):
    """The Kubernetes API could not be reached, did not answer in time, or asked us to come back later."""

    reason = "ClusterUnavailable"


class ClusterUnreachableError(ClusterUnavailableError):
    """The Kubernetes API did not answer at all."""


class ClusterAccessError(StalledError):
    """The Kubernetes API refused our credentials or our rights (401, 403)."""

    reason = "ClusterAccessDenied"


class VersionExpiredError(RetryableError):
    """The server no longer knows the resourceVersion that a watch was to resume from (410): list again."""

    reason = "VersionExpired"


class KindNotServedError(StalledError):
    """The cluster does not serve this kind (404 for the resource type)."""

    reason = "KindNotServed"


class ObjectRejectedError(StalledError):
    """The cluster refused this object as it is written: only Git can change that."""

    reason = "Rejected"


class DependencyNotReadyError(RetryableError):
    """The cluster refused this object because another one that it refers to does not exist yet."""

    reason = "DependencyNotReady"


class ApplyConflictError(StalledError):
    """Other field managers own fields that we declare.

    `conflicts` maps each field's path (as the API spells it, for example `.spec.subnets.a.vlan`) to its manager.
    """

    reason = "Conflict"

    def __init__(self, message: str, conflicts: dict[str, str]) -> None:
        super().__init__(message)
        self.conflicts = conflicts


class StaleObjectError(RetryableError):
    """The object changed since it was read (409 of a precondition); the next pass reads it anew."""

    reason = "Stale"


# NetBox


class NetBoxUnavailableError(RetryableError):
    """NetBox could not be reached, did not answer in time, or answered 429, 502, 503 or 504."""

    reason = "NetBoxUnavailable"


class NetBoxAccessError(StalledError):
    """NetBox refused our token or our rights (401, 403)."""

    reason = "NetBoxAccessDenied"


# State


class StateError(StalledError):
    """The state file cannot be used: another schema version, damaged, or not writable."""

    reason = "StateUnusable"


class StateInUseError(StateError):
    """Another process holds the state file."""


# Requests


class UnknownFabricError(ReconcilerError):
    """No fabric of this name is configured."""

    reason = "UnknownFabric"


class FabricDisabledError(ReconcilerError):
    """The fabric is disabled in the configuration: nothing is queued for it."""

    reason = "FabricDisabled"


class FabricSuspendedError(ReconcilerError):
    """The fabric is suspended: nothing is queued for it until it is resumed."""

    reason = "FabricSuspended"


class FabricNotSuspendedError(ReconcilerError):
    """There is nothing to resume."""

    reason = "FabricNotSuspended"


class PlanChangedError(ReconcilerError):
    """The plan that was named is not the present one: there is nothing of that name to approve."""

    reason = "PlanChanged"


class TooManyFollowersError(RetryableError):
    """As many clients follow the events as may."""

    reason = "TooManyFollowers"


class PreviewBusyError(RetryableError):
    """A plan of this fabric is being made, and takes long."""

    reason = "PreviewBusy"
