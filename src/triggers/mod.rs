//! What starts executions without a caller at the door: schedules and webhooks. A trigger decides that something is to be started; what
//! becomes of it is the engine's.

pub mod schedules;
pub mod webhooks;
