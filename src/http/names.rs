//! Names that people give, and the slugs made from them.

use super::error::{Code, Problem};

/// How long a name may be.
const MAX_NAME_CHARS: usize = 120;
/// How long a description may be.
const MAX_DESCRIPTION_CHARS: usize = 10_000;
/// How long a slug may be.
const MAX_SLUG_CHARS: usize = 63;

/// A name without the space around it: 1 to 120 characters, one line. `path` is where it was given.
pub fn name(path: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let count = text.chars().count();
    if count == 0 || count > MAX_NAME_CHARS || text.chars().any(char::is_control) {
        let message = format!("must be 1 to {MAX_NAME_CHARS} characters on one line");
        return Err(Problem::field(Code::InvalidValue, path, message));
    }
    Ok(text.to_owned())
}

/// A description: up to 10,000 characters.
pub fn description(path: &str, text: &str) -> Result<String, Problem> {
    if text.chars().count() > MAX_DESCRIPTION_CHARS || text.contains('\0') {
        let message = format!("must be at most {MAX_DESCRIPTION_CHARS} characters, none of them NUL");
        return Err(Problem::field(Code::InvalidValue, path, message));
    }
    Ok(text.to_owned())
}

/// A slug as a caller gave it: `a` to `z`, digits and single hyphens inside.
pub fn slug(path: &str, text: &str) -> Result<String, Problem> {
    if text.is_empty() || text != slug_of(text) {
        let message = format!("must be 1 to {MAX_SLUG_CHARS} of `a` to `z`, `0` to `9` and single `-` inside");
        return Err(Problem::field(Code::InvalidValue, path, message));
    }
    Ok(text.to_owned())
}

/// The slug of a name; empty if no character of it can be in one.
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == MAX_SLUG_CHARS {
            break;
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// The slugs to try for a thing that was given none: that of its name, then the same with the id's last characters.
pub fn slugs_for(name: &str, id: uuid::Uuid) -> [String; 2] {
    let id = id.simple().to_string();
    let id = &id[id.len() - 8..];
    let mut slug = slug_of(name);
    if slug.is_empty() {
        return [id.to_owned(), id.chars().rev().collect()];
    }
    let plain = slug.clone();
    slug.truncate(MAX_SLUG_CHARS - 9);
    [plain, format!("{}-{id}", slug.trim_end_matches('-'))]
}

/// The name of a copy, which fits as well.
pub fn copy_of(name: &str) -> String {
    let kept: String = name.chars().take(MAX_NAME_CHARS - 7).collect();
    format!("{} (copy)", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn slugs_are_made_from_names() {
        for (name, slug) in [
            ("Daily reports", "daily-reports"),
            ("  --A  & B-- ", "a-b"),
            ("Übung 7", "bung-7"),
            ("日本", ""),
            ("ＡＢＣ", ""),
        ] {
            assert_eq!(slug_of(name), slug, "{name}");
        }
    }

    #[test]
    fn names_are_bounded_and_on_one_line() {
        assert_eq!(name("/name", "  x ").unwrap(), "x");
        assert!(name("/name", &"ä".repeat(120)).is_ok());
        for bad in ["", "   ", "a\nb", "a\0b", &"x".repeat(121)] {
            assert_eq!(name("/name", bad).unwrap_err().code(), Code::InvalidValue);
        }
    }

    #[test]
    fn the_name_of_a_copy_is_a_name() {
        assert_eq!(copy_of("a"), "a (copy)");
        let longest = "ä".repeat(MAX_NAME_CHARS);
        assert_eq!(name("/name", &copy_of(&longest)).unwrap().chars().count(), MAX_NAME_CHARS);
    }

    proptest! {
        #[test]
        fn every_made_slug_is_one_that_a_caller_may_give(text in any::<String>(), id in any::<u128>()) {
            for made in slugs_for(&text, Uuid::from_u128(id)) {
                prop_assert!(slug("/slug", &made).is_ok(), "{}", made);
            }
        }
    }
}
