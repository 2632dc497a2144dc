//! How often a client may get it wrong: credentials, links and deliveries that are refused are counted by the client's address.
//!
//! Only what is refused counts, so busy clients that know what they do are not held up; what they may do has limits of its own (of a
//! webhook, of a workspace). Who has got it wrong too often gets 429 in place of the refusal. Doors that ask for no credential in a
//! header (webhooks, links, signing in) are then closed to the address before anything is looked up; others stay open to those who
//! come with a credential that holds, because many clients may share an address.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    error::{Code, Problem},
    without_version,
};
use crate::{
    clock::Clock,
    engine::pace::{MINUTE_MS, Pace},
    outbound::Network,
};

/// Doors whose credential is in the path or the body.
const OPEN: [(Option<Method>, &str); 5] = [
    (None, "/webhooks/{webhookId}/trigger"),
    (None, "/callbacks/{token}"),
    (None, "/artifacts/{token}/{fileName}"),
    (None, "/respond/{token}"),
    (Some(Method::POST), "/session"),
];
/// So many addresses are counted one by one; those that come beyond share a count until others have rested.
const MOST_ADDRESSES: usize = 65_536;
/// One client of IPv6 has at least a network of this size to itself.
const IPV6_PREFIX: u32 = 64;

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Whose refusals are counted together: those of an address, or of all that found no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Client(Option<IpAddr>);

/// What was refused lately.
#[derive(Debug)]
pub struct Refusals {
    pace: Pace<Client>,
    per_minute: i64,
    proxies: Vec<Network>,
    clock: Clock,
    most: usize,
}

impl Refusals {
    /// With so many refusals per minute and address, 0 for any number. `proxies` are believed what they say of their clients.
    pub fn new(per_minute: i64, proxies: Vec<Network>, clock: Clock) -> Self {
        Self { pace: Pace::default(), per_minute, proxies, clock, most: MOST_ADDRESSES }
    }

    /// Whose count a request goes to; none if nothing is counted.
    fn client(&self, request: &Request) -> Option<Client> {
        if self.per_minute == 0 {
            return None;
        }
        let Peer(peer) = request.extensions().get()?;
        let client = Client(Some(network_of(self.client_of(*peer, request.headers()))));
        // No memory for everybody in the world.
        Some(if self.pace.known() < self.most || self.pace.knows(&client) { client } else { Client(None) })
    }

    /// The last address in the chain of proxies that is not one of ours: what stands before it anybody can have written.
    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let is_proxy = |address: IpAddr| self.proxies.iter().any(|proxy| proxy.contains(address));
        let mut client = peer.to_canonical();
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or_default()).collect();
        let mut told = lines.iter().rev().flat_map(|line| line.rsplit(','));
        while is_proxy(client)
            && let Some(Ok(before)) = told.next().map(|text| text.trim().parse::<IpAddr>())
        {
            client = before.to_canonical();
        }
        client
    }

    /// For how many seconds the client is kept out.
    fn wait_s(&self, client: Client) -> Option<u64> {
        self.pace.wait_s(&client, self.per_minute, MINUTE_MS, self.clock.now())
    }

    /// Counts a refusal; or tells after how many seconds the next one may be.
    fn count(&self, client: Client) -> Result<(), u64> {
        self.pace.take(client, self.per_minute, MINUTE_MS, self.clock.now())
    }
}

/// Counts what is refused, and refuses more of it.
pub async fn bound(State(refusals): State<Arc<Refusals>>, request: Request, next: Next) -> Response {
    let Some(client) = refusals.client(&request) else { return next.run(request).await };
    let is_open = is_open(&request);
    if is_open && let Some(seconds) = refusals.wait_s(client) {
        return too_many(seconds);
    }
    let response = next.run(request).await;
    if is_refusal(&response, is_open)
        && let Err(seconds) = refusals.count(client)
    {
        return too_many(seconds);
    }
    response
}

fn is_open(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>().map(|path| without_version(path.as_str()));
    OPEN.iter()
        .any(|(method, open)| path == Some(*open) && method.as_ref().is_none_or(|method| *method == *request.method()))
}

/// Whether somebody had no credential, link or signature that holds.
fn is_refusal(response: &Response, is_open: bool) -> bool {
    let code = response.extensions().get::<Problem>().map(Problem::code);
    // The pages of links are no problem documents.
    let of_link = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::GONE];
    code == Some(Code::InvalidCredentials) || is_open && of_link.contains(&response.status())
}

fn too_many(seconds: u64) -> Response {
    let detail = "too many credentials, links or deliveries from this address were refused: wait";
    Problem::new(Code::TooManyRequests, detail).retry_after_s(seconds).into_response()
}

/// What one client can't leave.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let kept = u128::MAX << (u128::BITS - IPV6_PREFIX);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & kept))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Instant;

    fn refusals(proxies: &[&str]) -> Refusals {
        let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap()).collect();
        Refusals::new(2, proxies, Clock::manual(Instant(1_800_000_000_000)))
    }

    fn client(proxies: &[&str], peer: &str, told: &[&str]) -> String {
        let headers = told.iter().map(|line| ("x-forwarded-for".parse().unwrap(), line.parse().unwrap())).collect();
        refusals(proxies).client_of(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let own = ["10.0.0.0/8", "192.0.2.7"];
        for (peer, told, expected) in [
            ("198.51.100.1", &["203.0.113.9"][..], "198.51.100.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9, 192.0.2.7"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9,10.2.2.2"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["10.0.0.2"], "10.0.0.2"),
        ] {
            assert_eq!(client(&own, peer, told), expected, "{peer} {told:?}");
        }
    }

    #[test]
    fn a_client_of_ipv6_is_its_network() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn addresses_beyond_the_most_share_a_count() {
        let refusals = Refusals { most: 100, ..refusals(&[]) };
        let request = |address: u32| {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(Peer(std::net::Ipv4Addr::from_bits(address).into()));
            request
        };
        for address in 0..refusals.most as u32 {
            refusals.count(refusals.client(&request(address)).unwrap()).unwrap();
        }
        assert_ne!(refusals.client(&request(7)), Some(Client(None)));
        assert_eq!(refusals.client(&request(u32::MAX)), Some(Client(None)));
    }
}
