#!/bin/sh
# Builds the file tree that runs in production: a virtual environment at PREFIX, with the dependencies of
# requirements.lock, hashes checked, and the wheel of this source tree. The image, an installation for systemd and the
# tests are all built by it.
#
#   deploy/build_tree.sh PREFIX
#
# PREFIX must not exist, and cannot be moved afterwards: scripts in it name it. PYTHON is the interpreter, python3 by
# default, which must stay where it is. Nothing in the tree is written when it runs, so it may belong to root and be
# read-only.
set -eu

prefix=${1:?usage: $0 PREFIX}
python=${PYTHON:-python3}
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

if [ -e "$prefix" ]; then
    echo "$0: $prefix exists; a tree is built anew, never over another one" >&2
    exit 1
fi
umask 022
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What builds is apart from what runs: no pip, no build backend in the tree.
"$python" -m venv "$scratch/tools"
pip() {
    "$scratch/tools/bin/python" -m pip --quiet --disable-pip-version-check "$@"
}
pip install --no-deps --require-hashes --requirement "$source/requirements-build.lock"
pip wheel --no-deps --no-build-isolation --wheel-dir "$scratch" "$source"

"$python" -m venv --without-pip "$prefix"
pip --python "$prefix/bin/python" install --no-deps --no-compile --require-hashes --requirement "$source/requirements.lock"
pip --python "$prefix/bin/python" install --no-deps --no-compile --no-index "$scratch"/*.whl

# Nobody can write byte code where the tree is read-only. By content, so that a changed source is never run by what was
# compiled from the old one.
"$prefix/bin/python" -m compileall -q -j 0 --invalidation-mode checked-hash "$prefix/lib"
