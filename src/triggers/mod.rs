//! What starts executions without a caller who asks for one: schedules, events. A trigger decides that something is to be
//! started; what becomes of it is the engine's.

pub mod events;
pub mod schedules;
