//! Workflows as files, in YAML or JSON: a definition with the workflow's name and description beside its nodes.
//!
//! What is wrong with a file is told with its line, whichever of the two it is written in.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::{Map, Value};
use serde_saphyr::{FlowMap, Spanned};

use crate::{
    domain::definition::{Definition, Problem},
    nodes::registry,
};

/// Larger files are no workflows.
const MAX_BYTES: u64 = 16 << 20;

/// A workflow as it was read from a file.
#[derive(Clone, Debug)]
pub struct WorkflowFile {
    /// Where it was read.
    pub path: PathBuf,
    /// The workflow's name; that of the file, if it has none.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its graph, to be sent to a server as it is.
    pub definition: Value,
    lines: HashMap<String, u64>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// A JSON pointer into the file.
    pub path: String,
    /// One sentence for people.
    pub message: String,
    /// The node it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The edge it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge_id: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " ({})", self.path) }
    }
}

impl WorkflowFile {
    /// Reads a file. What can't even be read is one finding; what is wrong with the workflow is told by [`Self::findings`].
    pub fn read(path: &Path) -> anyhow::Result<Result<Self, Box<Finding>>> {
        let context = || path.display().to_string();
        let length = std::fs::metadata(path).with_context(context)?.len();
        anyhow::ensure!(length <= MAX_BYTES, "{} is too large for a workflow: {length} bytes", path.display());
        let text = std::fs::read_to_string(path).with_context(context)?;
        Ok(Self::parse(path, &text))
    }

    /// Reads the text of a file.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Box<Finding>> {
        let finding = |line: Option<u64>, message: String| {
            Box::new(Finding {
                file: path.display().to_string(),
                line,
                path: String::new(),
                message,
                node_id: None,
                edge_id: None,
            })
        };
        let value: Value = if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            serde_json::from_str(text).map_err(|error| {
                let line = error.line() as u64;
                let message = error.to_string();
                finding(Some(line), message.split(" at line ").next().unwrap_or(&message).to_owned())
            })?
        } else {
            serde_saphyr::from_str_with_options(text, yaml()).map_err(|error| {
                let error = error.without_snippet();
                let line = error.location().map(|place| place.line());
                let message = error.to_string();
                finding(line, message.lines().next().unwrap_or(&message).to_owned())
            })?
        };
        let Value::Object(mut members) = value else {
            return Err(finding(Some(1), "a workflow is an object with `nodes` and `edges`".to_owned()));
        };
        // JSON is YAML but for rare escapes: lines are a courtesy, and a file without them is as good.
        let lines =
            serde_saphyr::from_str_with_options::<Spanned<Lines>>(text, yaml()).map(lines_of).unwrap_or_default();
        let mut text_of = |name: &str| match members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => {
                let path = format!("/{name}");
                let at = finding(lines.get(&path).copied(), format!("`{name}` must be a text"));
                Err(Box::new(Finding { path, ..*at }))
            }
        };
        let (name, description) = (text_of("name")?, text_of("description")?);
        let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            path: path.to_owned(),
            name: name.or_else(stem).unwrap_or_default(),
            description: description.unwrap_or_default(),
            definition: Value::Object(members),
            lines,
        })
    }

    /// Everything that the server would find wrong.
    pub fn findings(&self) -> Vec<Finding> {
        match serde_path_to_error::deserialize::<_, Definition>(&self.definition) {
            Ok(definition) => registry::validate(&definition).iter().map(|problem| self.finding(problem)).collect(),
            Err(error) => {
                let path = pointer(&error.path().to_string());
                let message = error.into_inner().to_string();
                vec![self.finding(&Problem { path, message, node_id: None, edge_id: None })]
            }
        }
    }

    /// A problem of the definition at its line.
    pub fn finding(&self, problem: &Problem) -> Finding {
        let Problem { path, message, node_id, edge_id } = problem.clone();
        Finding { file: self.path.display().to_string(), line: self.line_of(&path), path, message, node_id, edge_id }
    }

    /// The line of a place, or of what is around it: a missing member has none of its own.
    fn line_of(&self, path: &str) -> Option<u64> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind('/')?];
        }
    }
}

/// As in YAML 1.2: `y` and `no` are texts.
fn yaml() -> serde_saphyr::Options {
    serde_saphyr::options! { strict_booleans: true }
}

/// A path such as `nodes[3].data.x` as a JSON pointer.
fn pointer(path: &str) -> String {
    if path == "." {
        return String::new();
    }
    let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
    parts.flat_map(|part| ["/", part]).collect()
}

/// A workflow as YAML: what [`WorkflowFile`] reads, in an order that reads well and never changes by itself.
pub fn to_yaml(name: &str, description: &str, definition: &Value) -> anyhow::Result<String> {
    let mut members = Map::new();
    members.insert("name".to_owned(), name.into());
    if !description.is_empty() {
        members.insert("description".to_owned(), description.into());
    }
    for member in ["settings", "metadata", "nodes", "edges"] {
        let value = definition.get(member).filter(|value| !value.as_object().is_some_and(Map::is_empty));
        members.extend(value.map(|value| (member.to_owned(), value.clone())));
    }
    // The members of nodes and edges come as the API writes them; `serde_json` sorts none of what it is given here.
    Ok(serde_saphyr::to_string(&Ordered(&Value::Object(members)))?)
}

/// Writes a value with its members in an order for people: what something is before what it holds.
struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const FIRST: [&str; 11] = [
            "id",
            "type",
            "name",
            "description",
            "parentId",
            "source",
            "sourceHandle",
            "target",
            "label",
            "settings",
            "nodes",
        ];
        const LAST: &str = "position";
        match self.0 {
            Value::Object(members) => {
                let rank = |name: &str| FIRST.iter().position(|first| *first == name);
                let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
                sorted.sort_by_key(|(name, _)| (*name == LAST, rank(name).unwrap_or(FIRST.len()), (*name).clone()));
                // Empty members say nothing, and a place is one thing.
                let told = |value: &Value| value.as_object().is_none_or(|members| !members.is_empty());
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in sorted.into_iter().filter(|(name, value)| *name != "data" || told(value)) {
                    if name == LAST {
                        map.serialize_entry(name, &FlowMap(Ordered(value)))?;
                    } else {
                        map.serialize_entry(name, &Ordered(value))?;
                    }
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            // `1.0` is `1` to people and to the server.
            Value::Number(number) => match number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15) {
                Some(whole) => serializer.serialize_i64(whole as i64),
                None => number.serialize(serializer),
            },
            value => value.serialize(serializer),
        }
    }
}

/// The shape of a document, with the lines of all that is in it.
enum Lines {
    Object(Vec<(String, Spanned<Lines>)>),
    Array(Vec<Spanned<Lines>>),
    Scalar,
}

fn lines_of(document: Spanned<Lines>) -> HashMap<String, u64> {
    let mut lines = HashMap::new();
    let mut open = vec![(String::new(), document)];
    while let Some((path, spanned)) = open.pop() {
        let members: Vec<(String, Spanned<Lines>)> = match spanned.value {
            Lines::Object(members) => members,
            Lines::Array(items) => {
                items.into_iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
            }
            Lines::Scalar => Vec::new(),
        };
        let within = |name: String| format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        open.extend(members.into_iter().map(|(name, member)| (within(name), member)));
        lines.insert(path, spanned.referenced.line());
    }
    lines
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LinesVisitor)
    }
}

struct LinesVisitor;

impl<'de> Visitor<'de> for LinesVisitor {
    type Value = Lines;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lines, A::Error> {
        let mut members = Vec::new();
        while let Some(entry) = map.next_entry::<String, Spanned<Lines>>()? {
            members.push(entry);
        }
        Ok(Lines::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lines, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Lines>>()? {
            items.push(item);
        }
        Ok(Lines::Array(items))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_none<E>(self) -> Result<Lines, E> {
        Ok(Lines::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Lines, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Lines::Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "name: Greeting
nodes:
  - { id: start, type: start }
  - id: end
    type: end
    data:
      output: { text: \"{{ input.who }\" }
edges:
  - { source: start, target: nowhere }
";

    fn told(name: &str, text: &str) -> Vec<String> {
        match WorkflowFile::parse(Path::new(name), text) {
            Ok(file) => file.findings().iter().map(ToString::to_string).collect(),
            Err(finding) => vec![finding.to_string()],
        }
    }

    #[test]
    fn findings_have_their_lines() {
        let found = told("a.yaml", YAML);
        assert!(found.iter().any(|line| line.starts_with("a.yaml:9: ") && line.contains("nowhere")), "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("a.yaml:7: ")), "{found:?}");
        let json = serde_json::to_string_pretty(&serde_saphyr::from_str::<Value>(YAML).unwrap()).unwrap();
        let line = json.lines().position(|line| line.contains("nowhere")).unwrap() + 1;
        let found = told("a.json", &json);
        assert!(found.iter().any(|told| told.starts_with(&format!("a.json:{line}: "))), "{line}: {found:?}");
    }

    #[test]
    fn what_is_no_workflow_is_told_at_its_line() {
        for (name, text, expected) in [
            ("a.yaml", "nodes: [}\n", "a.yaml:1: "),
            ("a.json", "{\n  \"nodes\": [,]\n}", "a.json:2: "),
            ("a.yaml", "- 1\n", "a.yaml:1: a workflow is an object"),
            ("a.yaml", "nodes: []\nname: [1]\n", "a.yaml:2: `name` must be a text (/name)"),
            ("a.yaml", "nodes:\n  - id: a\n    typ: end\n", "a.yaml:3: unknown field `typ`"),
        ] {
            let found = told(name, text);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let definition = serde_json::json!({
            "nodes": [
                {"position": {"x": 0.0, "y": 1.5}, "data": {"output": "yes", "b": "no: a # b", "a": "1\n2\n", "c": "0x1f", "d": "1e3"}, "type": "end", "id": "on"},
            ],
            "edges": [],
            "settings": {},
        });
        let yaml = to_yaml("true", "a\n b: c", &definition).unwrap();
        let file = WorkflowFile::parse(Path::new("a.yaml"), &yaml).unwrap();
        assert_eq!((file.name.as_str(), file.description.as_str()), ("true", "a\n b: c"), "{yaml}");
        assert_eq!(file.definition["nodes"][0]["data"], definition["nodes"][0]["data"], "{yaml}");
        assert_eq!(file.definition["nodes"][0]["position"]["y"], 1.5);
        assert!(yaml.find("id:").unwrap() < yaml.find("type:").unwrap(), "{yaml}");
        assert_eq!(
            to_yaml(&file.name, &file.description, &file.definition).unwrap(),
            yaml,
            "the second time is the same"
        );
    }
}
