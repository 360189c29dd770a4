"""A genuine kube-apiserver and its etcd.

`KUBEBUILDER_ASSETS`, the convention of controller-runtime's envtest, names a folder that has both. Without it, they
are built from Debian 12's packages into the cache.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.cache import built, is_built
from tests.lab.commands import run
from tests.lab.debian import Packages
from tests.lab.errors import LabError

if TYPE_CHECKING:
    from tests.lab.progress import Progress

VERSION = "1.20.2"
_NAME = f"kubernetes-{VERSION}"
_GO = "1.19"
_BINARY_PACKAGES = ["golang-1.19-go", "golang-1.19-src", "golang-github-modern-go-reflect2-dev", "etcd-server"]
_PROGRAMS = ("kube-apiserver", "etcd")
_COMPILE_TIMEOUT = 3600.0
_UNPACK_TIMEOUT = 300.0
_SPACE = 4 * 1024**3
_GENERATED = "pkg/generated/openapi"
_TREE = "k8s.io/kubernetes"
_OPENAPI_MARK = b"+k8s:openapi-gen="
_NOT_SERVED = {"code-generator", "sample-apiserver", "kube-openapi", "gengo"}
_VERSIONED = (
    "k8s.io/component-base/version",
    f"{_TREE}/vendor/k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
    f"{_TREE}/pkg/version",
)


def needed_programs() -> set[str]:
    """What the build runs; nothing when there is nothing to build."""
    if os.environ.get("KUBEBUILDER_ASSETS") or is_built(_NAME):
        return set()
    return {"apt-get", "dpkg", "tar", "xz"}


def kubernetes_programs(progress: Progress) -> Path:
    """The folder with `kube-apiserver` and `etcd`, built first where needed.

    Raises `LabError` when `KUBEBUILDER_ASSETS` names a folder without them, and when the build cannot be done.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(assets) if assets else built(_NAME, lambda folder: _build(folder, progress))
    absent = [program for program in _PROGRAMS if not os.access(folder / program, os.X_OK)]
    if absent:
        raise LabError(f"no {' and no '.join(absent)} in {folder}")
    return folder


def _build(folder: Path, progress: Progress) -> None:
    if shutil.disk_usage(folder).free < _SPACE:
        raise LabError(f"building kube-apiserver needs {_SPACE // 1024**3} GB free in {folder}")
    progress.say(f"fetching the sources of kube-apiserver {VERSION} and a Go {_GO}, once")
    scratch = folder / "scratch"
    build = _Build(scratch)
    build.fetch()
    progress.say(f"building kube-apiserver {VERSION}, about 5 minutes, once")
    build.generate_openapi()
    build.compile(f"{_TREE}/cmd/kube-apiserver", folder / "kube-apiserver", _linker_flags())
    shutil.copy(scratch / "root/usr/bin/etcd", folder / "etcd")
    shutil.rmtree(scratch)
    progress.say(f"built kube-apiserver {VERSION}")


class _Build:
    """One build in a scratch folder of about 2.5 GB."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._root = scratch / "root"
        self._workspace = scratch / "gopath"
        self._source = self._workspace / "src" / _TREE

    def fetch(self) -> None:
        """Lay out Go, etcd and the Kubernetes sources."""
        packages = Packages(self._scratch / "apt")
        packages.update()
        packages.unpack(_BINARY_PACKAGES, self._root)
        upstream = packages.fetch_source("kubernetes")
        self._source.mkdir(parents=True)
        unpack: list[str | Path] = ["tar", "-xf", upstream, "-C", self._source, "--strip-components=1"]
        run(unpack, timeout=_UNPACK_TIMEOUT)
        self._replace_reflect2()

    def _replace_reflect2(self) -> None:
        """Take Debian's reflect2: the vendored one, built with Go 1.18 or newer, crashes on the first map it walks."""
        vendored = self._source / "vendor/github.com/modern-go/reflect2"
        shutil.rmtree(vendored)
        shutil.copytree(self._root / "usr/share/gocode/src/github.com/modern-go/reflect2", vendored)

    def generate_openapi(self) -> None:
        """Make the API's description, which upstream generates and does not keep in its sources."""
        generator = self._scratch / "openapi-gen"
        self.compile(f"{_TREE}/vendor/k8s.io/kube-openapi/cmd/openapi-gen", generator)
        command: list[str | Path] = [
            generator,
            *("--input-dirs", ",".join(f"{_TREE}/{folder}" for folder in self._described_folders())),
            *("--output-package", f"{_TREE}/{_GENERATED}"),
            *("--output-file-base", "zz_generated.openapi"),
            *("--go-header-file", self._source / "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"),
            *("--report-filename", "/dev/null"),
            *("--output-base", self._workspace / "src"),
        ]
        run(command, timeout=_COMPILE_TIMEOUT, env=self._environment(), cwd=self._source)

    def _described_folders(self) -> list[str]:
        """Folders, relative to the source, whose types belong to the API's description."""
        vendored = sorted((self._source / "vendor/k8s.io").iterdir())
        tops = [self._source / name for name in ("pkg", "cmd", "plugin")]
        tops += [top for top in vendored if top.is_dir() and top.name not in _NOT_SERVED]
        found = {
            path.parent.relative_to(self._source).as_posix()
            for top in tops
            for path in top.glob("**/*.go")
            if not path.name.endswith("_test.go") and "/test/" not in path.as_posix() and _is_marked(path)
        }
        return sorted(found)

    def compile(self, package: str, output: Path, linker_flags: str = "-s -w") -> None:
        command = ["go", "build", "-trimpath", "-ldflags", linker_flags, "-o", str(output), package]
        run(command, timeout=_COMPILE_TIMEOUT, env=self._environment(), cwd=self._source)

    def _environment(self) -> dict[str, str]:
        """Go without modules, network, C compiler or any setting of the user's."""
        go = self._root / f"usr/lib/go-{_GO}"
        return {
            "PATH": f"{go / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self._scratch),
            "GOROOT": str(go),
            "GOPATH": str(self._workspace),
            "GOCACHE": str(self._scratch / "gocache"),
            "GO111MODULE": "off",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "",
            "CGO_ENABLED": "0",
        }


def _is_marked(path: Path) -> bool:
    return path.is_file() and _OPENAPI_MARK in path.read_bytes()


def _linker_flags() -> str:
    major, minor, _ = VERSION.split(".")
    facts = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor}
    settings = [f"-X {package}.{name}={value}" for package in _VERSIONED for name, value in facts.items()]
    return " ".join(["-s", "-w", *settings])
