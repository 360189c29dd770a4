"""The command that says which rights a fabric's cluster has to grant."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from reconciler.cli import output as out
from reconciler.cli.options import Output, OutputOption
from reconciler.desired.manifests.dumping import dump
from reconciler.plan.cluster_rights import ROLE, Account, rbac_manifests

HEADER = "# Made by `reconciler rbac` from the table of kinds.\n"


class Mode(StrEnum):
    APPLY = "apply"
    OBSERVE = "observe"


def _dns_label(name: str) -> str:
    """A namespace as Kubernetes takes it (RFC 1123)."""
    from reconciler.settings.names import FABRIC_NAME, IN_WORDS

    if not re.fullmatch(FABRIC_NAME, name):
        raise typer.BadParameter(f"{name!r} is no name of a namespace: it {IN_WORDS[FABRIC_NAME]}")
    return name


ModeOption = Annotated[Mode, typer.Option(help="As `cluster.mode` of the fabric.")]
NamespaceOption = Annotated[
    str, typer.Option(callback=_dns_label, help="The namespace of the fabric's objects, as `cluster.namespace`.")
]
AccountOption = Annotated[str, typer.Option(help="The ServiceAccount's name.")]
AccountNamespaceOption = Annotated[str, typer.Option(callback=_dns_label, help="The ServiceAccount's namespace.")]


def rbac(
    mode: ModeOption = Mode.APPLY,
    namespace: NamespaceOption = "default",
    account: AccountOption = ROLE,
    account_namespace: AccountNamespaceOption = ROLE,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print the manifests that grant an account exactly the rights that this version needs on a fabric's cluster."""
    subject = Account(account_namespace, account)
    manifests = list(rbac_manifests(namespace, subject, is_observer=mode is Mode.OBSERVE))
    if output is Output.JSON:
        out.print_json({"apiVersion": "v1", "kind": "List", "items": manifests})
    else:
        typer.echo(HEADER + "".join(f"---\n{dump(manifest).decode()}" for manifest in manifests), nl=False)
