//! Values of the interpreter as JSON: what `JSON.stringify` would write, but what it leaves out without a word is refused here.
//!
//! Members that are undefined are left out, and elsewhere undefined is null, as in the language. Functions, symbols, big integers
//! and cycles are mistakes of whoever wrote the script, and are told with their place. Getters, proxies and `toJSON` run script in the
//! middle of this; it is bounded like all script, and what is written is counted.

use rquickjs::{Error, Function, Object, Value, function::This, object::Filter};

/// The deepest nesting that is followed; a cycle ends here, too. Deeper values are refused by the engine anyway.
const MAX_DEPTH: usize = 128;
/// The largest integer that a number of the language holds exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_991.0;

/// Why a value is not written.
pub(super) enum Unfit {
    /// It is larger than it may be.
    TooLarge,
    /// It has no JSON; the text says where and why.
    NoJson(String),
    /// Script that ran meanwhile threw.
    Threw(Error),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Threw(error)
    }
}

/// Writes a value as JSON of so many bytes at most.
pub(super) fn write(value: &Value<'_>, most: usize) -> Result<String, Unfit> {
    let mut writer = Writer { text: String::new(), most, path: Vec::new(), visited: 0 };
    writer.value(value.clone(), "")?;
    Ok(writer.text)
}

struct Writer {
    text: String,
    most: usize,
    /// The keys that lead to where it is.
    path: Vec<String>,
    /// Members that were looked at, written or not.
    visited: usize,
}

impl Writer {
    fn value(&mut self, value: Value<'_>, key: &str) -> Result<(), Unfit> {
        if self.path.len() > MAX_DEPTH {
            return Err(self.refuse("is nested too deeply, or contains itself"));
        }
        if value.is_function() {
            return Err(self.refuse("is a function"));
        }
        if let Some(object) = value.as_object() {
            return match with_own_json(object, key)? {
                Some(other) if other.is_function() => Err(self.refuse("is a function")),
                Some(other) => match other.as_object() {
                    Some(object) => self.object(object),
                    None => self.scalar(&other),
                },
                None => self.object(object),
            };
        }
        self.scalar(&value)
    }

    fn scalar(&mut self, value: &Value<'_>) -> Result<(), Unfit> {
        if value.is_null() || value.is_undefined() {
            return self.push("null");
        }
        if let Some(truth) = value.as_bool() {
            return self.push(if truth { "true" } else { "false" });
        }
        if let Some(number) = value.as_number() {
            return self.push(&number_text(number));
        }
        if let Some(text) = value.as_string() {
            let Ok(text) = text.to_string() else {
                return Err(self.refuse("is a text with half a character (a lone surrogate)"));
            };
            return self.push(&quoted(&text));
        }
        Err(self.refuse(match () {
            () if value.is_big_int() => "is a BigInt, which JSON does not have",
            () if value.is_symbol() => "is a symbol",
            () => "is no value that JSON has",
        }))
    }

    fn object(&mut self, object: &Object<'_>) -> Result<(), Unfit> {
        if object.is_array() { self.array(object) } else { self.members(object) }
    }

    fn array(&mut self, array: &Object<'_>) -> Result<(), Unfit> {
        // Not the length that the library reads: one that is no small integer would be the end of this process.
        let length: f64 = array.get("length")?;
        self.push("[")?;
        let mut index = 0_u32;
        while f64::from(index) < length {
            if index > 0 {
                self.push(",")?;
            }
            let element: Value<'_> = array.get(index)?;
            self.within(index.to_string(), element)?;
            index = index.checked_add(1).ok_or(Unfit::TooLarge)?;
        }
        self.push("]")
    }

    fn members(&mut self, object: &Object<'_>) -> Result<(), Unfit> {
        self.push("{")?;
        let mut first = true;
        for key in object.own_keys::<String>(Filter::new().string().enum_only()) {
            let key = key?;
            let member: Value<'_> = object.get(key.as_str())?;
            self.visited += 1;
            if self.visited > self.most {
                return Err(Unfit::TooLarge);
            }
            if member.is_undefined() {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.push(",")?;
            }
            self.push(&quoted(&key))?;
            self.push(":")?;
            self.within(key, member)?;
        }
        self.push("}")
    }

    fn within(&mut self, key: String, value: Value<'_>) -> Result<(), Unfit> {
        self.path.push(key.clone());
        self.value(value, &key)?;
        self.path.pop();
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<(), Unfit> {
        if self.text.len() + text.len() > self.most {
            return Err(Unfit::TooLarge);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn refuse(&self, why: &str) -> Unfit {
        // The end of a long path tells nothing.
        let mut place = String::new();
        for key in self.path.iter().take(8) {
            place.push('/');
            place.push_str(&super::script::cut(key, 40));
        }
        if self.path.len() > 8 {
            place.push_str("/...");
        }
        let subject = if place.is_empty() { "the output".to_owned() } else { format!("the output at `{place}`") };
        Unfit::NoJson(format!("{subject} {why}"))
    }
}

/// What an object gives for itself: a date its text, for example.
fn with_own_json<'js>(object: &Object<'js>, key: &str) -> Result<Option<Value<'js>>, Error> {
    let own: Value<'js> = object.get("toJSON")?;
    let Some(own) = own.as_function() else { return Ok(None) };
    let own: &Function<'js> = own;
    own.call((This(object.clone()), key)).map(Some)
}

fn number_text(number: f64) -> String {
    if !number.is_finite() {
        return "null".to_owned();
    }
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT {
        return (number as i64).to_string();
    }
    serde_json::Number::from_f64(number).map_or_else(|| "null".to_owned(), |number| number.to_string())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
