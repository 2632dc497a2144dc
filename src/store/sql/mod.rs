//! The one implementation of the store: SQL that both databases read, over a small backend for each.
