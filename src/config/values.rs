//! Kinds of settings: secrets, durations, sizes; each is written as a text and read the same way from flag, environment and file.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, where it is used.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// A length of time, written `250ms`, `15s`, `10m`, `2h` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text);
        let ms_per_unit = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(format!("`{text}` is not a duration such as `15s`, `10m` or `2h`")),
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(ms_per_unit))
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| format!("`{text}` is not a duration such as `15s`, `10m` or `2h`"))
    }
}

/// A number of bytes, written `65536`, `512KiB`, `4MiB` or `1GiB`; `512K`, `4M` and `1G` mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub usize);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text);
        let bytes_per_unit = match unit {
            "" | "B" => 1,
            // As people write it who are used to containers.
            "KiB" | "K" => 1 << 10,
            "MiB" | "M" => 1 << 20,
            "GiB" | "G" => 1 << 30,
            _ => return Err(format!("`{text}` is not a size such as `65536`, `512KiB` or `4MiB`")),
        };
        number
            .parse::<usize>()
            .ok()
            .and_then(|n| n.checked_mul(bytes_per_unit))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size such as `65536`, `512KiB` or `4MiB`"))
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A variable of the environment whose name the operator has written down.
#[expect(clippy::disallowed_methods, reason = "the name is not known before it is read")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

macro_rules! read_from_text {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
read_from_text!(Secret, Span, ByteSize);

/// One secret or a list of them. Serde's own complaint about a wrong type would quote the secret.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Secret>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text or a list of texts")]
    enum OneOrMany {
        One(Secret),
        Many(Vec<Secret>),
    }
    OneOrMany::deserialize(deserializer).map(|secrets| match secrets {
        OneOrMany::One(secret) => Some(vec![secret]),
        OneOrMany::Many(secrets) => Some(secrets),
    })
}
