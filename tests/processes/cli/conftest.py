"""The command line, as the unit tests run it."""

from tests.unit.cli.conftest import cli

__all__ = ["cli"]
