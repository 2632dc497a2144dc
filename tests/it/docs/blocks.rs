//! The chapters of the book, and the fenced blocks in them.

use std::{fs, path::PathBuf};

/// The folder of the chapters.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/docs"))
}

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The chapter, by its path below `docs/`.
    pub page: String,
    /// Where it begins.
    pub line: usize,
    /// The first word behind the fence; empty if there is none.
    pub language: String,
    pub text: String,
}

impl Block {
    /// How a person finds it.
    pub fn place(&self) -> String {
        format!("docs/{}:{}", self.page, self.line)
    }

    /// The name of the file that a block is: its first line is a comment with nothing else in it.
    pub fn file(&self) -> Option<&str> {
        let line = self.text.lines().next()?;
        let name = line.strip_prefix("# ").or_else(|| line.strip_prefix("// "))?.trim();
        let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        (named && name.contains('.')).then_some(name)
    }
}

/// The chapters that `SUMMARY.md` names, in its order.
pub fn pages() -> Vec<String> {
    let summary = fs::read_to_string(folder().join("SUMMARY.md")).unwrap();
    let links = summary.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0.to_owned());
    links.collect()
}

/// The blocks of a chapter.
pub fn blocks(page: &str) -> Vec<Block> {
    let read = |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let path = folder().join(page);
    let mut text = read(path.clone());
    // A chapter that takes in a text from elsewhere.
    if let Some(other) = text.strip_prefix("{{#include ") {
        text = read(path.parent().unwrap().join(other.split_once('}').unwrap().0));
    }
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(info)) => {
                let language = info.split([',', ' ']).next().unwrap_or_default().to_owned();
                open = Some(Block { page: page.to_owned(), line: index + 1, language, text: String::new() });
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "docs/{page}: a block has no end");
    blocks
}
