"""What Alembic runs: on the connection that `cert.store.migrate` hands over, in one transaction."""

from alembic import context

from cert.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
