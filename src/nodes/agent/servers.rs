//! Tool servers (Model Context Protocol) of an agent: what they offer is asked for once, before the model's first turn, and kept in
//! the journal, so the model has the same tools in every turn.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::nodes::{
    Effect, EffectContext, Entry, NodeContext, Outcome, Report, Step,
    config::Config,
    mcp::{Endpoint, Offer, Server},
};

use super::tools::Tool;

/// The kind of the journal's entries that say what a server offers.
const TOOLS: &str = "tools";
pub(super) const MAX_SERVERS: usize = 16;
/// The longest name of a tool.
const MAX_NAME: usize = 64;

/// A server, and which of its tools the model may call.
pub(super) struct ToolServer {
    pub(super) name: String,
    server: Arc<Server>,
    only: Option<Vec<String>>,
}

impl ToolServer {
    /// Compiles `mcpServers`; none if a problem was noted.
    pub(super) fn compile_all(config: &mut Config<'_>) -> Option<Vec<Self>> {
        let mut servers: Vec<Option<Self>> = Vec::new();
        for (i, listed) in config.list("mcpServers").iter().enumerate().take(MAX_SERVERS) {
            let (Some(data), Some(name)) = (listed.as_object(), listed["name"].as_str()) else {
                servers.push(None);
                continue;
            };
            if servers.iter().flatten().any(|known| known.name == name) {
                config.problem(&format!("/mcpServers/{i}/name"), format!("two servers are named `{name}`"));
            }
            let server = config.within(&format!("/mcpServers/{i}"), data, Server::compile);
            let only = listed["tools"]
                .as_array()
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            servers.push(server.map(|server| Self { name: name.to_owned(), server: Arc::new(server), only }));
        }
        servers.into_iter().collect()
    }

    fn offered<'j>(&self, journal: &'j [Entry]) -> Option<&'j Vec<Value>> {
        let entry = journal.iter().find(|entry| entry.kind == TOOLS && entry.detail["server"] == self.name.as_str())?;
        entry.detail["tools"].as_array()
    }
}

/// Asks the servers that have not told yet what they offer; none if all have.
pub(super) fn ask(servers: &[ToolServer], context: &NodeContext<'_>) -> Option<Step> {
    let mut silent = Vec::new();
    for server in servers.iter().filter(|server| server.offered(context.journal).is_none()) {
        match server.server.endpoint(context) {
            Ok(endpoint) => silent.push((server.name.clone(), endpoint)),
            Err(failure) => return Some(failure.into()),
        }
    }
    (!silent.is_empty()).then(|| Step::Effect(Box::new(AskServers(silent))))
}

/// The tools that servers have offered.
pub(super) fn tools(servers: &[ToolServer], journal: &[Entry]) -> Vec<Tool> {
    let mut tools = Vec::new();
    for server in servers {
        for offered in server.offered(journal).into_iter().flatten() {
            let Some(name) = offered["name"].as_str() else { continue };
            if server.only.as_ref().is_some_and(|only| !only.iter().any(|listed| listed == name)) {
                continue;
            }
            let offer = Offer { server: Arc::clone(&server.server), tool: name.to_owned() };
            let description = offered["description"].as_str().unwrap_or_default().to_owned();
            let parameters = offered["parameters"].clone();
            tools.push(Tool::offered(called(&server.name, name), description, parameters, Box::new(offer)));
        }
    }
    tools
}

/// How the model calls a tool of a server: what models' servers take as a name.
fn called(server: &str, tool: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("{server}_{tool}").chars().map(plain).take(MAX_NAME).collect()
}

struct AskServers(Vec<(String, Endpoint)>);

#[async_trait]
impl Effect for AskServers {
    async fn run(self: Box<Self>, context: EffectContext) -> Outcome {
        let asked = self.0.iter().map(async |(name, endpoint)| (name, endpoint.offers(&context).await));
        for (name, offered) in join_all(asked).await {
            let offered = match offered {
                Ok(offered) => offered,
                Err(failure) => {
                    let message = format!("the server `{name}`: {}", failure.message);
                    return Outcome::Fail(crate::domain::failure::Failure { message, ..failure });
                }
            };
            let title = format!("{name} offers {} tools", offered.len());
            let tools = offered.into_iter().map(
                |tool| json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters }),
            );
            let detail = json!({ "server": name, "tools": tools.collect::<Vec<_>>() });
            // Nobody listens any more: the attempt is over.
            let _ = context.reports.send(Report::Action { kind: TOOLS, title, detail }).await;
        }
        Outcome::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_models_take() {
        assert_eq!(called("files", "read_file"), "files_read_file");
        assert_eq!(called("a b", "x.y/z-1é"), "a_b_x_y_z-1_");
        assert_eq!(called("s", &"x".repeat(100)).len(), MAX_NAME);
    }
}
