//! Durations as people write them: `90s`, `1h30m`, `500ms`, `7d`, and ISO 8601 without months and years, which have no
//! fixed length.

/// Reads a duration in whole milliseconds, rounded down. `None` for anything that is not one, signs included.
pub fn parse_duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let microseconds = match text.strip_prefix(['P', 'p']) {
        Some(iso) => iso_duration(iso)?,
        None => parts(text, &[("ms", MS), ("us", 1), ("s", S), ("m", M), ("h", H), ("d", D), ("w", 7 * D)])?,
    };
    i64::try_from(microseconds / MS).ok()
}

const MS: i128 = 1_000;
const S: i128 = 1_000 * MS;
const M: i128 = 60 * S;
const H: i128 = 60 * M;
const D: i128 = 24 * H;

fn iso_duration(text: &str) -> Option<i128> {
    let text = text.to_ascii_lowercase();
    let (date, time) = match text.split_once('t') {
        Some((date, time)) => (date, Some(parts(time, &[("h", H), ("m", M), ("s", S)])?)),
        None => (text.as_str(), None),
    };
    match time {
        Some(time) if date.is_empty() => Some(time),
        time => Some(parts(date, &[("w", 7 * D), ("d", D)])? + time.unwrap_or(0)),
    }
}

/// Adds up one or more of `<number><unit>`; the units in any order, each at most once.
fn parts(text: &str, units: &[(&str, i128)]) -> Option<i128> {
    let mut rest = text;
    let mut total = 0_i128;
    let mut used = Vec::new();
    loop {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','))?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(letters);
        let (name, length) = units.iter().find(|(name, _)| *name == unit)?;
        if used.contains(name) {
            return None;
        }
        used.push(name);
        total += scaled(number, *length)?;
        if after.is_empty() {
            return Some(total);
        }
        rest = after;
    }
}

/// `number * length` without rounding twice; at most 18 digits before the point and 9 after it.
fn scaled(number: &str, length: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()).then(|| text.parse::<u64>().ok()).flatten().map(i128::from)
    };
    let fraction_value = digits(fraction, 9)?;
    Some(digits(whole, 18)? * length + fraction_value * length / 10_i128.pow(fraction.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::parse_duration;

    #[test]
    fn reads_short_and_iso_forms() {
        for (text, expected) in [
            ("90s", 90_000),
            ("2h", 7_200_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("7d", 604_800_000),
            ("1w", 604_800_000),
            ("1.5s", 1_500),
            (" 0s ", 0),
            ("1500us", 1),
            ("PT1H", 3_600_000),
            ("PT1H30M", 5_400_000),
            ("P1DT2H", 93_600_000),
            ("P2W", 1_209_600_000),
            ("P1D", 86_400_000),
            ("PT0.5S", 500),
            ("pt0,25s", 250),
        ] {
            assert_eq!(parse_duration(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in [
            "",
            " ",
            "s",
            "90",
            "-1s",
            "+1s",
            "1x",
            "1h 30m",
            "1s1s",
            "1..5s",
            ".5s",
            "1.s",
            "P",
            "PT",
            "P1M",
            "P1Y",
            "P1DT",
            "PT1D",
            "P1H",
            "1e3s",
            "999999999999999999w",
            "9999999999999999999999s",
            "∞s",
            "1ｓ",
            "P1D PT1H",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
