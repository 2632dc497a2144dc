//! The one place where a definition is checked before it is stored.

use super::error::Problem;
use crate::{
    domain::definition::{self, Definition},
    nodes::registry,
};

/// Everything that is wrong with a definition.
pub fn problems_of(definition: &Definition) -> Vec<definition::Problem> {
    registry::validate(definition)
}

/// Refuses a definition with problems; `prefix` is where it is in the body.
pub fn require_valid(prefix: &str, definition: &Definition) -> Result<(), Problem> {
    match problems_of(definition).as_slice() {
        [] => Ok(()),
        problems => Err(Problem::invalid_workflow(prefix, problems)),
    }
}
