"""The headers for a collector: which of their values are secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.settings.tracing import TracingSettings

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.settings.known_secrets import KnownSecrets


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        ("Authorization: Bearer s3cr3t", "Bearer s3cr3t, s3cr3t", "***, ***"),
        ("proxy-authorization: s3cr3t", "s3cr3t", "***"),
        ("X-API-Key:s3cr3t", "s3cr3t", "***"),
        ("X-Scope-Token: s3cr3t", "s3cr3t", "***"),
        ("Client-Secret: s3cr3t", "s3cr3t", "***"),
        ("X-Scope: 0123456789abcdef", "x0123456789abcdefx", "x***x"),
        ("X-Scope: traces of the lab main", "the main branch", "the main branch"),
        ("X-Scope-OrgID: main", "the main branch", "the main branch"),
        ("nonsense", "some nonsense", "some nonsense"),
    ],
)
def test_hidden(tmp_path: Path, known: KnownSecrets, header: str, text: str, expected: str) -> None:
    """Those whose name says so, and long ones; the name of a tenant is none, or the log could not be read any more."""
    path = tmp_path / "headers"
    path.write_text(f"X-First: a\n{header}\n")
    settings = TracingSettings.model_construct(endpoint="https://otel.example.com", headers_file=path)

    assert settings.read_headers() == f"X-First: a\n{header}".encode()
    assert known.hide(text) == expected
