//! The server, workspace and pod that a command speaks to.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use crate::{client::Client, config::Secret};

/// Which server, and what in it
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct Remote {
    /// Address of the server
    #[arg(long, env = "SLUICEGATE_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// API key, or a JWT
    #[arg(long, env = "SLUICEGATE_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub key: Option<Secret>,
    /// Workspace: id, slug or name. May be missing where the key opens only one
    #[arg(long, env = "SLUICEGATE_WORKSPACE", value_name = "WORKSPACE")]
    pub workspace: Option<String>,
    /// Pod: id, slug or name. May be missing where the workspace has only one
    #[arg(long, env = "SLUICEGATE_POD", value_name = "POD")]
    pub pod: Option<String>,
}

/// A pod of a server, and a client of it.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The client.
    pub client: Client,
    /// The path of the pod, such as `/v1/workspaces/.../pods/...`.
    pub path: String,
}

impl Remote {
    /// A client of the server.
    pub fn client(&self) -> anyhow::Result<Client> {
        // An empty variable is none.
        let key = self.key.as_ref().map(Secret::expose).filter(|key| !key.is_empty());
        Ok(Client::new(&self.url, key)?)
    }

    /// The pod.
    pub async fn pod(&self) -> anyhow::Result<Pod> {
        let client = self.client()?;
        let workspace = choose(&client, "/v1/workspaces", "workspace", given(self.workspace.as_ref())).await?;
        let pods = format!("/v1/workspaces/{workspace}/pods");
        let pod = choose(&client, &pods, "pod", given(self.pod.as_ref())).await?;
        Ok(Pod { path: format!("{pods}/{pod}"), client })
    }
}

fn given(name: Option<&String>) -> Option<&str> {
    name.map(String::as_str).filter(|name| !name.is_empty())
}

/// The id of what is meant in a list: the one that is named, or the only one there is.
async fn choose(client: &Client, list: &str, what: &str, named: Option<&str>) -> anyhow::Result<String> {
    if let Some(id) = named.filter(|name| is_id(name)) {
        return Ok(id.to_owned());
    }
    let rows = client.list(list, 1_000).await?;
    let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
    let fits = |row: &&Value| named.is_none_or(|named| named == text(row, "slug") || named == text(row, "name"));
    let found: Vec<&Value> = rows.iter().filter(fits).collect();
    let names = || rows.iter().map(|row| text(row, "slug")).collect::<Vec<_>>().join(", ");
    match (found.as_slice(), named) {
        ([one], _) => Ok(text(one, "id")),
        ([], Some(named)) => bail!("there is no {what} `{named}`; there are: {}", names()),
        ([], None) => bail!("the key opens no {what}"),
        (_, Some(named)) => bail!("several {what}s are called `{named}`: name one by its id"),
        (_, None) => bail!("there are several {what}s: name one with --{what}: {}", names()),
    }
}

/// Whether a text is an id rather than a name.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

impl Pod {
    /// A path below the pod.
    pub fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", self.path)
    }

    /// The path of an execution.
    pub fn execution(&self, id: &str) -> anyhow::Result<String> {
        anyhow::ensure!(is_id(id), "`{id}` is no execution's id: `sluicegate executions` lists them");
        Ok(self.at(&format!("executions/{id}")))
    }

    /// A workflow by its id or its name.
    pub async fn workflow(&self, named: &str) -> anyhow::Result<Value> {
        if is_id(named) {
            return Ok(self.client.get(&self.at(&format!("workflows/{named}"))).await?);
        }
        let rows = self.workflows().await?;
        let name = |row: &&Value| row["name"].as_str().unwrap_or_default().to_owned();
        let same: Vec<&Value> = rows.iter().filter(|row| name(row) == named).collect();
        let alike: Vec<&Value> = rows.iter().filter(|row| name(row).eq_ignore_ascii_case(named)).collect();
        let found = if same.is_empty() { alike } else { same };
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let names: Vec<String> = rows.iter().map(|row| format!("`{}`", name(&row))).collect();
                bail!("there is no workflow `{named}` in this pod; there are: {}", names.join(", "))
            }
            several => {
                let ids: Vec<&str> = several.iter().filter_map(|row| row["id"].as_str()).collect();
                bail!("{} workflows are called `{named}`: name one by its id: {}", several.len(), ids.join(", "))
            }
        }
    }

    /// All workflows, without their definitions.
    pub async fn workflows(&self) -> anyhow::Result<Vec<Value>> {
        self.client.list(&self.at("workflows"), usize::MAX).await.context("listing the workflows")
    }
}

/// JSON as an argument: itself, `@FILE`, or `-` for standard input.
pub fn read_json(argument: &str) -> anyhow::Result<Value> {
    let (text, place) = match argument {
        "-" => (std::io::read_to_string(std::io::stdin())?, "standard input".to_owned()),
        _ => match argument.strip_prefix('@') {
            Some(path) => (std::fs::read_to_string(path).with_context(|| path.to_owned())?, path.to_owned()),
            None => (argument.to_owned(), format!("`{argument}`")),
        },
    };
    serde_json::from_str(&text).with_context(|| format!("{place} is no JSON"))
}
