"""Where the command line finds the service and the token, and what it refuses without showing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer

from reconciler.cli import command_line
from reconciler.cli.client import ApiClient, ApiError
from reconciler.cli.options import client, complete_fabric
from reconciler.errors import ConfigurationError
from tests.unit.app.configuration import settings
from tests.unit.cli import answers
from tests.unit.other_user import another_user, as_root, open_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said
    from tests.unit.loopback import Loopback

CANARY = "canary-7f3a"


def _token_shown(service: Loopback) -> str | None:
    return service.asked[-1].headers.get("authorization")


def test_token_of_the_environment(cli: Callable[..., Said], service: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of the environment is shown to the service; without one none is."""
    answers.serve_fabrics(service, answers.fabric())
    cli("status")
    assert _token_shown(service) is None

    monkeypatch.setenv("RECONCILER_TOKEN", CANARY)
    cli("status")
    assert _token_shown(service) == f"Bearer {CANARY}"

    monkeypatch.setenv("RECONCILER_TOKEN", "")
    cli("status")
    assert _token_shown(service) is None


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["nothing", "line end", "line end of Windows"])
def test_token_of_a_file(
    cli: Callable[..., Said], service: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    """A token file wins over the environment, and may end with a line end, as the service's own may."""
    answers.serve_fabrics(service, answers.fabric())
    monkeypatch.setenv("RECONCILER_TOKEN", "another")
    file = tmp_path / "token"
    file.write_bytes(f"{CANARY}{end}".encode())

    assert cli("status", "--token-file", str(file)).code == 0

    assert _token_shown(service) == f"Bearer {CANARY}"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"{CANARY}\n\n", id="two line ends"),
        pytest.param(f"a\n{CANARY}", id="two lines"),
        pytest.param(f"{CANARY} x", id="blank"),
        pytest.param(f"{CANARY}ü", id="not ASCII"),
        pytest.param(f"{CANARY}\x00", id="control character"),
    ],
)
def test_a_token_that_is_none(cli: Callable[..., Said], service: Loopback, tmp_path: Path, content: str) -> None:
    """A token that no header can carry is refused before anybody is asked, and is not shown."""
    file = tmp_path / "token"
    file.write_text(content)

    said = cli("status", "--token-file", str(file))

    assert (said.code, said.out) == (1, "")
    assert "the API token is not one" in said.err
    assert CANARY not in said.err
    assert service.asked == []


def test_a_token_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A token file that is gone, empty or no file is named, with the reason."""
    empty = tmp_path / "empty"
    empty.touch()

    for path, reason in ((tmp_path / "gone", "no such file"), (empty, "empty"), (tmp_path, "not a regular file")):
        with pytest.raises(ConfigurationError, match=reason) as refused:
            client("http://127.0.0.1:8080", path)
        assert str(path) in refused.value.message


def test_server_option_wins(cli: Callable[..., Said], service: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--server` wins over the environment; a slash at its end changes nothing."""
    answers.serve_fabrics(service, answers.fabric())
    monkeypatch.setenv("RECONCILER_SERVER", "http://127.0.0.1:9")

    assert cli("status", "--server", f"{service.url}/").code == 0


@pytest.mark.parametrize("server", ["127.0.0.1:8080", "ftp://127.0.0.1", "http://[", f"http://{'a' * 70}.example", ""])
def test_an_address_that_is_none(cli: Callable[..., Said], server: str) -> None:
    """Whatever is given as the address, the answer is a sentence that names it."""
    said = cli("status", "--server", server)

    assert said.code == 1
    is_url = server.startswith(("http://", "https://"))
    reason = f"{server} cannot be reached: " if is_url else "the server's address must begin with http:// or https://"
    assert said.err.startswith(f"error: {reason}")


def test_no_credentials_in_the_address(cli: Callable[..., Said]) -> None:
    """An address with a password is refused, and the password is not shown."""
    said = cli("status", "--server", f"http://me:{CANARY}@127.0.0.1:9")

    assert said.code == 1
    assert "must not hold a user name or a password" in said.err
    assert CANARY not in said.err


def test_the_token_is_in_no_repr() -> None:
    """The client can be shown without its token."""
    assert CANARY not in repr(ApiClient("http://127.0.0.1:8080", CANARY))


def test_an_empty_token_is_none() -> None:
    """An empty token is refused rather than sent as none: whoever gave one meant to show something."""
    with pytest.raises(ApiError, match="empty"):
        ApiClient("http://127.0.0.1:8080", "")


@as_root
def test_fabrics_of_a_configuration_of_others() -> None:
    """Of one in a folder that is closed to this user nothing is completed, and nothing is said in between."""
    with open_folder() as folder:
        settings(folder)
        context = typer.Context(command_line())
        context.params = {"config": str(folder / "reconciler.yaml")}
        seen = complete_fabric(context, "dc")
        folder.chmod(0o700)
        with another_user():
            unseen = complete_fabric(context, "dc")
        folder.chmod(0o755)

    assert (seen, unseen) == (["dc1"], [])
