-- Nothing to do: SQLite has no row-level security, and one program that opens the file.
SELECT 1;
