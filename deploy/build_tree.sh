#!/bin/sh
# Builds the file tree that runs in production: a virtual environment at PREFIX, with the dependencies of
# requirements.lock, hashes checked, the wheel of this source tree, and a manifest by which `reconciler verify` knows each
# file. The image, an installation for systemd and the tests are all built by it.
#
#   deploy/build_tree.sh PREFIX                 both of these steps
#   deploy/build_tree.sh PREFIX dependencies    makes the environment: needs nothing of the sources but the lock files
#   deploy/build_tree.sh PREFIX project         puts the project into it, also in the place of an earlier one
#
# PREFIX must not exist before the first step, is removed where that fails, and cannot be moved afterwards: scripts in it name it. PYTHON is the
# interpreter, python3 by default, which must stay where it is. TOOLS is a folder that keeps what builds, for another step;
# by default nothing of it is left. What runs writes nothing to the tree, which may belong to root and be read-only.
set -eu

prefix=${1:?usage: $0 PREFIX [dependencies|project]}
step=${2:-both}
python=${PYTHON:-python3}
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
scratch=$(mktemp -d)
unfinished=
trap 'rm -rf "$scratch" ${unfinished:+"$unfinished"}' EXIT
trap 'exit 1' HUP INT TERM
tools=${TOOLS:-$scratch/tools}
umask 022

pip() {
    "$tools/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}

# What builds is apart from what runs: the tree has no pip and no build backend.
make_tools() {
    if [ ! -e "$tools/complete" ]; then
        "$python" -m venv "$tools"
        pip install --no-deps --require-hashes --requirement "$source/requirements-build.lock"
        touch "$tools/complete"
    fi
}

# Byte code is made now, because nobody can write it into a tree that is read-only; and goes by the content of its source,
# so that a changed source is never run by what was compiled from the old one.
compile() {
    "$prefix/bin/python" -m compileall -q -j 0 --invalidation-mode checked-hash "$@"
}

install_dependencies() {
    if [ -e "$prefix" ]; then
        echo "$0: $prefix exists; an environment is made anew, never over another one" >&2
        exit 1
    fi
    unfinished=$prefix
    "$python" -m venv --without-pip "$prefix"
    pip --python "$prefix/bin/python" install --no-deps --no-compile --require-hashes \
        --requirement "$source/requirements.lock"
    compile "$prefix/lib"
    [ "$step" = both ] || unfinished=
}

install_project() {
    pip wheel --no-deps --no-build-isolation --wheel-dir "$scratch/wheel" "$source"
    # By name: of a wheel that is named by its path pip notes that path, and no two trees would be the same.
    pip --python "$prefix/bin/python" install --no-deps --no-compile --no-index --force-reinstall \
        --find-links "$scratch/wheel" hedgehog-reconciler
    compile "$prefix"/lib/python*/site-packages/reconciler "$prefix"/lib/python*/site-packages/webhooks
    # Its digest is what a deployment can be held against from outside: see docs/verify.md.
    "$prefix/bin/reconciler" verify --write-manifest "$prefix/reconciler-manifest.json"
    unfinished=
}

make_tools
case $step in
    dependencies) install_dependencies ;;
    project) install_project ;;
    both)
        install_dependencies
        install_project
        ;;
    *) echo "$0: there is no step $step" >&2; exit 1 ;;
esac
