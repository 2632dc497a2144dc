//! The steps of an assistant and the graph that stands for them: `start -> one task per step -> end`. A step's `ref` is the name of the
//! queue that its task waits in.

use serde_json::{Map, Value, json};

use crate::{
    domain::{definition::NodeDefinition, task::MAX_QUEUE_CHARS},
    facade::literal,
    http::error::{Code, Problem},
};

/// The most steps of a pipeline.
const MAX_STEPS: usize = 100;
/// The longest that a step may take: 30 days, in seconds.
const MAX_TIMEOUT_S: i64 = 30 * 24 * 3_600;
/// Ids that the graph's other nodes have.
const TAKEN: [&str; 2] = ["start", "end"];
/// Where a step is in the options.
pub const STEPS: &str = "/options/pipeline/steps";

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its id, as it was given or made.
    pub id: String,
    /// The node that stands for it: the id where that can be one.
    pub node_id: String,
    /// What does the work.
    pub reference: String,
    /// Its name for people.
    pub name: Option<String>,
    /// `MODEL` or `ACTION`.
    pub kind: StepType,
    /// What it is told.
    pub options: Map<String, Value>,
    /// The kinds of the options, as they were given.
    pub option_types: Option<Value>,
    /// The package of what does the work, as it was given.
    pub extension_pack_ref: Option<String>,
    /// It is skipped where this is not true.
    pub conditional: Option<String>,
    /// How often it is tried, and how long.
    pub policy: Policy,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = KodexaStepType)]
pub enum StepType {
    /// A model.
    Model,
    /// An action.
    Action,
}

/// How often a step is tried, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// All attempts together; leases too.
    pub max_attempts: Option<i64>,
    /// Of one attempt.
    pub timeout_s: Option<i64>,
    /// Whether the pause doubles.
    pub exponential: Option<bool>,
    /// The first pause.
    pub base_s: Option<i64>,
    /// Whether the pipeline goes on behind a step that has failed for good.
    pub goes_on: bool,
}

/// The steps that options have, checked; the places are those of [`STEPS`].
pub fn steps_of(options: &Map<String, Value>) -> Result<Vec<Step>, Problem> {
    let Some(pipeline) = present(options.get("pipeline")) else { return Ok(Vec::new()) };
    let pipeline = pipeline.as_object().ok_or_else(|| wrong("/options/pipeline", "must be an object"))?;
    let Some(list) = present(pipeline.get("steps")) else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or_else(|| wrong(STEPS, "must be a list of steps"))?;
    if list.len() > MAX_STEPS {
        return Err(wrong(STEPS, format!("a pipeline has at most {MAX_STEPS} steps, not {}", list.len())));
    }
    let mut steps: Vec<Step> = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let at = format!("{STEPS}/{index}");
        let value = value.as_object().ok_or_else(|| wrong(&at, "must be an object"))?;
        let mut step = step(value, &at, index)?;
        if steps.iter().any(|other| other.id == step.id) {
            return Err(wrong(format!("{at}/id"), format!("`{}` is the id of another step", step.id)));
        }
        let is_taken = |id: &str| steps.iter().any(|other| other.node_id == id) || TAKEN.contains(&id);
        if is_taken(&step.node_id) {
            let free =
                (index + 1..=index + 1 + 2 * MAX_STEPS).map(|number| format!("step-{number}")).find(|id| !is_taken(id));
            step.node_id = free.unwrap_or_default();
        }
        steps.push(step);
    }
    Ok(steps)
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn wrong(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem::field(Code::InvalidValue, path, message)
}

fn text<'v>(value: &'v Map<String, Value>, name: &str, at: &str) -> Result<Option<&'v str>, Problem> {
    match present(value.get(name)) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.trim().is_empty())),
        Some(_) => Err(wrong(format!("{at}/{name}"), "must be a text")),
    }
}

fn step(value: &Map<String, Value>, at: &str, index: usize) -> Result<Step, Problem> {
    let id = text(value, "id", at)?.map_or_else(|| format!("step-{}", index + 1), str::to_owned);
    let fits = |id: &str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    let node_id = if fits(&id) { id.clone() } else { format!("step-{}", index + 1) };
    let reference = text(value, "ref", at)?.ok_or_else(|| wrong(format!("{at}/ref"), "a step needs its `ref`"))?;
    if reference.chars().count() > MAX_QUEUE_CHARS
        || reference.chars().any(char::is_control)
        || reference.contains("{{")
    {
        let message = format!("must be 1 to {MAX_QUEUE_CHARS} characters without control characters and `{{{{`");
        return Err(wrong(format!("{at}/ref"), message));
    }
    let options = match present(value.get("options")) {
        None => Map::new(),
        Some(Value::Object(options)) => options.clone(),
        Some(_) => return Err(wrong(format!("{at}/options"), "must be an object")),
    };
    let kind = match text(value, "stepType", at)?.map(str::to_uppercase).as_deref() {
        None | Some("MODEL") => StepType::Model,
        Some("ACTION") => StepType::Action,
        Some(_) => return Err(wrong(format!("{at}/stepType"), "must be MODEL or ACTION")),
    };
    Ok(Step {
        id,
        node_id,
        reference: reference.to_owned(),
        name: text(value, "name", at)?.map(str::to_owned),
        kind,
        options,
        option_types: present(value.get("optionTypes")).filter(|types| types.is_object()).cloned(),
        extension_pack_ref: text(value, "extensionPackRef", at)?.map(str::to_owned),
        conditional: text(value, "conditional", at)?.map(str::to_owned),
        policy: policy(value, at)?,
    })
}

fn policy(value: &Map<String, Value>, at: &str) -> Result<Policy, Problem> {
    let at = format!("{at}/executionPolicy");
    let value = match present(value.get("executionPolicy")) {
        None => return Ok(Policy::default()),
        Some(Value::Object(value)) => value,
        Some(_) => return Err(wrong(at, "must be an object")),
    };
    let number = |name: &str, least: i64, most: i64| match present(value.get(name)) {
        None => Ok(None),
        Some(number) => match number.as_i64().filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(format!("{at}/{name}"), format!("must be a whole number from {least} to {most}"))),
        },
    };
    let word = |name: &str| text(value, name, &at).map(|word| word.map(str::to_uppercase));
    let exponential = match word("backoffStrategy")?.as_deref() {
        None => None,
        Some("FIXED") => Some(false),
        Some("EXPONENTIAL") => Some(true),
        Some(_) => return Err(wrong(format!("{at}/backoffStrategy"), "must be FIXED or EXPONENTIAL")),
    };
    let goes_on = match word("onExhausted")?.as_deref() {
        None | Some("FAIL") => false,
        Some("CONTINUE" | "SKIP") => true,
        Some(_) => return Err(wrong(format!("{at}/onExhausted"), "must be FAIL, CONTINUE or SKIP")),
    };
    Ok(Policy {
        max_attempts: number("maxAttempts", 1, 100)?,
        timeout_s: number("timeoutSeconds", 1, MAX_TIMEOUT_S)?,
        exponential,
        base_s: number("backoffBaseSeconds", 0, MAX_TIMEOUT_S)?,
        goes_on,
    })
}

impl Step {
    /// The node that stands for it.
    pub fn node(&self) -> NodeDefinition {
        let mut data = json!({
            "ref": self.reference,
            "input": {
                "step": literal(&json!(self.id)),
                "name": literal(&json!(self.name)),
                "ref": self.reference,
                "stepType": self.kind,
                "options": literal(&Value::Object(self.options.clone())),
                "context": "{{ context }}",
                "documentFamilyId": "{{ execution.subject }}",
                "lastOutput": "{{ lastOutput }}",
            },
        });
        let Policy { max_attempts, timeout_s, exponential, base_s, goes_on } = &self.policy;
        if let Some(attempts) = max_attempts {
            let mut retry = json!({ "maxAttempts": attempts, "jitter": false });
            if let Some(exponential) = exponential {
                retry["backoff"] = json!(if *exponential { "exponential" } else { "fixed" });
            }
            if let Some(seconds) = base_s {
                retry["initialMs"] = json!(seconds.saturating_mul(1_000));
            }
            data["retry"] = retry;
            data["maxLeases"] = json!(attempts);
        }
        if let Some(seconds) = timeout_s {
            data["timeoutMs"] = json!(seconds.saturating_mul(1_000));
        }
        if *goes_on {
            data["onError"] = json!("continue");
        }
        if let Some(conditional) = &self.conditional {
            data["runIf"] = json!({
                "language": "python",
                "expression": conditional,
                "names": {
                    "context": "{{ context }}",
                    "metadata": "{{ context.subject.metadata }}",
                    "external_data": "{{ context.subject.externalData }}",
                },
                "onError": "skip",
            });
        }
        NodeDefinition {
            id: self.node_id.clone(),
            kind: "task".to_owned(),
            name: None,
            parent_id: None,
            data: data.as_object().cloned().unwrap_or_default(),
            position: None,
        }
    }
}

/// The graph of steps: its nodes and edges, as a definition has them.
pub fn graph(steps: &[Step]) -> (Value, Value) {
    let plain = |id: &str| json!({ "id": id, "type": id });
    let tasks = steps.iter().map(|step| json!(step.node()));
    let nodes: Vec<Value> = std::iter::once(plain(TAKEN[0])).chain(tasks).chain([plain(TAKEN[1])]).collect();
    let ids: Vec<&Value> = nodes.iter().map(|node| &node["id"]).collect();
    let edge = |(index, pair): (usize, &[&Value])| json!({ "id": format!("edge-{}", index + 1), "source": pair[0], "target": pair[1] });
    let edges: Vec<Value> = ids.windows(2).enumerate().map(edge).collect();
    (json!(nodes), json!(edges))
}
