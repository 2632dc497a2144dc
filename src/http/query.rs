//! Query strings: unknown parameters are refused, and a refusal names its parameter.
//!
//! The deserializer below exists because the usual one knows neither repeated parameters (`?status=failed&status=cancelled`
//! is one `Vec` field) nor which parameter it failed on.

use std::{borrow::Cow, fmt};

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use super::error::{Code, Problem};

/// The query string as a `T` whose fields are the known parameters. `T` denies unknown fields.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query string.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut parameters: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match parameters.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.into_owned()),
            None => parameters.push((name.into_owned(), vec![value.into_owned()])),
        }
    }
    let mut current = None;
    T::deserialize(Parameters { rest: parameters.into_iter(), values: None, current: &mut current }).map_err(|error| {
        let message = error.0.replacen("unknown field", "unknown parameter", 1).replacen("field", "parameter", 1);
        match current {
            Some(name) => Problem::field(Code::InvalidQuery, name, message),
            None => Problem::new(Code::InvalidQuery, message),
        }
    })
}

/// How many rows a list shows: 1 to 200, 50 unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub i64);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            limit @ 1..=200 => Ok(Self(limit)),
            _ => Err(de::Error::custom("limit must be between 1 and 200")),
        }
    }
}

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(200))
            .default(Some(50.into()))
            .into()
    }
}

impl ToSchema for Limit {}

/// The parameters of a list that has no others.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many rows.
    #[serde(default)]
    #[param(required = false, inline)]
    pub limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    pub cursor: Option<String>,
}

#[derive(Debug)]
struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Parameters<'a> {
    rest: std::vec::IntoIter<(String, Vec<String>)>,
    values: Option<Vec<String>>,
    /// The parameter being read, for the refusal.
    current: &'a mut Option<String>,
}

impl<'de> Deserializer<'de> for Parameters<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Parameters<'_> {
    type Error = Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, values)) = self.rest.next() else {
            *self.current = None;
            return Ok(None);
        };
        self.values = Some(values);
        *self.current = Some(name.clone());
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Values(self.values.take().unwrap_or_default()))
    }
}

/// All values that one parameter was given.
struct Values(Vec<String>);

impl Values {
    fn one(self) -> Result<String, Error> {
        let mut values = self.0.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(Error("must be given once".into())),
        }
    }
}

macro_rules! read_one {
    ($($method:ident, $visit:ident, $expected:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = self.one()?;
            match value.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Error(format!("`{value}` is not {}", $expected))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Values {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.one()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Each(self.0.into_iter()))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Cow::<str>::Owned(self.one()?).into_deserializer())
    }

    read_one! {
        deserialize_bool, visit_bool, "`true` or `false`";
        deserialize_i32, visit_i32, "a whole number";
        deserialize_i64, visit_i64, "a whole number";
        deserialize_u32, visit_u32, "a whole number";
        deserialize_u64, visit_u64, "a whole number";
        deserialize_f64, visit_f64, "a number";
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct
        identifier ignored_any
    }
}

struct Each(std::vec::IntoIter<String>);

impl<'de> SeqAccess<'de> for Each {
    type Error = Error;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|value| seed.deserialize(Values(vec![value]))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Instant, domain::execution::ExecutionStatus, domain::ids::WorkflowId};

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", default, deny_unknown_fields)]
    struct Sample {
        limit: Limit,
        status: Vec<ExecutionStatus>,
        workflow_id: Option<WorkflowId>,
        starred: Option<bool>,
        created_after: Option<Instant>,
        subject: Option<String>,
    }

    fn refusal(query: &str) -> (String, String) {
        let body = parse::<Sample>(query).unwrap_err().body("r");
        assert_eq!(body.code, "invalid_query");
        (body.errors.first().map(|e| e.path.clone()).unwrap_or_default(), body.detail)
    }

    #[test]
    fn every_kind_of_parameter_is_read() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad90";
        let sample: Sample = parse(&format!(
            "status=failed&limit=7&status=cancelled&workflowId={id}&starred=true&createdAfter=2026-01-01T00:00:00Z&subject=a%20b"
        ))
        .unwrap();
        assert_eq!(sample.limit, Limit(7));
        assert_eq!(sample.status, [ExecutionStatus::Failed, ExecutionStatus::Cancelled]);
        assert_eq!(sample.workflow_id.unwrap().to_string(), id);
        assert_eq!(sample.starred, Some(true));
        assert_eq!(sample.created_after.unwrap().to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(sample.subject.as_deref(), Some("a b"));
        assert_eq!(parse::<Sample>("").unwrap(), Sample::default());
    }

    #[test]
    fn a_refusal_names_its_parameter() {
        for (query, path, message) in [
            ("limt=5", "limt", "unknown parameter `limt`"),
            ("limit=0", "limit", "between 1 and 200"),
            ("limit=x", "limit", "`x` is not a whole number"),
            ("limit=1&limit=2", "limit", "must be given once"),
            ("status=failed&status=done", "status", "unknown variant `done`"),
            ("starred=yes", "starred", "`yes` is not `true` or `false`"),
            ("workflowId=1", "workflowId", ""),
            ("createdAfter=yesterday", "createdAfter", ""),
        ] {
            let (named, detail) = refusal(query);
            assert_eq!(named, path, "{query}: {detail}");
            assert!(detail.contains(message), "{query}: {detail}");
        }
    }
}
