//! The audit log of a workspace: who did what of consequence. Each record carries the hash of the one before, so that nobody
//! can change, leave out or add one later without every hash after it being different.
//!
//! A record's hash is the SHA-256 of its [`canonical`] JSON without the member `hash`: `{"action":..,"actor":..,"at":..,
//! "detail":..,"previousHash":..,"seq":..,"subject":..,"workspaceId":..}`. The first record's `previousHash` is empty.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::ids::WorkspaceId;
use crate::clock::Instant;

/// Who changes something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A user's id, `key:<id>`, `link:<id>`, `operator` (the command line) or `system`.
    pub id: String,
    /// When.
    pub at: Instant,
}

/// Something that was done, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// When.
    pub at: Instant,
    /// Who: as in [`Author`].
    pub actor: String,
    /// What: `suspension.answered`, `member.set`, ...
    pub action: &'static str,
    /// To what: an id.
    pub subject: String,
    /// More about it; nothing secret.
    pub detail: Map<String, Value>,
}

/// A record of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// Where.
    pub workspace_id: WorkspaceId,
    /// Its place: 1, 2, 3, ...
    pub seq: i64,
    /// When.
    pub at: Instant,
    /// Who: a user's id, `key:<id>`, `link:<id>`, `operator` (the command line) or `system`.
    pub actor: String,
    /// What: `suspension.answered`, `member.set`, ...
    pub action: String,
    /// To what: an id.
    pub subject: String,
    /// More about it.
    #[schema(value_type = Object)]
    pub detail: Map<String, Value>,
    /// The hash of the record before; empty for the first.
    pub previous_hash: String,
    /// SHA-256 over all the others, in hexadecimal.
    pub hash: String,
}

/// The end of a chain: the next record goes behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainEnd {
    /// The place of the last record; 0 if there is none.
    pub seq: i64,
    /// Its hash; empty if there is none.
    pub hash: String,
}

/// Where a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {seq}: {reason}")]
pub struct BrokenChain {
    /// The first record that is wrong.
    pub seq: i64,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ChainEnd {
    /// Puts an entry behind this end, and moves it.
    pub fn seal(&mut self, entry: &AuditEntry) -> AuditRecord {
        let mut record = AuditRecord {
            workspace_id: entry.workspace_id,
            seq: self.seq + 1,
            at: entry.at,
            actor: entry.actor.clone(),
            action: entry.action.to_owned(),
            subject: entry.subject.clone(),
            detail: entry.detail.clone(),
            previous_hash: std::mem::take(&mut self.hash),
            hash: String::new(),
        };
        record.hash = record.digest();
        *self = Self { seq: record.seq, hash: record.hash.clone() };
        record
    }

    /// Checks that a record comes next, and moves behind it.
    pub fn check(&mut self, record: &AuditRecord) -> Result<(), BrokenChain> {
        let broken = |reason| Err(BrokenChain { seq: record.seq, reason });
        if record.seq != self.seq + 1 {
            return broken("records before it are missing or doubled");
        }
        if record.previous_hash != self.hash {
            return broken("it does not name the hash of the record before");
        }
        if record.digest() != record.hash {
            return broken("it is not what its hash was made of");
        }
        *self = Self { seq: record.seq, hash: record.hash.clone() };
        Ok(())
    }
}

impl AuditRecord {
    fn digest(&self) -> String {
        let Self { workspace_id, seq, at, actor, action, subject, detail, previous_hash, hash: _ } = self;
        sha256(&json!({
            "workspaceId": workspace_id, "seq": seq, "at": at, "actor": actor, "action": action, "subject": subject,
            "detail": detail, "previousHash": previous_hash,
        }))
    }
}

/// The SHA-256 of a value's [`canonical`] JSON, in hexadecimal.
pub fn sha256(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256_of_text(&text)
}

fn sha256_of_text(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        write!(hex, "{byte:02x}").expect("writing to a string");
        hex
    })
}

/// JSON without spaces, members in the order of their names' Unicode code points, texts escaped only where JSON asks for it,
/// integers as digits, other numbers as their shortest text (as RFC 8785 has it, except that an exponent is written as
/// `serde_json` does).
pub fn canonical(value: &Value, to: &mut String) {
    match value {
        Value::Array(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                canonical(item, to);
            }
            to.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            to.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                canonical(&Value::String(name.clone()), to);
                to.push(':');
                canonical(value, to);
            }
            to.push('}');
        }
        plain => to.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: &'static str) -> AuditEntry {
        let detail = json!({ "reason": "späť", "n": 1 });
        AuditEntry {
            workspace_id: WorkspaceId(uuid::Uuid::nil()),
            at: Instant(1_800_000_000_000),
            actor: "ann".to_owned(),
            action,
            subject: "x".to_owned(),
            detail: detail.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_records_hash_is_that_of_the_documented_text() {
        let record = ChainEnd::default().seal(&entry("member.set"));
        let text = concat!(
            r#"{"action":"member.set","actor":"ann","at":"2027-01-15T08:00:00.000Z","detail":{"n":1,"reason":"späť"},"#,
            r#""previousHash":"","seq":1,"subject":"x","workspaceId":"00000000-0000-0000-0000-000000000000"}"#
        );
        assert_eq!(record.hash, sha256_of_text(text));
    }

    #[test]
    fn whatever_is_changed_breaks_the_chain() {
        let mut end = ChainEnd::default();
        let records: Vec<_> = ["a", "b", "c"].map(|action| end.seal(&entry(action))).into();
        let check = |records: &[AuditRecord]| {
            let mut end = ChainEnd::default();
            records.iter().try_for_each(|record| end.check(record)).map(|()| end)
        };
        assert_eq!(check(&records), Ok(end));
        let changes: [fn(&mut Vec<AuditRecord>); 9] = [
            |r| r[1].actor = "bob".to_owned(),
            |r| r[1].at = Instant(0),
            |r| r[1].action = "d".to_owned(),
            |r| r[1].subject = "y".to_owned(),
            |r| r[1].detail["n"] = json!(2),
            |r| r[1].workspace_id = WorkspaceId(uuid::Uuid::max()),
            |r| r[1].seq = 7,
            |r| _ = r.remove(1),
            |r| r.swap(0, 1),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = records.clone();
            change(&mut changed);
            assert!(check(&changed).is_err(), "change {number}");
        }
        // Hashes made anew show at the record after.
        let mut forged = records.clone();
        forged[1].actor = "bob".to_owned();
        forged[1].hash = forged[1].digest();
        assert_eq!(check(&forged).unwrap_err().seq, 3);
    }
}
