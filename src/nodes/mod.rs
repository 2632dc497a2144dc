//! Node types, one file each, and their registry. Knows the domain and `outbound`, never the store.
