//! The native HTTP API: thin handlers, one file per resource.
