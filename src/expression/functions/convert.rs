//! Functions from one form to another: types, JSON, base64, digests, ids.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::super::error::Failure;
use super::super::evaluate::Outcome;
use super::super::limits::{ENTRY_BYTES, Meter, Purse, SLOT_BYTES};
use super::super::value::{Datum, Numeric, push_json, push_text, type_name};
use super::Arguments;

/// `string(x)`: the text that a template would show; null is empty, lists and maps are JSON.
pub(super) fn string(mut arguments: Arguments<'_>) -> Outcome<'_> {
    if arguments.value(0).is_string() {
        return Ok(arguments.take(0));
    }
    let mut text = String::new();
    push_text(arguments.meter(), Purse::Working, arguments.value(0), &mut text)?;
    Ok(Datum::text(text))
}

/// `int(x)`: of a number its integer part, of a text the integer it spells.
pub(super) fn int(arguments: Arguments<'_>) -> Outcome<'_> {
    let out_of_range = || Failure::arithmetic("`int`: the number does not fit 64 bits");
    match arguments.value(0) {
        Value::Number(number) => match Numeric::of(number) {
            Numeric::Int(number) => Numeric::Int(number).into_value().map(Datum::scalar),
            // Both bounds are exact as doubles; the upper one is the first that does not fit.
            Numeric::Float(number) if (-(2_f64.powi(63))..2_f64.powi(63)).contains(&number) => {
                Ok(Datum::scalar(number as i64))
            }
            Numeric::Float(_) => Err(out_of_range()),
        },
        Value::String(text) if text.len() <= 64 => match text.trim().parse::<i64>() {
            Ok(number) => Ok(Datum::scalar(number)),
            Err(_) => Err(arguments.invalid("the text is not an integer")),
        },
        Value::String(_) => Err(arguments.invalid("the text is not an integer")),
        _ => Err(arguments.unfit(0, "a number or a string")),
    }
}

/// `double(x)`: of a number or of the text of one.
pub(super) fn double(arguments: Arguments<'_>) -> Outcome<'_> {
    let number = match arguments.value(0) {
        Value::Number(number) => Some(Numeric::of(number).as_float()),
        // Digits only: the words for infinity and not-a-number are no JSON numbers.
        Value::String(text)
            if text.len() <= 400 && !text.contains(|c: char| c.is_alphabetic() && c != 'e' && c != 'E') =>
        {
            text.trim().parse().ok()
        }
        Value::String(_) => None,
        _ => return Err(arguments.unfit(0, "a number or a string")),
    };
    let number = number.ok_or_else(|| arguments.invalid("the text is not a number"))?;
    Numeric::Float(number).into_value().map(Datum::scalar)
}

/// `bool(x)`: of a bool, or of the texts `true` and `false`.
pub(super) fn bool(arguments: Arguments<'_>) -> Outcome<'_> {
    match arguments.value(0) {
        Value::Bool(truth) => Ok(Datum::scalar(*truth)),
        Value::String(text) if text == "true" => Ok(Datum::scalar(true)),
        Value::String(text) if text == "false" => Ok(Datum::scalar(false)),
        Value::String(_) => Err(arguments.invalid("the text is neither `true` nor `false`")),
        _ => Err(arguments.unfit(0, "a bool or a string")),
    }
}

/// `type(x)`: the name of the type.
pub(super) fn type_of(arguments: Arguments<'_>) -> Outcome<'_> {
    arguments.copy_text(type_name(arguments.value(0)))
}

pub(super) fn to_json(arguments: Arguments<'_>) -> Outcome<'_> {
    let mut text = String::new();
    push_json(arguments.meter(), Purse::Working, arguments.value(0), &mut text)?;
    Ok(Datum::text(text))
}

/// `fromJson(text)`: pays for each element as it is read, since two bytes of text can become a value sixteen times the
/// size.
pub(super) fn from_json(arguments: Arguments<'_>) -> Outcome<'_> {
    let text = arguments.text(0)?;
    arguments.meter().burn(1 + text.len() as u64 / 64)?;
    let refused = std::cell::RefCell::new(None);
    let seed = Metered { meter: arguments.meter(), refused: &refused };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = seed.deserialize(&mut reader).and_then(|read| reader.end().map(|()| read));
    match (refused.into_inner(), read) {
        (Some(refused), _) => Err(refused),
        (None, Ok((value, depth))) => Ok(Datum::Owned(value, super::super::limits::check_depth(depth)?)),
        (None, Err(_)) => Err(arguments.invalid("the text is not JSON")),
    }
}

/// Reads a JSON value and its number of levels, paying as it goes.
#[derive(Clone, Copy)]
struct Metered<'m> {
    meter: &'m Meter,
    refused: &'m std::cell::RefCell<Option<Failure>>,
}

impl Metered<'_> {
    fn pay<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        self.meter.allocate(bytes).and_then(|()| self.meter.burn(1)).map_err(|refused| {
            self.refused.replace(Some(refused));
            E::custom("the budget is used up")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Metered<'_> {
    type Value = (Value, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Metered<'_> {
    type Value = (Value, usize);

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((Value::Null, 0))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok((truth.into(), 0))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok((number.into(), 0))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok((number.into(), 0))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Number::from_f64(number).map(|number| (number.into(), 0)).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        self.pay(text.len())?;
        Ok((text.into(), 0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        let mut deepest = 0;
        while let Some((item, depth)) = access.next_element_seed(self)? {
            self.pay(SLOT_BYTES)?;
            deepest = deepest.max(depth);
            items.push(item);
        }
        Ok((Value::Array(items), deepest + 1))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = Map::new();
        let mut deepest = 0;
        while let Some(key) = access.next_key::<String>()? {
            self.pay(ENTRY_BYTES + key.len())?;
            let (value, depth) = access.next_value_seed(self)?;
            deepest = deepest.max(depth);
            entries.insert(key, value);
        }
        Ok((Value::Object(entries), deepest + 1))
    }
}

pub(super) fn base64(arguments: Arguments<'_>) -> Outcome<'_> {
    let text = arguments.text(0)?;
    arguments.meter().scan(text.len())?;
    arguments.meter().allocate(text.len().div_ceil(3) * 4)?;
    Ok(Datum::text(STANDARD.encode(text)))
}

/// `unbase64(text)`: standard or URL alphabet, padded or not; the bytes must be UTF-8.
pub(super) fn unbase64(arguments: Arguments<'_>) -> Outcome<'_> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let text = arguments.text(0)?;
    arguments.meter().scan(text.len())?;
    arguments.meter().allocate(text.len())?;
    let bytes = if text.contains(['-', '_']) { URL.decode(text) } else { PLAIN.decode(text) };
    let bytes = bytes.map_err(|_| arguments.invalid("the text is not base64"))?;
    String::from_utf8(bytes).map(Datum::text).map_err(|_| arguments.invalid("the bytes are not UTF-8 text"))
}

/// `sha256(text)`: 64 lower-case hexadecimal digits.
pub(super) fn sha256(arguments: Arguments<'_>) -> Outcome<'_> {
    let text = arguments.text(0)?;
    arguments.meter().burn(4 + text.len() as u64 / 64)?;
    arguments.copy_text(&hexadecimal(&Sha256::digest(text)))
}

/// `hmacSha256(text, key)`: hexadecimal digits; with `"base64"` as third argument base64.
pub(super) fn hmac_sha256(arguments: Arguments<'_>) -> Outcome<'_> {
    let (text, key) = (arguments.text(0)?, arguments.text(1)?);
    arguments.meter().burn(8 + (text.len() + key.len()) as u64 / 64)?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    match if arguments.count() == 3 { arguments.text(2)? } else { "hex" } {
        "hex" => arguments.copy_text(&hexadecimal(tag.as_ref())),
        "base64" => arguments.copy_text(&STANDARD.encode(tag.as_ref())),
        _ => Err(arguments.invalid("the encoding is `hex` or `base64`")),
    }
}

/// `uuid5(namespace, name)`: the namespace is a UUID, or `dns`, `url`, `oid`, `x500`.
pub(super) fn uuid5(arguments: Arguments<'_>) -> Outcome<'_> {
    let (namespace, name) = (arguments.text(0)?, arguments.text(1)?);
    arguments.meter().burn(4 + name.len() as u64 / 64)?;
    let namespace = match namespace {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => Uuid::try_parse(other)
            .map_err(|_| arguments.invalid("the namespace is neither a UUID nor `dns`, `url`, `oid`, `x500`"))?,
    };
    arguments.copy_text(&Uuid::new_v5(&namespace, name.as_bytes()).to_string())
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
