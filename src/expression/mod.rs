//! The expression language: a strict subset of CEL, bounded in time and memory, and the templates over it.
