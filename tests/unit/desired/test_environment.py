"""What programs that we run get of our environment."""

from __future__ import annotations

import pytest

from reconciler.desired.environment import is_passed_on


@pytest.mark.parametrize("name", ["PATH", "LC_ALL", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "LD_LIBRARY_PATH"])
def test_passed_on(name: str) -> None:
    assert is_passed_on(name)


@pytest.mark.parametrize(
    "name", ["NETBOX_TOKEN", "RECONCILER_TOKEN", "GIT_DIR", "SSH_AUTH_SOCK", "PATH_TOKEN", "MY_PATH"]
)
def test_kept(name: str) -> None:
    """Also what would make git behave as somebody else wants it."""
    assert not is_passed_on(name)
