//! Sort orders: `createdOn,desc` and `createdOn:desc;status:asc`.

use std::cmp::Ordering;

use super::{Fields, FilterError, Kind, MAX_CHARS, MAX_KEYS, Names, Place, Value, scanner::Scanner};

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// What a list is sorted by. Rows without a value come last, in either direction.
#[derive(Clone, Copy, Debug)]
pub struct SortKey<C: 'static> {
    /// The column.
    pub column: C,
    /// Up or down.
    pub direction: Direction,
    /// For a column of names: they sort in this order, and not by their letters.
    pub names: Option<Names>,
}

impl<C> SortKey<C> {
    /// How two values of the column stand to each other in the list.
    pub fn compare(&self, left: Option<&Value>, right: Option<&Value>) -> Ordering {
        let (Some(left), Some(right)) = (left, right) else {
            return left.is_none().cmp(&right.is_none());
        };
        let order = match self.names {
            Some(names) => rank(names, left).cmp(&rank(names, right)),
            None => left.cmp(right),
        };
        match self.direction {
            Direction::Ascending => order,
            Direction::Descending => order.reverse(),
        }
    }
}

/// The place of a stored name; behind all others if it has none.
fn rank(names: Names, value: &Value) -> usize {
    let Value::Text(name) = value else { return names.len() };
    names.iter().position(|(_, stored)| stored.contains(&name.as_str())).unwrap_or(names.len())
}

/// Reads sort orders: keys with `;` between, each a field and perhaps `asc` or `desc` after a comma, a colon or a blank.
/// Several texts, as they come from a parameter that is repeated, follow each other; blank ones say nothing.
pub fn parse_sort<C: Copy + PartialEq, T: AsRef<str>>(
    texts: &[T],
    fields: &Fields<C>,
) -> Result<Vec<SortKey<C>>, FilterError> {
    let (mut keys, mut characters) = (Vec::new(), 0);
    for (text, source) in texts.iter().enumerate() {
        let source = source.as_ref();
        characters += source.chars().count();
        if characters > MAX_CHARS {
            let place = Place { text, position: 0 };
            let message = format!("a sort order may have {MAX_CHARS} characters, not {characters}");
            return Err(FilterError::new(place, message));
        }
        let mut scanner = Scanner::new(text, source);
        while !scanner.at_end() {
            let key = key(&mut scanner, fields, &keys)?;
            keys.push(key);
            if !scanner.take(";") && !scanner.at_end() {
                let found = scanner.found();
                return Err(scanner.error(format!("expected `;` or the end after a sort key, found {found}")));
            }
        }
    }
    Ok(keys)
}

fn key<C: Copy + PartialEq>(
    scanner: &mut Scanner,
    fields: &Fields<C>,
    earlier: &[SortKey<C>],
) -> Result<SortKey<C>, FilterError> {
    let (path, place) = scanner.field()?;
    let Some(field) = fields.find(&path).filter(|field| field.sorts) else {
        let (name, known) = (super::scanner::short(&path), fields.known(|field| field.sorts));
        return Err(FilterError::new(place, format!("`{name}` is nothing to sort by; known are {known}")));
    };
    if earlier.iter().any(|key| key.column == field.column) {
        return Err(FilterError::new(place, format!("`{path}` is there already")));
    }
    if earlier.len() == MAX_KEYS {
        return Err(FilterError::new(place, format!("a sort order may have {MAX_KEYS} keys")));
    }
    let announced = scanner.take(",") || scanner.take(":");
    let directions = [("asc", Direction::Ascending), ("desc", Direction::Descending)];
    let direction = match scanner.take_word(&directions) {
        Some(direction) => direction,
        None if announced => {
            let found = scanner.found();
            return Err(scanner.error(format!("expected `asc` or `desc`, found {found}")));
        }
        None => Direction::Ascending,
    };
    let names = match field.kind {
        Kind::Name(names) => Some(names),
        _ => None,
    };
    Ok(SortKey { column: field.column, direction, names })
}
