"""What Alembic runs to make its steps: in the transaction of whoever asked for them."""

from __future__ import annotations

from alembic import context

# The name under which Alembic runs it. Whoever only imports it, to see that it is whole, makes no steps.
if __name__ == "env_py":
    context.configure(connection=context.config.attributes["connection"])
    context.run_migrations()
