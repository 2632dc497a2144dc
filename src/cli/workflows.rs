//! `sluicegate export` and `sluicegate import`: workflows as files, to be kept in git.

use std::{
    collections::HashSet,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    exit::Exit,
    output,
    remote::{Pod, Remote},
    workflow_file::{self, WorkflowFile},
};
use crate::http::names;

/// Write workflows of a pod as YAML files
#[derive(Args, Debug)]
pub struct Export {
    /// The workflows: ids or names [default: all]
    workflows: Vec<String>,
    /// Folder of the files; without it one workflow is printed
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Bring workflows from files into a pod: each is found by its name, and created or changed
///
/// All files are checked before anything is changed.
#[derive(Args, Debug)]
pub struct Import {
    /// YAML or JSON files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Deploy what was created or changed
    #[arg(long)]
    deploy: bool,
    /// Print JSON: one object per file
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let pod = self.remote.pod().await?;
        let mut found = Vec::new();
        if self.workflows.is_empty() {
            found = pod.workflows().await?;
            // Oldest first: a list that grows at its end.
            found.reverse();
        }
        for named in &self.workflows {
            found.push(pod.workflow(named).await?);
        }
        anyhow::ensure!(!found.is_empty(), "there is no workflow in this pod");
        anyhow::ensure!(
            self.output.is_some() || found.len() == 1,
            "there are {} workflows: name a folder with --output",
            found.len()
        );
        let mut used = HashSet::new();
        for workflow in found {
            let path = pod.at(&format!("workflows/{}", workflow["id"].as_str().unwrap_or_default()));
            let workflow = pod.client.get(&path).await?;
            let text = |name: &str| workflow[name].as_str().unwrap_or_default();
            let yaml = workflow_file::to_yaml(text("name"), text("description"), &workflow["definition"])?;
            let Some(folder) = &self.output else {
                output::line(yaml.trim_end())?;
                continue;
            };
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            let slug = Some(names::slug_of(text("name"))).filter(|slug| !slug.is_empty());
            let slug = slug.unwrap_or_else(|| "workflow".to_owned());
            let mut name = slug.clone();
            let mut number = 2;
            while !used.insert(name.clone()) {
                name = format!("{slug}-{number}");
                number += 1;
            }
            let path = folder.join(format!("{name}.yaml"));
            write(&path, &yaml, self.force)?;
            output::line(path.display())?;
        }
        Ok(Exit::Done)
    }
}

fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).truncate(true);
    if force {
        options.create(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).with_context(|| {
        format!("{}{}", path.display(), if path.exists() { " exists; --force replaces it" } else { "" })
    })?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

/// What an import does with one file.
enum Change {
    Create,
    Update { id: String, of: Value },
    Nothing { id: String },
}

impl Import {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let mut files = Vec::new();
        let mut findings = Vec::new();
        for path in &self.files {
            match WorkflowFile::read(path)? {
                Err(finding) => findings.push(*finding),
                Ok(file) => {
                    findings.extend(file.findings());
                    if let Some(other) = files.iter().find(|other: &&WorkflowFile| other.name == file.name) {
                        let (one, two) = (other.path.display(), file.path.display());
                        anyhow::bail!("{one} and {two} are both called `{}`", file.name);
                    }
                    files.push(file);
                }
            }
        }
        if !findings.is_empty() {
            for finding in &findings {
                if self.json { output::json(finding)? } else { output::line(finding)? }
            }
            eprintln!("nothing was changed");
            return Ok(Exit::Failed);
        }
        let pod = self.remote.pod().await?;
        let known = pod.workflows().await?;
        let mut changes = Vec::new();
        for file in files {
            let change = compare(&pod, &known, &file).await?;
            changes.push((file, change));
        }
        for (file, change) in changes {
            self.carry_out(&pod, &file, change).await?;
        }
        Ok(Exit::Done)
    }

    async fn carry_out(&self, pod: &Pod, file: &WorkflowFile, change: Change) -> anyhow::Result<()> {
        let body = json!({"name": file.name, "description": file.description, "definition": file.definition});
        let (word, lines, workflow) = match change {
            Change::Create if self.dry_run => ("create", Vec::new(), None),
            Change::Create => {
                ("created", Vec::new(), Some(pod.client.send(Method::POST, &pod.at("workflows"), &body).await?))
            }
            Change::Nothing { id } => ("unchanged", Vec::new(), Some(json!({"id": id}))),
            Change::Update { id, of } => {
                let lines = differences(&of, &file.definition, &file.description);
                let path = pod.at(&format!("workflows/{id}"));
                if self.dry_run {
                    ("change", lines, Some(json!({"id": id})))
                } else {
                    ("changed", lines, Some(pod.client.send(Method::PATCH, &path, &body).await?))
                }
            }
        };
        let id = workflow.as_ref().map_or(Value::Null, |workflow| workflow["id"].clone());
        let deploy = self.deploy && !self.dry_run && word != "unchanged";
        if let (true, Some(id)) = (deploy, id.as_str()) {
            pod.client.send(Method::POST, &pod.at(&format!("workflows/{id}/deploy")), &json!({})).await?;
        }
        if self.json {
            output::json(&json!({
                "file": file.path, "name": file.name, "change": word, "workflowId": id, "differences": lines, "deployed": deploy,
            }))?;
            return Ok(());
        }
        let also = if deploy { " and deployed" } else { "" };
        output::line(format_args!("{word}{also}  {}  ({})", output::plain(&file.name), file.path.display()))?;
        for line in lines {
            output::line(format_args!("  {}", output::plain(&line)))?;
        }
        Ok(())
    }
}

/// What is to be done with a file: names are what workflows are found by.
async fn compare(pod: &Pod, known: &[Value], file: &WorkflowFile) -> anyhow::Result<Change> {
    let same: Vec<&Value> = known.iter().filter(|workflow| workflow["name"] == json!(file.name)).collect();
    let id = match same.as_slice() {
        [] => return Ok(Change::Create),
        [one] => one["id"].as_str().unwrap_or_default().to_owned(),
        several => {
            anyhow::bail!("{} workflows of the pod are called `{}`: rename them first", several.len(), file.name)
        }
    };
    let of = pod.client.get(&pod.at(&format!("workflows/{id}"))).await?;
    let unchanged = differences(&of, &file.definition, &file.description).is_empty();
    Ok(if unchanged { Change::Nothing { id } } else { Change::Update { id, of } })
}

/// What is different in a file, a line each: `+` is new, `-` is gone, `~` has changed.
fn differences(workflow: &Value, definition: &Value, description: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if workflow["description"] != json!(description) {
        lines.push("~ description".to_owned());
    }
    let (old, new) = (normal(&workflow["definition"]), normal(definition));
    if old["settings"] != new["settings"] {
        lines.push("~ settings".to_owned());
    }
    for (list, what) in [("nodes", "node"), ("edges", "edge")] {
        let rows = |of: &Value| of[list].as_array().cloned().unwrap_or_default();
        let (before, after) = (rows(&old), rows(&new));
        let key = |row: &Value| match row["id"].as_str() {
            Some(id) => id.to_owned(),
            None => format!("{} > {}", row["source"].as_str().unwrap_or("?"), row["target"].as_str().unwrap_or("?")),
        };
        for row in &after {
            match before.iter().find(|other| key(other) == key(row)) {
                None => lines.push(format!("+ {what} {}", key(row))),
                Some(other) if other != row => {
                    lines.push(format!("~ {what} {}: {}", key(row), changed_members(other, row)));
                }
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|row| !after.iter().any(|other| key(other) == key(row)));
        lines.extend(gone.map(|row| format!("- {what} {}", key(row))));
    }
    lines
}

fn changed_members(old: &Value, new: &Value) -> String {
    let names: std::collections::BTreeSet<&String> =
        [old, new].iter().filter_map(|row| row.as_object()).flat_map(|row| row.keys()).collect();
    let changed: Vec<&str> = names.into_iter().filter(|name| old[*name] != new[*name]).map(String::as_str).collect();
    changed.join(", ")
}

/// A definition as a server keeps it: with what it adds to what was left out.
fn normal(definition: &Value) -> Value {
    serde_json::from_value::<crate::domain::definition::Definition>(definition.clone())
        .and_then(serde_json::to_value)
        .unwrap_or_else(|_| definition.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named() {
        let node = |id: &str, x: i64| json!({"id": id, "type": "end", "data": {"output": x}});
        let workflow = json!({"description": "a", "definition": {"nodes": [node("a", 1), node("b", 1)], "edges": [{"id": "e", "source": "a", "target": "b"}]}});
        let same = json!({"edges": [{"target": "b", "source": "a", "id": "e"}], "settings": {}, "nodes": [node("a", 1), node("b", 1)]});
        assert_eq!(differences(&workflow, &same, "a"), Vec::<String>::new());
        let other = json!({"nodes": [node("a", 2), node("c", 1)], "edges": [], "settings": {"timeoutMs": 5}});
        assert_eq!(
            differences(&workflow, &other, "b"),
            ["~ description", "~ settings", "~ node a: data", "+ node c", "- node b", "- edge e"]
        );
    }
}
