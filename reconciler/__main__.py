"""The command `reconciler`, also as `python -m reconciler`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Where it ends by what nobody expected, name the files that are not as they were built, and
    the packages that are missing: whoever reads only a traceback looks for a fault in the program.
    """
    try:
        from reconciler.cli import main as run  # noqa: PLC0415 - what may fail

        run()
    except Exception as error:
        if not _is_damage(error):
            raise
        sys.exit(1)


def _is_damage(error: Exception) -> bool:
    """Whether it comes of damaged files or missing packages, which are named then."""
    try:
        from reconciler.app.damage import tell_damage  # noqa: PLC0415 - may be damaged as well
    except Exception as other:  # noqa: BLE001 - the traceback of which would not say what it means
        sys.stderr.write(f"error: what would name damaged files is damaged: {type(other).__name__}: {other}\n")
        return False
    return tell_damage(error, sys.argv[1:])


if __name__ == "__main__":
    main()
