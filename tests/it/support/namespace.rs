//! A network namespace with two cables to this machine: one for clients and services, one for the database, which can be cut.

use std::process::Command;

/// The namespace; it ends with this value, and its cables with it.
pub struct Namespace {
    name: String,
    /// This machine as it is seen over the clients' cable, and the other end of it.
    pub here: String,
    pub there: String,
    /// This machine as it is seen over the database's cable.
    pub database: String,
    /// The network of the database's cable.
    pub database_network: String,
    cable: String,
}

impl Namespace {
    /// A new one. None where the machine does not let us make any, which is said and, in CI, not accepted.
    #[expect(clippy::disallowed_methods, reason = "where the tests run is no setting of the server")]
    pub fn make() -> Option<Self> {
        match Self::try_make() {
            Ok(namespace) => Some(namespace),
            Err(error) => {
                assert!(std::env::var("CI").is_err(), "no network namespace: {error}");
                println!("SKIPPED: this machine lets us make no network namespace: {error}");
                None
            }
        }
    }

    fn try_make() -> Result<Self, String> {
        let process = std::process::id();
        // Networks of four addresses below 198.18.0.0/15, which is set aside for tests between machines.
        let network = |index: u32| {
            let address = (198 << 24) + (18 << 16) + ((process % 16_384) * 2 + index) * 4;
            move |host: u32| std::net::Ipv4Addr::from(address + host).to_string()
        };
        let (clients, database) = (network(0), network(1));
        let name = format!("sluicegate-{process}");
        let made = Self {
            cable: format!("sgd{process}"),
            here: clients(1),
            there: clients(2),
            database: database(1),
            database_network: format!("{}/30", database(0)),
            name,
        };
        ip(&format!("netns add {}", made.name))?;
        // From here on, what was made is taken down when something fails.
        for (cable, here, there) in
            [(&format!("sgc{process}"), &made.here, &made.there), (&made.cable, &made.database, &database(2))]
        {
            ip(&format!("link add {cable} type veth peer name {cable}n netns {}", made.name))?;
            ip(&format!("address add {here}/30 dev {cable}"))?;
            ip(&format!("link set {cable} up"))?;
            ip(&format!("-n {} address add {there}/30 dev {cable}n", made.name))?;
            ip(&format!("-n {} link set {cable}n up", made.name))?;
        }
        ip(&format!("-n {} link set lo up", made.name))?;
        Ok(made)
    }

    /// What a command begins with that is to run in there.
    pub fn under(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].map(str::to_owned).to_vec()
    }

    /// Cuts the database off: nobody is told, packets just don't arrive.
    pub fn cut(&self) {
        ip(&format!("link set {} down", self.cable)).unwrap();
    }

    /// Mends the cable.
    pub fn mend(&self) {
        ip(&format!("link set {} up", self.cable)).unwrap();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The cables' other ends are in it. Not there, if it could not be made.
        _ = ip(&format!("netns delete {}", self.name));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("ip {arguments}: {error}")) }
}
