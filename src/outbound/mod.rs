//! The guarded HTTP client: every outbound request checks the resolved address, and is bounded in time and size.
