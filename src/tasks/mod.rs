//! What workers do beside the engine's own doors: they send files.

pub mod uploads;
