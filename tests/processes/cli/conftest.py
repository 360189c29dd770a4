"""The command line, as the unit tests run it."""

from tests.unit.cli.conftest import cli, server, service

__all__ = ["cli", "server", "service"]
