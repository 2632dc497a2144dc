//! The registry: every node type, and how a definition is compiled with them.
