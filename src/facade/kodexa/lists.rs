//! Lists: their parameters, their pages, and those that are short enough to be filtered and sorted in memory.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    filter::{Fields, Filter, FilterError, Raw, SortKey, Value, parse_all, parse_sort},
    http::error::{Code, Problem},
};

/// How many rows a page has unless said otherwise, and at most.
const ROWS: i64 = 20;
const MAX_ROWS: i64 = 1_000;
/// The last page that can be asked for.
const MAX_PAGE: i64 = 1_000_000;

/// What a list is asked for. Parameters that are not known are left aside.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// What the rows must be: `status eq 'FAILED'`, `status=='FAILED'`, `status:'FAILED'`; all of several.
    pub filter: Vec<String>,
    /// The order: `createdOn,desc`, or `createdOn:desc;status:asc`.
    pub sort: Vec<String>,
    /// Which page, from 1.
    #[param(minimum = 1, default = 1)]
    pub page: Option<i64>,
    /// How many rows a page has: 1 to 1000, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 1000, default = 20)]
    pub page_size: Option<i64>,
    /// `*` for all, or a part of names and paths.
    pub query: Option<String>,
}

/// A page that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    page: i64,
    size: i64,
}

impl Window {
    /// How many rows are before it.
    pub fn offset(self) -> i64 {
        (self.page - 1) * self.size
    }

    /// How many rows it has at most.
    pub fn size(self) -> i64 {
        self.size
    }
}

impl ListQuery {
    /// The page.
    pub fn window(&self) -> Result<Window, Problem> {
        let within = |name: &str, number: i64, most: i64| match number {
            number if (1..=most).contains(&number) => Ok(number),
            _ => Err(Problem::field(Code::InvalidQuery, name, format!("must be 1 to {most}"))),
        };
        Ok(Window {
            page: within("page", self.page.unwrap_or(1), MAX_PAGE)?,
            size: within("pageSize", self.page_size.unwrap_or(ROWS), MAX_ROWS)?,
        })
    }

    /// The filter, which knows no fields yet.
    pub fn raw(&self) -> Result<Option<Raw>, Problem> {
        parse_all(&self.filter).map_err(refused)
    }

    /// The filter over the fields of a list.
    pub fn filter<C: Copy + PartialEq>(&self, fields: &Fields<C>) -> Result<Option<Filter<C>>, Problem> {
        self.raw()?.map(|raw| raw.bind(fields)).transpose().map_err(refused)
    }

    /// The order of a list with these fields.
    pub fn sort<C: Copy + PartialEq>(&self, fields: &Fields<C>) -> Result<Vec<SortKey<C>>, Problem> {
        parse_sort(&self.sort, fields).map_err(|error| Problem::field(Code::InvalidQuery, "sort", error.to_string()))
    }

    /// The text that is looked for, in small letters; none is all.
    pub fn text(&self) -> Option<String> {
        // Clients encode it twice in some lists, so `*` may come as `%2A`.
        // The name of a parameter without a value.
        let once = self.query.as_deref()?.replace('&', "%26").replace('+', "%2B").replace('=', "%3D");
        let text = url::form_urlencoded::parse(once.as_bytes()).next().map(|(text, _)| text.trim().to_lowercase())?;
        Some(text).filter(|text| !matches!(text.as_str(), "" | "*"))
    }
}

/// A mistake in a filter.
pub fn refused(error: FilterError) -> Problem {
    Problem::field(Code::InvalidQuery, "filter", error.to_string())
}

/// What a page says of itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaPage)]
pub struct Envelope {
    /// How many rows there are.
    total_elements: i64,
    /// How many pages there are.
    total_pages: i64,
    /// How many rows a page has.
    size: i64,
    /// Which page this is, from 1.
    number: i64,
    /// How many rows it has.
    number_of_elements: i64,
    /// Whether it is the first one.
    first: bool,
    /// Whether none comes behind it.
    last: bool,
    /// Whether it has no rows.
    empty: bool,
    /// What was asked for.
    pageable: Pageable,
    /// How the list is sorted.
    sort: Order,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaPageable)]
pub struct Pageable {
    /// How many rows are before it.
    offset: i64,
    /// Which page, from 1.
    page_number: i64,
    /// How many rows a page has.
    page_size: i64,
    /// True.
    paged: bool,
    /// False.
    unpaged: bool,
    /// How the list is sorted.
    sort: Order,
}

/// How a list is sorted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = KodexaSort)]
pub struct Order {
    /// Whether the request names no order.
    empty: bool,
    /// Whether it names one.
    sorted: bool,
    /// Whether it names none.
    unsorted: bool,
}

impl Envelope {
    /// What a page with so many of so many rows says of itself.
    pub fn new(query: &ListQuery, window: Window, rows: usize, total: i64) -> Self {
        let Window { page, size } = window;
        let names_order = query.sort.iter().any(|text| !text.trim().is_empty());
        let sort = Order { empty: !names_order, sorted: names_order, unsorted: !names_order };
        let total_pages = (total + size - 1) / size;
        Self {
            total_elements: total,
            total_pages,
            size,
            number: page,
            number_of_elements: rows as i64,
            first: page == 1,
            last: page >= total_pages,
            empty: rows == 0,
            pageable: Pageable {
                offset: window.offset(),
                page_number: page,
                page_size: size,
                paged: true,
                unpaged: false,
                sort,
            },
            sort,
        }
    }
}

/// A column's value of a row.
pub type ValueOf<C, T> = fn(&T, C) -> Option<Value>;

/// What is wanted of rows that are all in memory, in the order that is asked for; rows that this does not tell apart stay as they are.
pub fn chosen<C: Copy + PartialEq, T>(
    mut rows: Vec<T>,
    filter: Option<&Filter<C>>,
    sort: &[SortKey<C>],
    value: ValueOf<C, T>,
) -> Vec<T> {
    if let Some(filter) = filter {
        rows.retain(|row| filter.matches(&|column| value(row, column)));
    }
    if !sort.is_empty() {
        rows.sort_by(|left, right| {
            let compared =
                sort.iter().map(|key| key.compare(value(left, key.column).as_ref(), value(right, key.column).as_ref()));
            compared.fold(Ordering::Equal, Ordering::then)
        });
    }
    rows
}

/// The rows of a page, and how many there are.
pub fn cut<T>(rows: Vec<T>, window: Window) -> (Vec<T>, i64) {
    let total = rows.len() as i64;
    let skipped = usize::try_from(window.offset()).unwrap_or(usize::MAX);
    (rows.into_iter().skip(skipped).take(window.size() as usize).collect(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(page: Option<i64>, page_size: Option<i64>) -> ListQuery {
        ListQuery { page, page_size, ..ListQuery::default() }
    }

    #[test]
    fn pages_are_counted_from_one() {
        let window = query(Some(3), Some(2)).window().unwrap();
        assert_eq!((window.offset(), window.size()), (4, 2));
        let (rows, total) = cut((0..5).collect(), window);
        assert_eq!((rows, total), (vec![4], 5));
        let last = Envelope::new(&query(Some(3), Some(2)), window, 1, total);
        assert_eq!((last.total_pages, last.last, last.first, last.empty), (3, true, false, false));
        let beyond = query(Some(9), Some(2)).window().unwrap();
        assert_eq!(cut((0..5).collect::<Vec<_>>(), beyond), (Vec::new(), 5));
        let none = Envelope::new(&ListQuery::default(), ListQuery::default().window().unwrap(), 0, 0);
        assert_eq!((none.total_pages, none.first, none.last, none.empty, none.size), (0, true, true, true, 20));
        for (page, size, name) in [
            (Some(0), None, "page"),
            (Some(1_000_001), None, "page"),
            (None, Some(0), "pageSize"),
            (None, Some(1_001), "pageSize"),
        ] {
            assert_eq!(query(page, size).window().unwrap_err().errors()[0].path, name);
        }
    }

    #[test]
    fn a_star_is_all_however_it_is_encoded() {
        let text = |text: &str| ListQuery { query: Some(text.to_owned()), ..ListQuery::default() }.text();
        for all in ["*", "%2A", "", " * "] {
            assert_eq!(text(all), None, "{all}");
        }
        assert_eq!(text("In%20Voice").as_deref(), Some("in voice"));
        assert_eq!((text("50%").as_deref(), text("a&b=c+d").as_deref()), (Some("50%"), Some("a&b=c+d")));
    }
}
