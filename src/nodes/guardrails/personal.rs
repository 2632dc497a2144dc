//! Personal data by its shape. A shape that other numbers have as well counts only where its check digit is right (ISO/IEC 7812-1 for
//! cards, ISO 13616 for IBANs) or its parts are possible.

use std::net::{Ipv4Addr, Ipv6Addr};

use regex::Regex;

use super::Rule;

/// What it looks like, and what says no to something else that looks the same.
type Shape = (&'static str, fn(&str) -> bool);

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PersonalData {
    Email,
    Phone,
    CreditCard,
    Iban,
    IpAddress,
    UsSsn,
}

impl PersonalData {
    pub(super) const NAMES: [&str; 6] = ["email", "phone", "credit_card", "iban", "ip_address", "us_ssn"];
    const ALL: [Self; 6] = [Self::Email, Self::Phone, Self::CreditCard, Self::Iban, Self::IpAddress, Self::UsSsn];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().zip(Self::NAMES).find_map(|(kind, known)| (known == name).then_some(kind))
    }

    /// What to look for.
    pub(super) fn rules(self) -> Vec<Rule> {
        let shapes: &[Shape] = match self {
            Self::Email => &[(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)*\.\pL{2,}", |_| true)],
            Self::Phone => &[
                (r"(?:\+|\b00)[1-9](?:[ ()./-]{0,2}\d){6,14}\b", |_| true),
                (r"(?:\b|\()0\d{1,4}\)?[ /-]\d(?:[ -]?\d){4,10}\b", |text| !is_date(text)),
            ],
            Self::CreditCard => &[(r"\b\d(?:[ -]?\d){12,18}\b", is_card)],
            Self::Iban => &[(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", is_iban)],
            Self::IpAddress => &[
                (r"\b(?:\d{1,3}\.){3}\d{1,3}\b", |text| text.parse::<Ipv4Addr>().is_ok()),
                (r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}", |text| {
                    text.len() > 4 && text.parse::<Ipv6Addr>().is_ok()
                }),
            ],
            Self::UsSsn => &[(r"\b\d{3}-\d{2}-\d{4}\b", is_ssn)],
        };
        let name = Self::NAMES[Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default()];
        shapes
            .iter()
            .map(|(shape, holds)| Rule {
                name: name.to_owned(),
                pattern: Regex::new(shape).expect("the shapes are checked by a test"),
                holds: *holds,
                instead: format!("[{name}]"),
            })
            .collect()
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    matches!(parts[..], [2, 2, 2 | 4])
}

/// The digit that makes the sum a multiple of ten, each second digit from the right doubled.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2 == 1, *digit) {
            (true, digit) if digit > 4 => digit * 2 - 9,
            (true, digit) => digit * 2,
            (false, digit) => digit,
        })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// With the first four signs at the end and letters as numbers from 10, it leaves 1 when divided by 97.
fn is_iban(text: &str) -> bool {
    let signs: Vec<char> = text.chars().filter(|sign| *sign != ' ').collect();
    if !(15..=34).contains(&signs.len()) {
        return false;
    }
    let turned = signs[4..].iter().chain(&signs[..4]);
    let rest = turned
        .filter_map(|sign| sign.to_digit(36))
        .fold(0_u64, |rest, value| (rest * if value > 9 { 100 } else { 10 } + u64::from(value)) % 97);
    rest == 1
}

fn is_ssn(text: &str) -> bool {
    let area = &text[..3];
    area != "000" && area != "666" && !area.starts_with('9') && &text[4..6] != "00" && &text[7..] != "0000"
}
