//! What changes about a suspension while it is open: votes, a claim, who may answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Approvers, DecisionSource};
use crate::clock::Instant;

/// How an open suspension stands; of a closed one, how it stood when it was closed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Standing {
    /// Who may answer now, where that is no longer what the policy says: after an escalation or a reassignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Approvers>,
    /// The votes so far, one of each person, oldest first (quorum).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
    /// Who has taken it upon themself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// How many steps of the timeline are over.
    #[serde(skip_serializing_if = "is_zero")]
    pub steps_done: usize,
    /// How often all of this has changed.
    #[serde(skip_serializing_if = "is_zero")]
    pub changes: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Standing {
    /// Somebody's vote.
    pub fn vote_of(&self, by: &str) -> Option<&Vote> {
        self.votes.iter().find(|vote| vote.by == by)
    }

    /// How many votes each action has.
    pub fn tally(&self) -> BTreeMap<String, u32> {
        let mut tally = BTreeMap::new();
        for vote in &self.votes {
            *tally.entry(vote.action.clone()).or_default() += 1;
        }
        tally
    }
}

/// One person's vote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Vote {
    /// Who.
    pub by: String,
    /// For what.
    pub action: String,
    /// When.
    pub at: Instant,
    /// How.
    #[serde(default)]
    pub source: DecisionSource,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The filled form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub data: Option<Value>,
}

impl Vote {
    /// Whether `other` says the same as this one: who and what, whatever the time and the way.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { at: other.at, source: other.source, ..self.clone() } == *other
    }
}

/// Somebody has taken a suspension upon themself: others leave it to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Instant,
}
