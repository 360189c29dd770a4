"""What answers and bodies look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.passes import Outcome, Phase, SyncState
from reconciler.model.problems import Severity
from reconciler.model.requests import RequestState, Trigger
from reconciler.model.status import ConditionStatus, ConnectionState, SyncStatus
from reconciler.model.topology import Row
from webhooks.api.openapi.shapes import (
    REVISION,
    anything,
    flag,
    listed,
    mapped,
    maybe,
    number,
    record,
    ref,
    seconds,
    text,
    time,
    word,
)

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

_REVISION = maybe(text("Branch and commit.", REVISION))
_ID = "0123456789abcdef0123456789abcdef"
_HASH = "ab12" * 16

_COUNTS = record(
    "Objects: declared in Git, held by the cluster, and by state.",
    desired=number("Declared in Git."),
    observed=number("Held by the cluster."),
    **{state.value: number(f"In state `{state.value}`.") for state in SyncState},
)

_CONDITION = record(
    "A condition, as Kubernetes spells it.",
    type=text("Which.", "Ready"),
    status=word("Whether it holds.", ConditionStatus),
    reason=text("Why, as one word.", "Succeeded"),
    message=text("Why, as a sentence.", "applied main: nothing to change"),
    last_transition_time=time("When `status` changed last."),
)

_CONNECTION = record(
    "Whether an outside system answers.",
    state=word("How it is.", ConnectionState),
    since=maybe(time("Since when it is so.")),
    last_ok=maybe(time("When it answered last.")),
    last_error=maybe(text("What it failed with last.", "the server did not answer within 10 s")),
)

_SUSPENSION = record(
    "Since when a fabric is left alone, why and by whom.",
    since=time("Since when."),
    reason=maybe(text("In the words of whoever did it.", "maintenance")),
    by=maybe(text("Who did it, as they said.", "jane")),
)

_LAST_PASS = record(
    "The last pass over the whole fabric.",
    id=text("Its id.", _ID),
    outcome=word("How it ended.", Outcome),
    triggers=listed(word("Why it was made.", Trigger)),
    started=time("When it began."),
    finished=time("When it ended."),
)

_FABRIC: dict[str, JSONObject] = {
    "name": text("The fabric's name.", "dc1"),
    "repository": text("The repository that declares it.", "gitops"),
    "path": text("Its directory there.", "gitops/hedgehog/dc1"),
    "enabled": flag("Whether the configuration has it reconciled.", example=True),
    "suspended": maybe(ref("Suspension")),
    "simulated": listed(
        word("A target.", ["cluster", "netbox"]), "Targets that are embedded stores, and no real ones."
    ),
    "sync_status": word("Whether Git, cluster and NetBox agree. Computed at each question.", SyncStatus),
    "reason": text("Why, as one word.", "Succeeded"),
    "message": text("Why, as a sentence.", "applied main: nothing to change"),
    "reconciling": flag("Whether a pass runs or is due."),
    "revision": _REVISION | {"description": "What is applied."},
    "desired_revision": _REVISION | {"description": "The newest that is known."},
    "last_attempted_revision": _REVISION | {"description": "What the last pass worked towards."},
    "last_sync": maybe(time("When a full pass succeeded last.")),
    "next_poll": maybe(time("When it is polled next; null while it is disabled or suspended.")),
    "interval": seconds("Between polls.", 3600.0),
    "conditions": listed(ref("Condition")),
    "counts": ref("Counts"),
    "drift": record(
        "What others changed.",
        count=number("Objects and records that others made differ."),
        netbox=number("Of them records in NetBox."),
        since=maybe(time("Since when there is drift.")),
    ),
    "problems_total": number("Findings about documents."),
    "waiting_in_raw": number("Files that wait in `raw/`."),
    "connections": record(
        "The outside systems.", git=ref("Connection"), cluster=ref("Connection"), netbox=ref("Connection")
    ),
    "webhook": record(
        "The webhook of its repository.",
        provider=maybe(text("Whose deliveries announce pushes; null: none.", "github")),
        last_received=maybe(time("When a delivery came last, proven or not.")),
        last_verified=maybe(time("When one verified last.")),
        silent_since=maybe(time("Since when only polls find commits.")),
    ),
    "last_pass": maybe(ref("LastPass")),
    "progress": maybe(
        record(
            "How far a long write to NetBox has come.",
            phase=word("Which phase.", ["netbox"]),
            done=number("Writes that are made.", 120),
            total=number("All of them, as far as is known.", 400),
        )
    ),
    "current_pass": maybe(
        record(
            "The pass that goes on.",
            id=text("Its id.", _ID),
            triggers=listed(word("Why it is made.", Trigger)),
            started=time("When it began."),
            phase=word("What it does now.", Phase),
        )
    ),
}

_PROBLEM = record(
    "A finding about a document.",
    file=text("From the repository's root.", "gitops/hedgehog/dc1/vpcs.yaml"),
    document=number("Index in the file, from 0."),
    line=number("From 1.", 4),
    field=maybe(text("Which.", "spec.subnets.a.vlan")),
    rule=text("What it is held against, as one word.", "VLANInUse"),
    message=text("As a sentence.", "VLAN 1001 is used by VPC vpc-2 too"),
    severity=word("Whether the document is refused for it.", Severity),
)

_FIELD = record(
    "A field whose value is not the declared one.",
    path=text("As the Kubernetes API spells it.", ".spec.subnets.a.vlan"),
    desired=anything("What Git says; null: nothing.", 1001),
    observed=anything("What the cluster has; null: nothing.", 1002),
    manager=maybe(text("Who holds the field in the cluster.", "kubectl-edit")),
)

_HEALTH_OF_DEVICE = record(
    "How a device does what it was told, by its agent.",
    status=word("As one word.", ["Healthy", "Progressing", "Degraded", "Unknown"]),
    message=text("As a sentence.", "its agent has applied generation 3"),
    last_heartbeat=maybe(time("When the agent reported last.")),
)

_KEY: dict[str, JSONObject] = {
    "kind": text("Of the object.", "VPC"),
    "namespace": text("Of the object.", "default"),
    "name": text("Of the object.", "vpc-1"),
}

_OBJECT = record(
    "An object of a fabric after the last pass.",
    **_KEY,
    state=word("How it stands.", SyncState),
    since=maybe(time("Since when it is so for this reason.")),
    file=maybe(text("What declares it; null: nothing.", "gitops/hedgehog/dc1/vpcs.yaml")),
    reason=maybe(text("Why it is not in sync, as one word.", "Drifted")),
    message=maybe(text("The same as a sentence.", "1 field differs")),
    differences=listed(ref("Field")),
    revision=_REVISION | {"description": "From which it was applied last; null: never by us."},
    last_applied=maybe(time("When it was applied last.")),
    health=maybe(ref("DeviceHealth")),
)

_PASS = record(
    "A pass that ended.",
    id=text("Its id.", _ID),
    fabric=text("Over which fabric.", "dc1"),
    triggers=listed(word("Why it was made.", Trigger)),
    scope=maybe(listed(text("`kind/name`.", "VPC/vpc-1"), "What it looked at; null: the whole fabric.")),
    started=time("When it began."),
    finished=time("When it ended."),
    outcome=word("How it ended.", Outcome),
    reason=text("Why, as one word.", "Succeeded"),
    message=text("Why, as a sentence.", "applied main: nothing to change"),
    revision=_REVISION | {"description": "What it worked towards."},
    plan_hash=maybe(text("The hash of its plan.", _HASH)),
    phases=mapped(seconds("How long it took.", 0.25), "Time spent, by phase.", "apply"),
    counts=mapped(number("How many.", 3), "What was done and found.", "created"),
    failures=listed(
        record(
            "What could not be done.",
            phase=word("In which phase.", Phase),
            subject=text("Of what.", "VPC/vpc-1"),
            reason=text("Why, as one word.", "Rejected"),
            message=text("Why, as a sentence.", "the cluster refuses it"),
            retryable=flag("Whether trying again may help."),
        )
    ),
)

_REQUEST = record(
    "An accepted trigger.",
    id=text("Its id.", _ID),
    fabric=text("For which fabric.", "dc1"),
    trigger=word("What it was.", Trigger),
    accepted=time("When it was accepted."),
    state=word("How far it is.", RequestState),
    outcome=maybe(text("That of its pass.", "succeeded")),
    pass_=maybe(text("The id of its pass.", _ID)),
    revision=_REVISION | {"description": "What was announced or applied."},
    reason=maybe(text("Why it ended so, as one word.", "Succeeded")),
    message=maybe(text("The same as a sentence.", "applied main: nothing to change")),
)

_BRIEF = record(
    "A request as it was accepted.",
    id=text("Its id, for `GET /requests/{id}`.", _ID),
    fabric=text("For which fabric.", "dc1"),
    state=word(
        "`joined`: it shares the pass that waits already; `superseded`: the fabric was suspended or removed just now.",
        ["queued", "joined", "superseded"],
    ),
)

_FINDING = record(
    "An object and what is to be said of it.",
    **_KEY,
    file=maybe(text("What declares it.", "gitops/hedgehog/dc1/vpcs.yaml")),
    reason=text("As one word.", "MissingReference"),
    message=text("As a sentence.", "VPC vpc-9 does not exist"),
)

_ACTION = record(
    "A write to the cluster.",
    wave=number("Actions of one wave are sent together.", 1),
    action=word("What.", ["create", "update", "delete"]),
    **_KEY,
    file=maybe(text("What declares the object.", "gitops/hedgehog/dc1/vpcs.yaml")),
    reason=maybe(text("Why.", "declared in Git")),
    fields=listed(ref("Field"), "Those that an update changes."),
    field_count=number("How many fields it is about.", 1),
    held=maybe(text("What it waits for, as one word.", "ApprovalRequired")),
)

_BLOCK = record(
    "A guard that holds something back.",
    reason=text("As one word.", "TooManyDeletes"),
    message=text("As a sentence.", "12 deletes, at most 10"),
)

_NETBOX_PLAN = record(
    "What would be written to NetBox, once what waits for approval is carried out too.",
    create=number("Records."),
    update=number("Records."),
    delete=number("Records."),
    retained=number("Records that nothing declares any more and that may not be deleted."),
    remade=listed(text("A record that is deleted and made anew.", "interface leaf-01 E1/1")),
    take_over=listed(text("A record of people that becomes ours.", "device leaf-01")),
    conflicts=listed(text("A record of people in the place of ours.", "dc1/Switch/leaf-01: a device has this name")),
    drifted=listed(
        record(
            "A record of ours that others changed.",
            model=text("Of which model.", "dcim.device"),
            key=text("Its key.", "dc1/Switch/leaf-01"),
            record=text("In words.", "device leaf-01"),
            state=word("How.", ["changed", "desired_only"]),
            message=text("As a sentence.", "edited in NetBox"),
            fields=listed(ref("Field")),
        )
    ),
    blocks=listed(ref("Block")),
)

_PLAN = record(
    "What a pass would do now.",
    fabric=text("Of which fabric.", "dc1"),
    revision=_REVISION | {"description": "What it works towards."},
    mode=maybe(word("Whether the cluster is written; null: there is none.", ["apply", "observe"])),
    simulated=listed(word("A target.", ["cluster", "netbox"]), "Targets that are embedded stores."),
    hash=maybe(text("Names this very plan.", _HASH)),
    blocks=listed(ref("Block")),
    unknown=listed(text("A kind that could not be read.", "Gateway")),
    actions=listed(ref("Action")),
    drifted=listed(
        record(
            "Drift that is only reported.",
            **_KEY,
            file=maybe(text("What declares it.", "gitops/hedgehog/dc1/vpcs.yaml")),
            state=word("How it stands.", ["changed", "desired_only"]),
            message=text("As a sentence.", "1 field differs"),
            fields=listed(ref("Field")),
        )
    ),
    findings=record(
        "What is left alone, and why.",
        **{name: listed(ref("Finding")) for name in ("waiting", "conflicts", "fighting", "pending", "prune_pending")},
    ),
    approval=record(
        "Whether somebody has to approve it.",
        required=flag("By the configuration."),
        needed=flag("For something of this plan."),
        hash=maybe(text("What is to be approved.", _HASH)),
        approved=flag("Whether this very plan is."),
        by=maybe(text("By whom.", "jane")),
        since=maybe(time("Since when.")),
    ),
    counts=mapped(number("How many.", 1), "Actions by sort, and objects by finding.", "create"),
    netbox=maybe(ref("NetBoxPlan")),
    problems=listed(ref("Problem"), "At most 100."),
    problems_total=number("All of them."),
    refused=number("Those for which a document is refused."),
    errors=listed(
        record(
            "What could not be found out.",
            phase=word("In which phase.", Phase),
            subject=text("Of what.", "cluster"),
            reason=text("Why, as one word.", "ClusterUnavailable"),
            message=text("Why, as a sentence.", "the server did not answer within 10 s"),
        )
    ),
)

_NODE = record(
    "A device, an external, or a connection that leads out to nothing that has an object.",
    kind=text("Its kind.", "Switch"),
    name=text("Its name.", "leaf-01"),
    row=word("Where it stands in the picture.", Row),
    role=maybe(text("That of a switch.", "server-leaf")),
    description=maybe(text("As declared.", "rack 1")),
    state=word("How it stands; `missing`: links lead to it, and there is no object.", [*SyncState, "missing"]),
    health=maybe(ref("DeviceHealth")),
    leafs=listed(text("A leaf.", "leaf-01"), "Those that it hangs on, if it is no switch."),
)

_LINK = record(
    "A cable.",
    connection=text("The connection that it belongs to.", "server-1--eslag--leaf-01"),
    type=text("That of the connection.", "eslag"),
    state=word("How the connection stands.", SyncState),
    ends=listed(
        record(
            "One end; the upper one comes first.",
            kind=text("Of the node.", "Switch"),
            name=text("Of the node.", "leaf-01"),
            port=maybe(text("There.", "E1/1")),
        )
    ),
)

_COMPONENT = record(
    "A part of the process.",
    state=word("How it is.", ["starting", "running", "failed", "stopped"]),
    since=time("Since when."),
    last_ok=maybe(time("When it came round without trouble last.")),
    restarts=number("How often it was started again."),
    reason=maybe(text("Why it does not run, or what it has trouble with.", "TimeoutError")),
)

_REQUESTS = record(
    "What follows.",
    requests=listed({"anyOf": [ref("AcceptedRequest"), ref("Request")]}, "With `wait` each as it is by then."),
    skipped=listed(text("A fabric that is disabled or suspended.", "dc2")),
)
_DELIVERY = record(
    "What became of a delivery.",
    ["reason"],
    delivery=text("The sender's id.", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    result=word("In one word.", ["accepted", "duplicate", "ignored", "ping"]),
    reason=text("Why nothing follows.", "no fabric follows this branch"),
    requests=listed(ref("AcceptedRequest"), "Those that it led to; of a duplicate those of the first arrival."),
)
_HEALTH = record(
    "The answer of a probe.",
    ["not_running", "hanging"],
    status=text("In words.", "ok"),
    not_running=mapped(text("Why.", "failed"), "The parts that do not run.", "worker-1"),
    hanging=mapped(text("Since when, and in what.", "no progress since 11:40 in netbox"), "What hangs.", "worker-1"),
)
_HEALTHZ = record(
    "Every part and connection.",
    status=text("In words.", "ok"),
    version=text("Of the program.", "0.1.0"),
    build=maybe(text("What was installed when the process started; null: nobody recorded it.", "sha256:3f9c2a")),
    configuration=text("Which configuration is in effect, by a digest of its content.", "sha256:9a0b41"),
    components=mapped(ref("Component"), "By name.", "worker-1"),
    connections=mapped(
        record("Of a fabric.", git=ref("Connection"), cluster=ref("Connection"), netbox=ref("Connection")),
        "By fabric; those that are disabled or suspended are left out.",
        "dc1",
    ),
    failing=listed(text("`fabric/connection`.", "dc1/cluster")),
    overdue=listed(
        record(
            "A fabric whose poll is more than an interval late.",
            fabric=text("Its name.", "dc1"),
            since=time("Since when."),
        )
    ),
    warnings=listed(
        record(
            "What is accepted and should be looked at.",
            key=text("Where in the configuration.", "server.api_token_file"),
            message=text("What.", "the file can be read by everybody"),
        )
    ),
)

_DRY_RUN = record(
    "What passes would do.",
    plans=listed(ref("Plan")),
    skipped=listed(text("A fabric that is disabled or suspended.", "dc2")),
)

SCHEMAS: JSONObject = {
    "Error": record(
        "Every error.",
        error=record(
            "What is wrong.",
            ["field"],
            code=text("A word for programs.", "unknown_fabric"),
            message=text("A sentence for people.", "No fabric dc9 is configured."),
            field=text("The place in the request.", "fabric"),
        ),
    ),
    "Suspension": _SUSPENSION,
    "Counts": _COUNTS,
    "Condition": _CONDITION,
    "Connection": _CONNECTION,
    "LastPass": _LAST_PASS,
    "Fabric": record("A fabric, at one moment.", **_FABRIC),
    "FabricDetails": record(
        "A fabric with what lists leave out.",
        **_FABRIC,
        kinds=mapped(ref("Counts"), "The counts of each kind.", "VPC"),
        netbox_drifted=listed(text("A record that others changed, in words.", "device leaf-01: edited")),
        problems=listed(ref("Problem"), "At most 100."),
        health=mapped(number("How many.", 4), "Devices by how they do what they were told.", "Healthy"),
    ),
    "Problem": _PROBLEM,
    "Field": _FIELD,
    "DeviceHealth": _HEALTH_OF_DEVICE,
    "Object": _OBJECT,
    "Pass": _PASS,
    "Request": _REQUEST,
    "AcceptedRequest": _BRIEF,
    "Finding": _FINDING,
    "Action": _ACTION,
    "Block": _BLOCK,
    "NetBoxPlan": _NETBOX_PLAN,
    "Plan": _PLAN,
    "Node": _NODE,
    "Link": _LINK,
    "Component": _COMPONENT,
    "Delivery": _DELIVERY,
    "Requests": _REQUESTS,
    "DryRun": _DRY_RUN,
    "Health": _HEALTH,
    "HealthDetails": _HEALTHZ,
}
"""By the names under which `#/components/schemas` has them."""
