//! Lists of document families. What their index can answer it answers; else they are looked through, up to a bound.

use super::{
    family_views::{Column, FAMILIES, value_of},
    lists::{Window, chosen, cut},
    scope::Scope,
};
use crate::{
    domain::{ids::PodId, subject::Subject},
    filter::{Check, Filter, FilterError, Raw, SortKey, Test, Value},
    http::{
        AppState,
        error::{Code, Problem},
    },
    store::subjects::SubjectFilter,
};

/// How many rows are read at a time.
const PAGE: i64 = 200;
/// The most document families that are looked through for one list.
const MAX_READ: usize = 20_000;

/// A filter. A document family has several labels, so what is said of one label is not put together with what is said of another.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// All of these.
    All(Vec<Wanted>),
    /// One of these.
    Any(Vec<Wanted>),
    /// Not this.
    Not(Box<Wanted>),
    /// A single comparison.
    One(Filter<Column>),
}

impl Wanted {
    /// A filter of a request.
    pub fn of(raw: &Raw) -> Result<Self, FilterError> {
        let each = |parts: &[Raw]| parts.iter().map(Self::of).collect::<Result<Vec<_>, _>>();
        Ok(match raw {
            Raw::All(parts) => Self::All(each(parts)?),
            Raw::Any(parts) => Self::Any(each(parts)?),
            Raw::Not(inner) => Self::Not(Box::new(Self::of(inner)?)),
            Raw::Test(_) => Self::One(raw.bind(&FAMILIES)?),
        })
    }

    fn fits(&self, subject: &Subject) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.fits(subject)),
            Self::Any(parts) => parts.iter().any(|part| part.fits(subject)),
            Self::Not(inner) => !inner.fits(subject),
            Self::One(filter) => fits(filter, subject),
        }
    }
}

/// What is looked for.
#[derive(Default)]
pub struct Search {
    /// What they must be.
    pub filter: Option<Wanted>,
    /// In which order.
    pub sort: Vec<SortKey<Column>>,
    /// A part of their paths, in small letters.
    pub text: Option<String>,
}

/// What of a filter the index answers, and whether that is all of it.
struct Plan {
    project: Option<PodId>,
    index: SubjectFilter,
    whole: bool,
}

impl Plan {
    fn of(filter: Option<&Wanted>) -> Self {
        let mut plan = Self { project: None, index: SubjectFilter::default(), whole: true };
        let parts = match filter {
            None => &[],
            Some(Wanted::All(parts)) => parts.as_slice(),
            Some(whole) => std::slice::from_ref(whole),
        };
        for part in parts {
            let only = match part {
                Wanted::One(Filter::Test(Test { column, check: Check::OneOf(values), holds: true }))
                    if values.len() == 1 =>
                {
                    values.first().map(|value| (*column, value))
                }
                _ => None,
            };
            match only {
                Some((Column::Project, Value::Id(id))) if plan.project.is_none() => plan.project = Some(PodId(*id)),
                Some((Column::Store, Value::Text(store))) if plan.index.store.is_none() => {
                    plan.index.store = Some(store.clone());
                }
                Some((Column::Label, Value::Text(label))) if plan.index.label.is_none() => {
                    plan.index.label = Some(label.clone());
                }
                _ => plan.whole = false,
            }
        }
        plan
    }
}

/// A page of what is looked for, and how many there are.
pub async fn page<R>(
    state: &AppState,
    scope: &Scope<R>,
    search: &Search,
    window: Window,
) -> Result<(Vec<Subject>, i64), Problem> {
    let plan = Plan::of(search.filter.as_ref());
    if let (Some(project), true, true, None) = (plan.project, plan.whole, search.sort.is_empty(), &search.text) {
        let (offset, limit) = (window.offset(), window.size());
        return Ok(state.store.subject_page(scope.workspace(), project, &plan.index, offset, limit).await?);
    }
    Ok(cut(all(state, scope, search).await?, window))
}

/// All that is looked for.
pub async fn all<R>(state: &AppState, scope: &Scope<R>, search: &Search) -> Result<Vec<Subject>, Problem> {
    let store = &*state.store;
    let plan = Plan::of(search.filter.as_ref());
    let pods = scope.projects(store).await?;
    let (mut found, mut read) = (Vec::new(), 0);
    for pod in pods.into_iter().filter(|pod| plan.project.is_none_or(|project| pod.id == project)) {
        let mut cursor = None;
        loop {
            let page = store.subjects(scope.workspace(), pod.id, &plan.index, PAGE, cursor.as_deref()).await?;
            read += page.items.len();
            if read > MAX_READ {
                let message = format!(
                    "more than {MAX_READ} document families would have to be looked through: \
                     filter by `project.id`, `storeRef` or `labels.name`"
                );
                return Err(Problem::field(Code::InvalidQuery, "filter", message));
            }
            found.extend(page.items.into_iter().filter(|subject| {
                search.filter.as_ref().is_none_or(|filter| filter.fits(subject))
                    && search.text.as_ref().is_none_or(|text| subject.path.to_lowercase().contains(text))
            }));
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    found.sort_by_key(|subject| std::cmp::Reverse(subject.id));
    Ok(chosen(found, None, &search.sort, value_of))
}

/// A comparison with labels holds if it does for one of them.
fn fits(filter: &Filter<Column>, subject: &Subject) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| fits(part, subject)),
        Filter::Any(parts) => parts.iter().any(|part| fits(part, subject)),
        Filter::Test(Test { column: Column::Label, check, holds }) => {
            let one = Filter::test(Column::Label, check.clone());
            let labels = || subject.labels.iter().map(|label| Some(Value::Text(label.clone())));
            let any = if subject.labels.is_empty() {
                one.matches(&|_| None)
            } else {
                labels().any(|label| one.matches(&|_| label.clone()))
            };
            any == *holds
        }
        test @ Filter::Test(_) => test.matches(&|column| value_of(subject, column)),
    }
}
