//! The simulated network: every call of a node comes to a server that answers, fails, or says nothing.

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluicegate::{
    domain::ids::ExecutionId,
    outbound::{Carrier, OutboundError, Request, Response},
};

use super::{machine::Machine, world::short};

/// The header by which a server tells repetitions apart: `<execution>/<address>`.
const KEY: &str = "idempotency-key";

/// A machine's way to the network.
pub struct Network(pub Arc<Machine>);

#[async_trait]
impl Carrier for Network {
    async fn carry(&self, request: Request) -> Result<Response, OutboundError> {
        let machine = &self.0;
        machine.live().await;
        let key = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(KEY)).map(|(_, key)| key.as_str());
        let (id, address) = key.and_then(|key| key.split_once('/')).expect("each call of these workflows has a key");
        let id: ExecutionId = id.parse().expect("it is an execution's id");
        {
            let mut state = machine.world.state();
            state.note(format_args!("m{} calls {} for {} `{address}`", machine.boot, request.url, short(id)));
            let law = state.laws.effect(machine.boot, id, address, request.url.contains("once"));
            state.check(law);
        }
        tokio::time::sleep(Duration::from_millis(machine.draw(400))).await;
        machine.live().await;
        let faults = machine.world.state().faults;
        let status = match machine.draw(10) {
            0 if faults => return pending().await,
            1 if faults => {
                let (host, reason) = ("sim.test".to_owned(), "it was reset".to_owned());
                return Err(OutboundError::Protocol { host, reason });
            }
            2 => 503,
            3 => 400,
            _ => 200,
        };
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status, url: request.url, headers, body: br#"{"ok":true}"#.to_vec() })
    }
}
