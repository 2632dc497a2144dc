//! The `Store` trait and the commit; below it one generic SQL implementation for SQLite and PostgreSQL.
