//! Reads the expression form of a subscription: `and or !`, `&& ||`, parentheses, `type == '...'`, and calls.

use super::{super::event_types::EventName, Mistake};

/// How deep an expression may be nested.
const MAX_DEPTH: usize = 32;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    Or(Vec<Term>),
    And(Vec<Term>),
    Not(Box<Term>),
    Is(bool),
    /// `type ==` this.
    Type(EventName),
    Call(Call),
}

/// A question about the document family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub function: Function,
    /// Each with its place in the text.
    pub arguments: Vec<(usize, String)>,
    pub position: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    HasLabel,
    HasMixins,
    HasExtensions,
    MatchesPath,
}

impl Function {
    const ALL: [(&'static str, Self); 4] = [
        ("hasLabel", Self::HasLabel),
        ("hasMixins", Self::HasMixins),
        ("hasExtensions", Self::HasExtensions),
        ("matchesPath", Self::MatchesPath),
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    /// `( ) , ! == != && ||`
    Sign(&'static str),
}

/// Reads an expression to its end.
pub fn parse(text: &str) -> Result<Term, Mistake> {
    let tokens = scan(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0, end: text.chars().count() };
    let term = parser.or(0)?;
    match parser.peek() {
        None => Ok(term),
        Some(_) => Err(parser.expected("`and`, `or` or the end")),
    }
}

fn scan(text: &str) -> Result<Vec<(usize, Token)>, Mistake> {
    const SIGNS: [&str; 8] = ["==", "!=", "&&", "||", "(", ")", ",", "!"];
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while let Some(&c) = chars.get(at) {
        let start = at;
        if c.is_whitespace() {
            at += 1;
        } else if c == '\'' || c == '"' {
            let mut value = String::new();
            at += 1;
            loop {
                match chars.get(at) {
                    None => return Err(Mistake::new(start, "this text has no end")),
                    Some(&end) if end == c => break,
                    // A backslash belongs to a pattern, unless it is in front of a quote.
                    Some('\\') if chars.get(at + 1) == Some(&c) => {
                        value.push(c);
                        at += 2;
                    }
                    Some(&c) => {
                        value.push(c);
                        at += 1;
                    }
                }
            }
            at += 1;
            tokens.push((start, Token::Text(value)));
        } else if c.is_alphanumeric() || c == '_' {
            let len = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            at += len;
            tokens.push((start, Token::Word(chars[start..at].iter().collect())));
        } else {
            let rest: String = chars[at..chars.len().min(at + 2)].iter().collect();
            let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) else {
                return Err(Mistake::new(start, format!("`{c}` is not known here")));
            };
            at += sign.len();
            tokens.push((start, Token::Sign(sign)));
        }
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: &'t [(usize, Token)],
    next: usize,
    end: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn position(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(position, _)| *position)
    }

    fn expected(&self, what: &str) -> Mistake {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(Token::Word(text)) => format!("`{text}`"),
            Some(Token::Text(_)) => "a text".to_owned(),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
        };
        Mistake::new(self.position(), format!("expected {what}, not {found}"))
    }

    /// Passes a sign or a word, in any case, if it is next.
    fn pass(&mut self, wanted: &str) -> bool {
        let is = match self.peek() {
            Some(Token::Sign(sign)) => *sign == wanted,
            Some(Token::Word(word)) => word.eq_ignore_ascii_case(wanted),
            _ => false,
        };
        self.next += usize::from(is);
        is
    }

    fn need(&mut self, sign: &str) -> Result<(), Mistake> {
        if self.pass(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn or(&mut self, depth: usize) -> Result<Term, Mistake> {
        if depth > MAX_DEPTH {
            return Err(Mistake::new(self.position(), format!("nested more than {MAX_DEPTH} deep")));
        }
        let mut terms = vec![self.and(depth)?];
        while self.pass("or") || self.pass("||") {
            terms.push(self.and(depth)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Or(terms) })
    }

    fn and(&mut self, depth: usize) -> Result<Term, Mistake> {
        let mut terms = vec![self.not(depth)?];
        while self.pass("and") || self.pass("&&") {
            terms.push(self.not(depth)?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::And(terms) })
    }

    fn not(&mut self, depth: usize) -> Result<Term, Mistake> {
        let mut negated = false;
        while self.pass("!") || self.pass("not") {
            negated = !negated;
        }
        let term = self.primary(depth)?;
        Ok(if negated { Term::Not(Box::new(term)) } else { term })
    }

    fn primary(&mut self, depth: usize) -> Result<Term, Mistake> {
        if self.pass("(") {
            let term = self.or(depth + 1)?;
            self.need(")")?;
            return Ok(term);
        }
        let position = self.position();
        let named = match self.peek() {
            Some(Token::Text(text)) => {
                let text = text.clone();
                self.next += 1;
                return self.comparison(position, Some(text));
            }
            Some(Token::Word(word)) => word.clone(),
            _ => return Err(self.expected("a condition")),
        };
        for (word, truth) in [("true", true), ("false", false)] {
            if self.pass(word) {
                return Ok(Term::Is(truth));
            }
        }
        if self.pass("type") {
            return self.comparison(position, None);
        }
        let Some((_, function)) = Function::ALL.into_iter().find(|(name, _)| *name == named) else {
            let known = "`type`, `hasLabel`, `hasMixins`, `hasExtensions`, `matchesPath`";
            return Err(Mistake::new(position, format!("`{named}` is not known; there are {known}")));
        };
        self.next += 1;
        self.need("(")?;
        let mut arguments = Vec::new();
        loop {
            let at = self.position();
            let Some(Token::Text(text)) = self.peek() else { return Err(self.expected("a text in quotes")) };
            arguments.push((at, text.clone()));
            self.next += 1;
            if !self.pass(",") {
                break;
            }
        }
        self.need(")")?;
        Ok(Term::Call(Call { function, arguments, position }))
    }

    /// The rest of `type == 'x'`, or of `'x' == type`, whose left side has been read.
    fn comparison(&mut self, position: usize, left: Option<String>) -> Result<Term, Mistake> {
        let negated = if self.pass("==") {
            false
        } else if self.pass("!=") {
            true
        } else {
            return Err(self.expected("`==` or `!=`"));
        };
        let (at, name) = if let Some(text) = left {
            if !self.pass("type") {
                return Err(self.expected("`type`"));
            }
            (position, text)
        } else {
            let at = self.position();
            let Some(Token::Text(text)) = self.peek() else { return Err(self.expected("a text in quotes")) };
            let text = text.clone();
            self.next += 1;
            (at, text)
        };
        let name = EventName::read(&name).map_err(|message| Mistake::new(at, message))?;
        let term = Term::Type(name);
        Ok(if negated { Term::Not(Box::new(term)) } else { term })
    }
}
