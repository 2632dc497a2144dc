//! What a check of the stream contract has found.

use serde::Serialize;

use super::rules::Rule;

/// What became of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be checked.
    Skipped,
}

/// What was found about one rule.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// What it says.
    pub title: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
    /// Where the rule is written down.
    pub link: String,
}

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The server.
    pub url: String,
    /// What chance was made of: the same seed cuts at the same bytes.
    pub seed: u64,
    /// Whether no rule has failed.
    pub passed: bool,
    /// Per rule.
    pub findings: Vec<Finding>,
}

/// What a check says: evidence for the rule, evidence against it, or why it was not checked.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Passed(String),
    Failed(String),
    Skipped(String),
}

/// A verdict early: `Err` says what was seen against the rule.
pub(super) type Checked = Result<String, String>;

impl From<Checked> for Verdict {
    fn from(checked: Checked) -> Self {
        match checked {
            Ok(evidence) => Self::Passed(evidence),
            Err(evidence) => Self::Failed(evidence),
        }
    }
}

impl Verdict {
    pub(super) fn about(self, rule: Rule) -> Finding {
        let (outcome, evidence) = match self {
            Self::Passed(evidence) => (Outcome::Passed, evidence),
            Self::Failed(evidence) => (Outcome::Failed, evidence),
            Self::Skipped(why) => (Outcome::Skipped, why),
        };
        Finding { rule: rule.id, title: rule.title, outcome, evidence, link: rule.link() }
    }
}
