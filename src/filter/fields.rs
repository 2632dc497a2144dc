//! What a list can be filtered and sorted by: a table from public names to columns, one for each face of a list.
//!
//! The columns are of a closed type `C` that the owner of the rows defines. A name that is not in the table can't get any
//! further, so no text of a stranger ever stands where a column does.

/// Public names with the stored names that each stands for, in the order in which they sort.
pub type Names = &'static [(&'static str, &'static [&'static str])];

/// What a field holds, and so which values and operators it takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A text; compared by its bytes, which is the order of its code points. Every operator.
    Text,
    /// A whole number. Equality, order, `in`.
    Number,
    /// An instant, in RFC 3339; a date is its beginning, and without a zone it is UTC. Equality, order, `in`.
    Instant,
    /// A UUID. Equality, `in`.
    Id,
    /// Yes or no. Equality.
    Bool,
    /// A name of a closed list, in whatever case. Equality, `in`, `like`.
    Name(Names),
}

/// A field of a list.
#[derive(Clone, Copy, Debug)]
pub struct Field<C: 'static> {
    /// Its paths; the first one is its proper name, the others are understood, too.
    pub names: &'static [&'static str],
    /// The column it is kept in.
    pub column: C,
    /// What it holds.
    pub kind: Kind,
    /// Whether the list can be sorted by it.
    pub sorts: bool,
}

impl<C> Field<C> {
    /// A field that the list can't be sorted by.
    pub const fn new(names: &'static [&'static str], column: C, kind: Kind) -> Self {
        Self { names, column, kind, sorts: false }
    }

    /// A field that the list can be sorted by.
    pub const fn sorted(names: &'static [&'static str], column: C, kind: Kind) -> Self {
        Self { names, column, kind, sorts: true }
    }

    pub(super) fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }
}

/// The fields of one face of a list.
#[derive(Clone, Copy, Debug)]
pub struct Fields<C: 'static>(pub &'static [Field<C>]);

impl<C> Fields<C> {
    /// The field of this path.
    pub fn find(&self, path: &str) -> Option<&'static Field<C>> {
        self.0.iter().find(|field| field.names.contains(&path))
    }

    pub(super) fn known(&self, fits: impl Fn(&Field<C>) -> bool) -> String {
        let names: Vec<&str> = self.0.iter().filter(|field| fits(field)).map(Field::name).collect();
        names.join(", ")
    }
}
