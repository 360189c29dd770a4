"""Traces: where passes are told to in detail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from reconciler.settings.fields import ReadableFile, SafeUrl, SecretFile, SecretVariable, Section, Text
from reconciler.settings.known_secrets import note
from reconciler.settings.secret import SecretSource

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET_NAME = re.compile(rb"authorization|cookie|key|password|secret|token", re.IGNORECASE)
"""What the names of headers hold whose values are secrets, be they ever so short."""

_LONG = 16
"""Characters of a value that is taken for a secret under any name; `main` in a header of another kind is none."""


class TracingSettings(Section):
    """A collector of OpenTelemetry traces, by OTLP over HTTP (protobuf). Changes need a restart."""

    endpoint: SafeUrl
    """Whole URL to post to, as `https://otel.example.com/v1/traces`. https, or http to a loopback address."""

    service_name: Text = "hedgehog-reconciler"
    """What the service is called in traces (`service.name`). Default `hedgehog-reconciler`."""

    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Part of the passes that is traced, 0 to 1, chosen at random. Default 1: all."""

    headers_file: SecretFile = None
    """File with headers to send along, one `Name: value` a line: for a collector that asks who we are. Read anew before
    each export. Default none.
    """

    headers_env: SecretVariable = None
    """Environment variable with those headers, instead of `headers_file`."""

    ca_file: ReadableFile = None
    """File with the certificates (PEM) to trust for the collector, instead of the system's. Default none."""

    @property
    def headers(self) -> SecretSource | None:
        return SecretSource.of(self.headers_file, self.headers_env)

    def read_headers(self) -> bytes:
        """The headers of the moment. Those of their values are secrets that look like it. Raises ConfigurationError."""
        content = self.headers.read() if self.headers else b""
        for line in content.splitlines():
            for secret in _secrets(line):
                note(secret)
        return content


def _secrets(header: bytes) -> Iterator[bytes]:
    name, _, value = header.partition(b":")
    for part in (value.strip(), value.strip().rpartition(b" ")[2]):  # what follows `Bearer`
        if part and (_SECRET_NAME.search(name) or len(part) >= _LONG):
            yield part
