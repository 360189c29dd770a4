"""How a cluster is reached, and what is refused before anything is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import Configuration

from reconciler.errors import ConfigurationError
from reconciler.targets.kubernetes import ClusterAccess
from reconciler.targets.kubernetes.connection import from_pod, from_server, public_address

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject

CANARY = "canary-secret"
SERVER = "https://203.0.113.7:6443"


def _kubeconfig(folder: Path, user: JSONObject | None = None, **changes: Any) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": SERVER}}],
        "users": [{"name": "u", "user": {"token": CANARY} if user is None else user}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "two", "context": {"cluster": "d"}},
        ],
        **changes,
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _cluster(**members: Any) -> JSONObject:
    """The part of a kubeconfig that describes its cluster."""
    return {"clusters": [{"name": "c", "cluster": members}]}


def _filled(access: ClusterAccess) -> Configuration:
    """What the access says. Files of keys that it held itself are gone."""
    with access.filled(Configuration()) as configuration:
        return configuration


def _loaded(kubeconfig: Path, context: str | None = None) -> Configuration:
    return _filled(ClusterAccess(kubeconfig=kubeconfig, context=context))


def _bearer(configuration: Configuration) -> str | None:
    """What the next request would carry."""
    found: str | None = configuration.get_api_key_with_prefix("BearerToken")
    return found


class TestKubeconfig:
    def test_the_current_context_is_used(self, tmp_path: Path) -> None:
        """Its server and its user's token."""
        configuration = _loaded(_kubeconfig(tmp_path))

        assert (configuration.host, _bearer(configuration)) == (SERVER, f"Bearer {CANARY}")

    def test_another_context_can_be_named(self, tmp_path: Path) -> None:
        """One without a user sends no token."""
        clusters = [{"name": "d", "cluster": {"server": "https://d"}}]

        configuration = _loaded(_kubeconfig(tmp_path, clusters=clusters), "two")

        assert (configuration.host, _bearer(configuration)) == ("https://d", None)

    def test_files_are_relative_to_it(self, tmp_path: Path) -> None:
        """Certificates and token file; the token file is read before every request."""
        (tmp_path / "ca.crt").write_text("ca", encoding="ascii")
        (tmp_path / "token").write_text("first\n", encoding="ascii")
        clusters = _cluster(**{"server": SERVER, "certificate-authority": "ca.crt"})
        path = _kubeconfig(tmp_path, {"tokenFile": "token"}, **clusters)

        configuration = _loaded(path)
        first = _bearer(configuration)
        (tmp_path / "token").write_text("second\n", encoding="ascii")

        assert configuration.ssl_ca_cert == str(tmp_path / "ca.crt")
        assert (first, _bearer(configuration)) == ("Bearer first", "Bearer second")

    @pytest.mark.parametrize(
        "user",
        [
            {"exec": {"command": "touch", "args": ["/tmp/x"]}},  # noqa: S108 - nothing runs
            {"auth-provider": {"name": "gcp", "config": {"cmd-path": "touch"}}},
            {"token": CANARY, "as": "admin"},
        ],
        ids=["exec", "auth-provider", "as"],
    )
    def test_a_user_that_needs_a_program_is_refused(self, tmp_path: Path, user: JSONObject) -> None:
        """Configuration must not run code; nor may what it asks for be ignored."""
        with pytest.raises(ConfigurationError, match=r"user 'u' uses (exec|auth-provider|as): ") as raised:
            _loaded(_kubeconfig(tmp_path, user))

        assert CANARY not in raised.value.message

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"current-context": None}, "no current-context"),
            ({"current-context": "nonesuch"}, "no entry 'nonesuch' in its contexts"),
            ({"clusters": None}, "no entry 'c' in its clusters"),
            ({"clusters": [{"name": "c"}]}, "no entry 'c' in its clusters"),
            (_cluster(x=1), "cluster 'c' has no server"),
            ({"users": []}, "no entry 'u' in its users"),
            ({"contexts": ["odd"]}, "no entry 'one' in its contexts"),
            (
                _cluster(**{"server": SERVER, "certificate-authority": "gone"}),
                "authority .*/gone: No such file",
            ),
            (_cluster(server=5), "AttributeError"),
        ],
    )
    def test_what_is_missing_is_named(self, tmp_path: Path, changes: JSONObject, said: str) -> None:
        """With the file, and without its content: the library's own errors quote users with their tokens."""
        path = _kubeconfig(tmp_path, **changes)

        with pytest.raises(ConfigurationError, match=said) as raised:
            _loaded(path)

        assert str(path) in raised.value.message
        assert CANARY not in raised.value.message
        assert raised.value.__cause__ is None

    @pytest.mark.parametrize("member", ["client-certificate", "client-key", "tokenFile"])
    def test_a_missing_file_is_named(self, tmp_path: Path, member: str) -> None:
        """By what it was to hold, and where it was looked for."""
        (tmp_path / "there").write_text("there", encoding="ascii")
        files = {"client-certificate": "there", "client-key": "there", "tokenFile": "there"}

        _loaded(_kubeconfig(tmp_path, files))
        with pytest.raises(ConfigurationError) as raised:
            _loaded(_kubeconfig(tmp_path, {**files, member: "keys/gone"}))

        where = f"kubeconfig {tmp_path / 'kubeconfig'}: {member} {tmp_path / 'keys/gone'}"
        assert raised.value.message == f"{where}: No such file or directory"

    @pytest.mark.parametrize("name", [f"-----BEGIN\n{CANARY}", CANARY * 20, f"{CANARY}\0"])
    def test_a_key_in_the_place_of_its_file_is_not_quoted(self, tmp_path: Path, name: str) -> None:
        """It cannot be a path, and may be the key."""
        with pytest.raises(ConfigurationError, match=r"client-key: it is not the path of a file$") as raised:
            _loaded(_kubeconfig(tmp_path, {"client-key": name}))

        assert CANARY not in raised.value.message

    def test_files_that_are_not_needed(self, tmp_path: Path) -> None:
        """A server that is asked in the clear takes no certificates, and what the kubeconfig holds is in no file."""
        server = _cluster(server="http://127.0.0.1:1")
        assert _loaded(_kubeconfig(tmp_path, {"client-key": "gone"}, **server)).host == "http://127.0.0.1:1"

        user = {"client-key": "gone", "client-key-data": "S0VZ"}
        assert _loaded(_kubeconfig(tmp_path, user)).host == SERVER

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "it is empty"),
            ("users: [", "not a kubeconfig"),
            (f"- {CANARY}", "not a kubeconfig"),
            ("x" * (1 << 21), "too large"),
        ],
        ids=["empty", "no YAML", "a list", "huge"],
    )
    def test_a_file_that_is_none_is_refused(self, tmp_path: Path, text: str, said: str) -> None:
        """Without quoting it."""
        path = tmp_path / "kubeconfig"
        path.write_text(text, encoding="utf-8")

        with pytest.raises(ConfigurationError, match=said) as raised:
            _loaded(path)

        assert CANARY not in raised.value.message

    def test_an_absent_file_is_named(self, tmp_path: Path) -> None:
        """With the system's reason."""
        with pytest.raises(ConfigurationError, match="nonesuch: No such file"):
            _loaded(tmp_path / "nonesuch")

    def test_a_list_of_files_is_no_file(self, tmp_path: Path) -> None:
        """The library would read the files of a search path, one after another."""
        with pytest.raises(ConfigurationError, match="must not contain"):
            _loaded(tmp_path / "a:b")


class TestServer:
    def test_a_server_has_a_token_and_a_ca(self, tmp_path: Path) -> None:
        """The token is asked for anew before every request."""
        ca_file = tmp_path / "ca.crt"
        ca_file.write_text("ca", encoding="ascii")
        tokens = [b"first\n", b"second"]

        configuration = _filled(ClusterAccess(server=f"{SERVER}/k/", token=lambda: tokens[0], ca_file=ca_file))
        first = _bearer(configuration)
        tokens.pop(0)

        assert (configuration.host, configuration.ssl_ca_cert) == (f"{SERVER}/k", str(ca_file))
        assert (first, _bearer(configuration)) == ("Bearer first", "Bearer second")
        assert configuration.verify_ssl

    @pytest.mark.parametrize("server", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"])
    def test_plain_http_is_for_loopback(self, server: str) -> None:
        """As a proxy beside us uses it."""
        assert from_server(Configuration(), server, lambda: b"t").host == server

    @pytest.mark.parametrize(
        "server", ["http://203.0.113.7", "http://example.com", "ftp://127.0.0.1", "https://", "203.0.113.7", ""]
    )
    def test_another_url_is_refused(self, server: str) -> None:
        """The token would go over the network in clear, or nowhere."""
        with pytest.raises(ConfigurationError, match="not an https URL"):
            from_server(Configuration(), server, lambda: b"t")

    @pytest.mark.parametrize("token", [b"", b"\n", b"two words", b"canary-secret\r\nX: y", "canäry".encode()])
    def test_an_odd_token_is_refused(self, token: bytes) -> None:
        """Before the HTTP library sees it, which would quote it."""
        with pytest.raises(ConfigurationError, match="bearer token") as raised:
            from_server(Configuration(), SERVER, lambda: token)

        assert CANARY not in raised.value.message

    def test_an_absent_ca_file_is_named(self, tmp_path: Path) -> None:
        """At start, not at the first request."""
        with pytest.raises(ConfigurationError, match=r"CA file .*nonesuch: No such file"):
            from_server(Configuration(), SERVER, lambda: b"t", tmp_path / "nonesuch")

    @pytest.mark.parametrize(
        "access", [ClusterAccess(), ClusterAccess(server=SERVER), ClusterAccess(token=lambda: b"t")]
    )
    def test_half_an_access_is_refused(self, access: ClusterAccess) -> None:
        """It says what would be whole."""
        with pytest.raises(ConfigurationError, match="needs kubeconfig, in_cluster, or server with a token"):
            _filled(access)


class TestPod:
    ENVIRON: dict[str, str] = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}  # noqa: RUF012 - a constant

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "token").write_text("pod-token", encoding="ascii")
        (tmp_path / "ca.crt").write_text("ca", encoding="ascii")
        return tmp_path

    @pytest.mark.parametrize(("host", "address"), [("10.0.0.1", "10.0.0.1"), ("fd00::1", "[fd00::1]")])
    def test_the_service_account_is_used(self, folder: Path, host: str, address: str) -> None:
        """Its token, which the kubelet renews, and its CA."""
        configuration = from_pod(Configuration(), {**self.ENVIRON, "KUBERNETES_SERVICE_HOST": host}, folder)
        (folder / "token").write_text("renewed", encoding="ascii")

        assert configuration.host == f"https://{address}:443"
        assert configuration.ssl_ca_cert == str(folder / "ca.crt")
        assert _bearer(configuration) == "Bearer renewed"

    @pytest.mark.parametrize("name", ["token", "ca.crt"])
    def test_a_pod_without_a_service_account_is_told(self, folder: Path, name: str) -> None:
        """By the file that is missing."""
        (folder / name).unlink()

        with pytest.raises(ConfigurationError, match=name):
            from_pod(Configuration(), self.ENVIRON, folder)

    def test_outside_of_a_pod_it_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By the variables that every pod has."""
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

        with pytest.raises(ConfigurationError, match="KUBERNETES_SERVICE_HOST"):
            _filled(ClusterAccess(in_cluster=True))


def test_an_access_by_kubeconfig(tmp_path: Path) -> None:
    """The file and the context are passed on."""
    clusters = [{"name": "d", "cluster": {"server": "https://d"}}]
    access = ClusterAccess(kubeconfig=_kubeconfig(tmp_path, clusters=clusters), context="two")

    assert _filled(access).host == "https://d"


def test_an_access_shows_no_secret() -> None:
    """Its repr may be logged."""
    access = ClusterAccess(server=SERVER, token=CANARY.encode)

    assert CANARY not in repr(access)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:canary-secret@host:6443/path?x=canary-secret#y", "https://host:6443/path"),
        ("https://host", "https://host"),
    ],
)
def test_an_address_has_no_credentials(url: str, shown: str) -> None:
    """Nor anything else that may be secret."""
    assert public_address(url) == shown
