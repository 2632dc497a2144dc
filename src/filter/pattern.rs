//! What a text may look like: some parts in their order, with anything between them.

/// Parts with a gap between each two: the text begins with the first, ends with the last, and has the others in between,
/// in their order and without overlap. One part alone is the whole text. At least one part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// A pattern of these parts; of none it is the empty text.
    pub fn of_parts(parts: impl IntoIterator<Item = String>) -> Self {
        Self::new(parts.into_iter().collect())
    }

    /// A pattern of these parts. Gaps that touch each other are one.
    pub(super) fn new(mut parts: Vec<String>) -> Self {
        let last = parts.len().saturating_sub(1);
        let mut index = 0;
        parts.retain(|part| {
            index += 1;
            index == 1 || index == last + 1 || !part.is_empty()
        });
        if parts.is_empty() {
            parts.push(String::new());
        }
        Self(parts)
    }

    /// Whether it has no gap.
    pub(super) fn is_exact(&self) -> bool {
        self.0.len() == 1
    }

    /// The same with a gap at either end.
    pub(super) fn anywhere(self) -> Self {
        let parts = std::iter::once(String::new()).chain(self.0).chain(std::iter::once(String::new()));
        Self::new(parts.collect())
    }

    /// The same in small letters, as far as they are those of ASCII.
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        Self(self.0.iter().map(|part| part.to_ascii_lowercase()).collect())
    }

    /// Whether a text looks so.
    pub fn matches(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|whole| whole == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        // The first place where a part fits leaves the most room for those after it.
        middle.iter().all(|part| match rest.find(part.as_str()) {
            Some(found) => {
                rest = &rest[found + part.len()..];
                true
            }
            None => false,
        })
    }

    /// For `LIKE .. ESCAPE '\'`.
    pub fn like(&self) -> String {
        self.written("%", |character| match character {
            '%' => Some("\\%"),
            '_' => Some("\\_"),
            '\\' => Some("\\\\"),
            _ => None,
        })
    }

    /// For `GLOB`, which knows no escape: a set of one character is that character.
    pub fn glob(&self) -> String {
        self.written("*", |character| match character {
            '*' => Some("[*]"),
            '?' => Some("[?]"),
            '[' => Some("[[]"),
            _ => None,
        })
    }

    fn written(&self, gap: &str, escaped: impl Fn(char) -> Option<&'static str>) -> String {
        let mut text = String::new();
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 {
                text.push_str(gap);
            }
            for character in part.chars() {
                match escaped(character) {
                    Some(escape) => text.push_str(escape),
                    None => text.push(character),
                }
            }
        }
        text
    }
}
