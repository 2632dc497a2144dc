//! The example workflows of `sluicegate dev`.

use std::path::Path;

use crate::domain::definition::Definition;

use super::workflow_file::WorkflowFile;

/// An example: its key in `dev --json`, which is its file's name, and the file's text.
pub(super) struct Example {
    /// The key.
    pub key: &'static str,
    yaml: &'static str,
}

impl Example {
    fn file(&self) -> WorkflowFile {
        let path = format!("examples/{}.yaml", self.key);
        WorkflowFile::parse(Path::new(&path), self.yaml).expect("the examples are checked by a test")
    }

    /// Its name, what it shows, and its graph.
    pub fn read(&self) -> (String, String, Definition) {
        let WorkflowFile { name, description, definition, .. } = self.file();
        let definition = serde_json::from_value(definition).expect("the examples are checked by a test");
        (name, description, definition)
    }
}

/// All of them.
pub(super) const EXAMPLES: [Example; 4] = [
    Example { key: "linear", yaml: include_str!("../../examples/linear.yaml") },
    Example { key: "approval", yaml: include_str!("../../examples/approval.yaml") },
    Example { key: "http", yaml: include_str!("../../examples/http.yaml") },
    Example { key: "task", yaml: include_str!("../../examples/task.yaml") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_hold() {
        for example in EXAMPLES {
            let findings = example.file().findings();
            assert!(findings.is_empty(), "{findings:?}");
            let (name, description, _) = example.read();
            assert!(name != example.key && !description.is_empty(), "{name} says what it is");
        }
    }
}
