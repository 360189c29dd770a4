"""The command `reconciler`, also as `python -m reconciler`."""

from __future__ import annotations

import sys

from reconciler.app.integrity import check_record, package_root


def main() -> None:
    """Run the command line. Where it cannot even be imported, name the files that are not as they were built: whoever
    reads only a traceback looks for a fault in the program.
    """
    try:
        from reconciler.cli import main as run  # noqa: PLC0415 - what may fail
    except Exception as error:
        found = check_record(package_root())
        if found.is_whole:
            raise
        sys.stderr.write(f"error: the program cannot start: {type(error).__name__}: {error}\n")
        for mismatch in found.mismatches:
            sys.stderr.write(f"error: {mismatch}\n")
        sys.stderr.write("Install the wheel again; docs/verify.md tells more.\n")
        sys.exit(1)
    run()


if __name__ == "__main__":
    main()
