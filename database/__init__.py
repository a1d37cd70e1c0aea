"""Connection, embedded server, migrations and views: knows SQL and no business rule."""
