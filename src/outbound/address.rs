//! Which addresses a tenant may reach: everything public, and what the operator's allow list opens.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A range of addresses, written `10.0.0.0/8`, `fd00::/8`, or as one address.
///
/// IPv4 and IPv6 are two worlds here: `127.0.0.0/8` does not contain `::ffff:127.0.0.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no [`Network`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a network: {reason}")]
pub struct InvalidNetwork {
    text: String,
    reason: &'static str,
}

impl Network {
    /// Whether `address` lies in this range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && first_bits(self.address, self.prefix) == first_bits(address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = |reason| InvalidNetwork { text: text.to_owned(), reason };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| invalid("it has to start with an IP address"))?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => all,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= all && !bits.starts_with('+'))
                .ok_or_else(|| invalid("what follows `/` has to be a number of bits that such an address has"))?,
        };
        // `10.0.0.1/8` may mean one address or sixteen million: whoever opens a network has to say which.
        if first_bits(address, prefix) != first_bits(address, all) {
            return Err(invalid("the address has bits after the prefix"));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address as a number, with all bits after the first `count` cleared.
fn first_bits(address: IpAddr, count: u8) -> u128 {
    let (bits, width) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    bits & u128::MAX.checked_shl(width - u32::from(count)).unwrap_or(0)
}

/// Why `address` may not be reached, or `None` when it may.
pub(super) fn refusal(address: IpAddr, allow: &[Network]) -> Option<&'static str> {
    if allow.iter().any(|network| network.contains(address)) {
        return None;
    }
    BLOCKED.iter().find(|(network, _)| network.contains(address)).map(|(_, reason)| *reason)
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Network {
    Network { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
}

/// From the two halves of the address.
const fn v6(high: u64, low: u64, prefix: u8) -> Network {
    Network { address: IpAddr::V6(Ipv6Addr::from_bits((high as u128) << 64 | low as u128)), prefix }
}

/// What nobody outside a machine or its network should be led to, after the registries of special-purpose addresses
/// (RFC 6890 and its updates). Ranges that carry an IPv4 address inside are blocked whole: they are ways around.
const BLOCKED: &[(Network, &str)] = &[
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "shared between a provider's customers"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(168, 63, 129, 16, 32), "metadata of a cloud"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved or broadcast"),
    // `::`, `::1` and the abandoned IPv4-compatible form.
    (v6(0, 0, 96), "unspecified or loopback"),
    (v6(0, 0x0000_ffff_0000_0000, 96), "IPv4-mapped"),
    (v6(0, 0xffff_0000_0000_0000, 96), "IPv4-translated"),
    (v6(0x0064_ff9b_0000_0000, 0, 96), "NAT64"),
    (v6(0x0064_ff9b_0001_0000, 0, 48), "NAT64"),
    (v6(0x0100_0000_0000_0000, 0, 64), "discard-only"),
    (v6(0x2001_0000_0000_0000, 0, 23), "protocol assignments and Teredo"),
    (v6(0x2001_0db8_0000_0000, 0, 32), "documentation"),
    (v6(0x2002_0000_0000_0000, 0, 16), "6to4"),
    (v6(0x3fff_0000_0000_0000, 0, 20), "documentation"),
    (v6(0x5f00_0000_0000_0000, 0, 16), "segment routing"),
    (v6(0xfc00_0000_0000_0000, 0, 7), "unique-local"),
    (v6(0xfe80_0000_0000_0000, 0, 10), "link-local"),
    (v6(0xfec0_0000_0000_0000, 0, 10), "site-local"),
    (v6(0xff00_0000_0000_0000, 0, 8), "multicast"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_addresses_are_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(refusal(address.parse().unwrap(), &[]).is_some(), "{address} is let through");
        }
    }

    #[test]
    fn public_addresses_are_let_through() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00::1",
            "2003::1",
            "2001:4860:4860::8888",
            "2001:200::1",
        ] {
            assert_eq!(refusal(address.parse().unwrap(), &[]), None, "{address}");
        }
    }

    #[test]
    fn the_allow_list_opens_what_it_names_and_nothing_else() {
        let allow: Vec<Network> = ["127.0.0.1", "10.1.0.0/16", "fd00::/8"].map(|text| text.parse().unwrap()).into();
        for (address, open) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::ffff:127.0.0.1", false),
            ("10.1.2.3", true),
            ("10.2.0.0", false),
            ("fd12::1", true),
            ("fc12::1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(refusal(address.parse().unwrap(), &allow).is_none(), open, "{address}");
        }
        let everything: Network = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains("255.1.2.3".parse().unwrap()) && !everything.contains("::1".parse().unwrap()));
    }

    #[test]
    fn a_network_that_may_mean_two_things_is_refused() {
        for (text, reason) in [
            ("", "start with an IP address"),
            ("example.com", "start with an IP address"),
            ("10.0.0/8", "start with"),
            ("10.0.0.0/33", "number of bits"),
            ("::/129", "number of bits"),
            ("10.0.0.0/", "number of bits"),
            ("10.0.0.0/+8", "number of bits"),
            ("10.0.0.0/-1", "number of bits"),
            ("10.0.0.1/8", "after the prefix"),
            ("fd00::1/8", "after the prefix"),
            ("127.0.0.1:80", "start with an IP address"),
        ] {
            let error = text.parse::<Network>().expect_err(text).to_string();
            assert!(error.contains(reason) && error.contains(text), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_network_reads_as_it_is_written_and_contains_what_shares_its_first_bits(
            address: u32, other: u32, prefix in 0u8..=32,
        ) {
            let mask = u64::from(u32::MAX) << (32 - prefix) & u64::from(u32::MAX);
            let start = Ipv4Addr::from_bits(address & mask as u32);
            let network: Network = format!("{start}/{prefix}").parse().unwrap();
            prop_assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
            prop_assert!(network.contains(Ipv4Addr::from_bits(address).into()));
            prop_assert_eq!(
                network.contains(Ipv4Addr::from_bits(other).into()),
                (address ^ other).leading_zeros() >= u32::from(prefix)
            );
        }
    }
}
