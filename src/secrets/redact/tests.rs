//! Whatever way a value is written, it is gone; and nothing else is.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Redactor, Stream};
use crate::secrets::Opened;

fn redactor(secrets: &[(&str, &str)]) -> Redactor {
    let mut opened = Opened::default();
    for (name, value) in secrets {
        opened.add(*name, (*value).to_owned());
    }
    Redactor::new(&opened)
}

fn percent(text: &str, plain: fn(u8) -> bool) -> String {
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The ways in which a value may be written.
fn writings(value: &str) -> Vec<String> {
    let json = Value::from(value).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let units: Vec<String> = value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let nested = Value::from(json.as_str()).to_string();
    let mut all = vec![
        value.to_owned(),
        percent(value, |_| false),
        percent(value, |byte| byte.is_ascii_alphanumeric()),
        percent(value, |byte| byte.is_ascii_alphanumeric()).to_lowercase().replace(&value.to_lowercase(), value),
        form,
        nested[1..nested.len() - 1].to_owned(),
        percent(&json, |byte| byte.is_ascii_alphanumeric()),
        json,
        units.concat(),
    ];
    // Lower-case digits are the same only where no letter of the value was changed.
    all.remove(3);
    for prefix in ["", "u:", "user:"] {
        for suffix in ["", "@", "@h"] {
            let whole = format!("{prefix}{value}{suffix}");
            all.push(general_purpose::STANDARD.encode(&whole));
            all.push(general_purpose::STANDARD_NO_PAD.encode(&whole));
            all.push(general_purpose::URL_SAFE.encode(&whole));
            all.push(percent(&general_purpose::STANDARD.encode(&whole), |byte| byte.is_ascii_alphanumeric()));
        }
    }
    all
}

/// Whether any of ten or more characters of a writing are left.
fn shows(text: &str, value: &str) -> bool {
    text.contains(value)
        || [0, 1, 2].iter().any(|before| {
            let whole = [&b"\0\0\0"[..*before], value.as_bytes()].concat();
            let encoded = general_purpose::STANDARD_NO_PAD.encode(whole);
            let inner = &encoded[(before * 8_usize).div_ceil(6)..(before + value.len()) * 8 / 6];
            text.contains(inner)
        })
}

#[test]
fn a_value_is_replaced_by_its_name() {
    let redactor = redactor(&[("token", "s3cr3t/+ä"), ("password", "p\"w\\1")]);
    for writing in writings("s3cr3t/+ä") {
        let clean = redactor.text(&writing).into_owned();
        assert!(clean.contains("[secret token]") && !shows(&clean, "s3cr3t/+ä"), "{writing}: {clean}");
    }
    assert_eq!(redactor.text("a s3cr3t/+ä, p\"w\\1"), "a [secret token], [secret password]");
    assert_eq!(redactor.text("GET /x?k=s3cr3t%2F%2B%C3%A4&b=1"), "GET /x?k=[secret token]&b=1");
    assert_eq!(redactor.text(r#"{"a":"p\"w\\1"}"#), r#"{"a":"[secret password]"}"#);
    // The letters before and after it that hold bits of it go, too.
    let basic = general_purpose::STANDARD.encode("user:s3cr3t/+ä");
    assert_eq!(redactor.text(&format!("Basic {basic}")), "Basic dXNlcj[secret token]");
    assert_eq!(redactor.text("nothing of them"), "nothing of them");
}

#[test]
fn names_numbers_and_all_levels_of_a_value_are_cleaned() {
    let redactor = redactor(&[("pin", "12345678"), ("key", "abcdef")]);
    let mut value = json!({
        "abcdef": 1, "x-abcdef": 2, "[secret key]": 3,
        "list": [12_345_678, 1, { "abcdef": "<abcdef>" }], "none": null, "yes": true,
        "near": 123_456_789, "far": 1.5,
    });
    redactor.value(&mut value);
    assert_eq!(
        value,
        json!({
            "[secret key]": 3, "x-[secret key]": 2, "[secret key] (2)": 1,
            "list": ["[secret pin]", 1, { "[secret key]": "<[secret key]>" }], "none": null, "yes": true,
            "near": "[secret pin]9", "far": 1.5,
        })
    );
}

#[test]
fn an_address_is_found_as_it_is_normalised_and_without_its_host() {
    let redactor = redactor(&[("hook", "HTTPS://Hooks.example.com?key=a b"), ("slack", "https://h.example/T1/B2/xyz")]);
    assert_eq!(redactor.text("GET https://hooks.example.com/?key=a%20b"), "GET [secret hook]");
    assert_eq!(redactor.text("GET /?key=a%20b"), "GET [secret hook]");
    assert_eq!(redactor.text("POST https://h.example/T1/B2/xyz, /T1/B2/xyz"), "POST [secret slack], [secret slack]");
    assert_eq!(redactor.text("no connection to `h.example`"), "no connection to `h.example`");
}

#[test]
fn what_overlaps_is_one_and_named_for_the_longest() {
    let redactor = redactor(&[("short", "abcd"), ("long", "abcdefgh"), ("other", "ghij")]);
    assert_eq!(redactor.text("abcdefghij abcd ghij"), "[secret long] [secret short] [secret other]");
    assert_eq!(redactor.text("abcdabcd"), "[secret short][secret short]");
    let same = self::redactor(&[("a", "aaaa")]);
    assert_eq!(same.text("aaaaaaab"), "[secret a]b");
}

#[test]
fn white_space_around_a_value_and_short_values_do_not_count() {
    let redactor = redactor(&[("line", "  hunter2\r\n"), ("short", "abc"), ("blank", "    "), ("empty", "")]);
    assert_eq!(redactor.text("hunter2 abc     "), "[secret line] abc     ");
    assert_eq!(redactor.text(&general_purpose::STANDARD.encode("hunter2\r\n")), "[secret line]0K");
}

#[test]
fn a_value_in_pieces_is_held_back_until_it_is_known() {
    let redactor = Arc::new(redactor(&[("key", "hunter2"), ("longer", "hunter2-and-more")]));
    let told = |pieces: &[&str]| {
        let mut stream = Stream::new(Arc::clone(&redactor));
        let mut told: Vec<String> = pieces.iter().map(|piece| stream.push(piece)).collect();
        told.push(stream.finish());
        told
    };
    assert_eq!(told(&["my hun", "dred "]), ["my ", "hundred ", ""]);
    assert_eq!(told(&["my hun", "ter", "2."]), ["my ", "", "[secret key].", ""]);
    assert_eq!(told(&["hunter2", "-and", "-more"]), ["", "", "[secret longer]", ""]);
    assert_eq!(told(&["hunter2", "-and", " less"]), ["", "", "[secret key]-and less", ""]);
    assert_eq!(told(&["a hunter"]), ["a ", "hunter"], "what was none is told at the end");
    assert_eq!(told(&["x%6", "8unter2 y"]), ["x", "[secret key] y", ""]);
    assert_eq!(told(&["", "ä", "h"]), ["", "ä", "", "h"]);
}

#[test]
fn a_stream_of_equal_letters_is_not_gathered_without_end() {
    let redactor = Arc::new(redactor(&[("a", &"a".repeat(50))]));
    let mut stream = Stream::new(redactor);
    let told: String = (0..1_000).map(|_| stream.push(&"a".repeat(100))).collect();
    assert!(stream.held.len() < 20_000 && told.starts_with("[secret a]"), "{}", stream.held.len());
    assert!(!told.contains("aaaa"));
}

proptest! {
    #[test]
    fn no_writing_of_a_value_is_left(
        value in "[!-~äß€😀]{6,24}",
        before in "[ -~ä\n]{0,12}",
        after in "[ -~ä\n]{0,12}",
        which in any::<prop::sample::Index>(),
    ) {
        let writings = writings(&value);
        let writing = which.get(&writings);
        // An escape before it, or the letters of base64 on its side, may make it read as something else.
        let text = format!("{before} {writing} {after}");
        let clean = redactor(&[("name", &value)]).text(&text).into_owned();
        prop_assert!(clean.contains("[secret name]"), "{} {}", text, clean);
        prop_assert!(!clean.contains(writing.as_str()), "{} {}", text, clean);
        let blank = |text: &str| text.replace("[secret name]", "");
        prop_assert!(!shows(&blank(&clean), &value) || blank("[secret name]").contains(&value), "{} {}", text, clean);
    }

    #[test]
    fn what_holds_no_value_stays(text in "[a-m%+\\\\ 0-9]{0,80}") {
        prop_assert_eq!(redactor(&[("name", "nopqrstuvw")]).text(&text), text.as_str());
    }

    #[test]
    fn pieces_tell_the_same_as_the_whole(
        parts in prop::collection::vec(prop_oneof!["[a-f ]{0,6}", Just("abcdef".to_owned()), Just("%61bcdef".to_owned())], 0..12),
        cuts in prop::collection::vec(1_usize..7, 1..30),
    ) {
        let redactor = Arc::new(redactor(&[("one", "abcdef"), ("two", "efab")]));
        let text = parts.concat();
        let mut stream = Stream::new(Arc::clone(&redactor));
        let (mut told, mut rest) = (String::new(), text.as_str());
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, left) = rest.split_at((*cut).min(rest.len()));
            told.push_str(&stream.push(piece));
            rest = left;
        }
        told.push_str(&stream.finish());
        prop_assert_eq!(told, redactor.text(&text).into_owned());
    }
}
