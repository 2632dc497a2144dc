//! The hosts that a tenant wants to be called, and no others.

use std::{fmt, sync::Arc};

use url::Host;

/// Hosts by name. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Hosts(Arc<[Pattern]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// This host, as it stands in a parsed URL.
    Exact(String),
    /// Every host with more labels in front; with its dot.
    Below(String),
}

impl Hosts {
    /// From names such as `api.example.org`, addresses, and `*.example.org` for everything below a name. `Err` tells which one is
    /// none, by its index, and why.
    pub fn new<T: AsRef<str>>(names: &[T]) -> Result<Self, (usize, String)> {
        let patterns = names.iter().enumerate().map(|(index, name)| {
            pattern(name.as_ref()).ok_or_else(|| {
                let message =
                    "must be a host such as `api.example.org`, or `*.example.org`; without scheme, port and path";
                (index, message.to_owned())
            })
        });
        Ok(Self(patterns.collect::<Result<Vec<_>, _>>()?.into()))
    }

    /// Whether a host is one of them; it stands as in a parsed URL.
    pub(super) fn contain(&self, host: &str) -> bool {
        // `example.org.` is the same host.
        let host = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|pattern| match pattern {
            Pattern::Exact(name) => host == name,
            Pattern::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
        })
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter()).finish()
    }
}

fn pattern(name: &str) -> Option<Pattern> {
    let (below, name) = name.strip_prefix("*.").map_or((false, name), |rest| (true, rest));
    if name.is_empty() || name.ends_with('.') || name.contains(['*', '/', ' ', '@', '?', '#', '%']) {
        return None;
    }
    // In lower case, and in the letters of a URL.
    match Host::parse(name).ok()? {
        Host::Domain(domain) if below => Some(Pattern::Below(format!(".{domain}"))),
        _ if below => None,
        host => Some(Pattern::Exact(host.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_of_them_or_below_one() {
        let hosts = Hosts::new(&["API.example.org", "*.example.com", "127.0.0.1", "[::1]", "bücher.example"]).unwrap();
        let host = |url: &str| url::Url::parse(url).unwrap().host_str().unwrap().to_owned();
        for (url, contained) in [
            ("https://api.example.org/x", true),
            ("https://API.EXAMPLE.ORG./", true),
            ("https://www.api.example.org/", false),
            ("https://example.org/", false),
            ("https://a.example.com/", true),
            ("https://a.b.example.com:8443/", true),
            ("https://example.com/", false),
            ("https://notexample.com/", false),
            ("https://example.com.evil.example/", false),
            ("https://a.example.com@evil.example/", false),
            ("http://127.0.0.1:8080/", true),
            ("http://127.1/", true),
            ("http://127.0.0.2/", false),
            ("http://[::1]:80/", true),
            ("http://xn--bcher-kva.example/", true),
        ] {
            assert_eq!(hosts.contain(&host(url)), contained, "{url}");
        }
        assert!(!Hosts::new::<&str>(&[]).unwrap().contain("example.org"), "an empty list is no host at all");
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_place() {
        for name in [
            "",
            "*",
            "*.",
            "https://example.org",
            "example.org/x",
            "example.org:443",
            "a.*.org",
            "*.127.0.0.1",
            "a b",
            "x.",
        ] {
            assert_eq!(Hosts::new(&["example.org", name]).unwrap_err().0, 1, "{name}");
        }
    }
}
