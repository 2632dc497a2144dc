//! The pages: a question that is open, one that is over, and what else there is to say to who follows a link.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{
    controls,
    form::{Control, Field, Filled},
    shown,
};
use crate::{
    clock::Instant,
    domain::suspension::{
        Action, Decision, Interrupt, OnExpiry, Suspension, SuspensionKind, SuspensionState, TimelineAction, Vote,
    },
};

const STYLE: &str = include_str!("style.css");
/// Quorums of more people are a number, not a row of marks.
const MAX_MARKS: usize = 12;

/// Nothing runs on these pages, nothing comes from elsewhere, nobody frames them, and forms go nowhere else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::try_from(policy).expect("a policy is plain text")
});

/// What the headers of every page say: nobody keeps it, finds it, or learns where the reader came from.
pub fn headers() -> [(HeaderName, HeaderValue); 5] {
    let plain = HeaderValue::from_static;
    [
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
        (header::CACHE_CONTROL, plain("no-store")),
        (header::REFERRER_POLICY, plain("no-referrer")),
        (HeaderName::from_static("x-robots-tag"), plain("noindex, nofollow")),
        (header::X_CONTENT_TYPE_OPTIONS, plain("nosniff")),
    ]
}

/// What is wrong with what was filled in: the place (`/data/amount`) and a sentence.
pub type Errors = Vec<(String, String)>;

/// An open question, as one reader sees it.
pub struct Open<'a> {
    /// The question.
    pub suspension: &'a Suspension,
    /// What there is to fill in.
    pub fields: &'a [Field],
    /// Who reads.
    pub reader: &'a str,
    /// Why the reader can't answer; none: they can.
    pub refusal: Option<&'a str>,
    /// What was filled in before.
    pub filled: Option<&'a Filled>,
    /// What was wrong with it.
    pub errors: &'a Errors,
    /// The present.
    pub now: Instant,
}

fn page(status: StatusCode, title: &str, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="robots" content="noindex,nofollow";
                title { (title) " – Sluicegate" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" {
                        path d="M5 4v16M19 4v16M5 9h14M12 4v5" {}
                        path d="M8 15c1.5-1.3 2.700-1.3 4 0s2.500 1.300 4 0" {}
                    }
                    "Sluicegate"
                }
                main { (body) }
                footer { "This page was opened by a personal link. Don't pass it on." }
            }
        }
    };
    (status, headers(), axum::response::Html(page.into_string())).into_response()
}

/// A page that says one thing.
pub fn told(status: StatusCode, title: &str, text: &str) -> Response {
    let body = html! { div.notice { h1 { (title) } p { (text) } } };
    page(status, title, &body)
}

/// The page of an open question.
pub fn open(status: StatusCode, open: &Open<'_>) -> Response {
    let Open { suspension, fields, reader, refusal, filled, errors, now } = *open;
    let asked = &suspension.interrupt;
    let title = title(asked);
    let own = suspension.standing.vote_of(reader);
    let leaves: Vec<&Field> = fields.iter().flat_map(Field::leaves).collect();
    let errors = &in_order(&leaves, errors);
    let body = html! {
        @if !errors.is_empty() { (summary(&leaves, errors)) }
        @if let Some(vote) = own {
            div.notice.good role="status" {
                h2 { "Your vote is counted: " (label(asked, &vote.action)) }
                p { "You can change it until the matter is decided." }
            }
        }
        @if let Some(refusal) = refusal { div.notice.warn role="status" { h2 { "You can't answer this" } p { (refusal) } } }
        div.card {
            p.kind { (kind(asked.kind)) }
            h1 { (title) }
            @if asked.title.is_some() || asked.message != title { p.message { (asked.message) } }
            p.when {
                "Asked " (shown::instant(asked.opened_at, now))
                @if let Some(at) = asked.expires_at { br; "Open until " (shown::instant(at, now)) }
            }
        }
        @if let Some(context) = &asked.context { section.card { h2 { "Details" } (shown::value(context)) } }
        @if asked.policy.quorum.is_some() { (quorum(suspension, reader, now)) }
        @if refusal.is_none() { (form(asked, fields, filled, errors)) }
        (timeline(suspension, now))
    };
    let title = if errors.is_empty() { title.to_owned() } else { format!("Error: {title}") };
    page(status, &title, &body)
}

/// The page of a question that is over.
pub fn over(status: StatusCode, suspension: &Suspension, reader: &str, now: Instant) -> Response {
    let asked = &suspension.interrupt;
    let decision = suspension.decision.as_ref();
    let (class, headline) = match (suspension.state, decision) {
        (SuspensionState::Answered, Some(decision)) if asked.kind.is_approval() => {
            let class = if decision.action == "rejected" { "bad" } else { "good" };
            (class, format!("Decided: {}", label(asked, &decision.action)))
        }
        (SuspensionState::Answered, _) => ("good", "This has been answered".to_owned()),
        (SuspensionState::Cancelled, _) => ("warn", "This is no longer needed".to_owned()),
        _ => ("warn", "This has expired".to_owned()),
    };
    let body = html! {
        div class={ "notice " (class) } role="status" {
            h1 { (headline) }
            p { (outcome(suspension, reader, now)) }
        }
        div.card {
            p.kind { (kind(asked.kind)) }
            h2 { (title(asked)) }
            @if asked.title.is_some() { p.message { (asked.message) } }
            @if suspension.state == SuspensionState::Answered && let Some(decision) = decision { (said(decision)) }
        }
        @if asked.policy.quorum.is_some() { (quorum(suspension, reader, now)) }
    };
    page(status, &headline, &body)
}

fn kind(kind: SuspensionKind) -> &'static str {
    match kind {
        SuspensionKind::Approval | SuspensionKind::ToolApproval => "Approval",
        SuspensionKind::AskHuman | SuspensionKind::Callback => "Question",
    }
}

fn title(asked: &Interrupt) -> &str {
    match (&asked.title, asked.kind) {
        (Some(title), _) if !title.trim().is_empty() => title,
        // A short message is its own heading.
        _ if asked.message.len() <= 120 && !asked.message.contains('\n') => &asked.message,
        (_, SuspensionKind::Approval | SuspensionKind::ToolApproval) => "Your approval is asked for",
        _ => "A question for you",
    }
}

/// The text of the button that stands for an action.
fn label<'a>(asked: &'a Interrupt, action: &'a str) -> &'a str {
    match asked.actions.iter().find(|known| known.id == action) {
        Some(known) => match known.id.as_str() {
            // The decision, not the button.
            "approved" if known.label == "Approve" => "Approved",
            "rejected" if known.label == "Reject" => "Rejected",
            _ => &known.label,
        },
        None => action,
    }
}

fn person(by: &str, reader: &str) -> String {
    if by == reader {
        "you".to_owned()
    } else if by.starts_with("link:") {
        "somebody with a link".to_owned()
    } else if by.starts_with("key:") {
        "a program".to_owned()
    } else {
        by.to_owned()
    }
}

/// Who decided, when, and how.
fn outcome(suspension: &Suspension, reader: &str, now: Instant) -> Markup {
    let at = suspension.closed_at.unwrap_or(now);
    let decision = suspension.decision.as_ref();
    html! {
        @match suspension.state {
            SuspensionState::Answered => {
                @let by = decision.and_then(|decision| decision.by.as_deref());
                "Decided by " strong { (by.map_or_else(|| "nobody".to_owned(), |by| person(by, reader))) }
                ", " (shown::instant(at, now)) "."
            }
            SuspensionState::Cancelled => { "The workflow ended before anybody answered, " (shown::instant(at, now)) "." }
            _ => {
                "Nobody answered in time. It was open until "
                (shown::instant(suspension.interrupt.expires_at.unwrap_or(at), now)) "; then "
                (consequence(&suspension.interrupt)) "."
            }
        }
    }
}

/// What happens when nobody answers.
fn consequence(asked: &Interrupt) -> &'static str {
    match asked.on_expiry {
        OnExpiry::Reject => "it counts as rejected",
        OnExpiry::Approve => "it counts as approved",
        OnExpiry::Fail => "the step fails",
        OnExpiry::Cancel => "the workflow is cancelled",
        OnExpiry::Default => "the answer that was set beforehand is taken",
        OnExpiry::Port(_) => "the workflow takes the way for that",
    }
}

/// What somebody said with the decision.
fn said(decision: &Decision) -> Markup {
    let rows = [
        ("Answer", decision.answer.as_ref().map(shown::value)),
        ("Reason", decision.reason.as_ref().map(|text| html! { span.text { (text) } })),
        ("Comment", decision.comment.as_ref().map(|text| html! { span.text { (text) } })),
        ("Input", decision.data.as_ref().map(shown::value)),
    ];
    let rows: Vec<_> = rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    html! { @if !rows.is_empty() { dl.facts { @for (name, value) in rows { div.wide[name == "Input"] { dt { (name) } dd { (value) } } } } } }
}

fn quorum(suspension: &Suspension, reader: &str, now: Instant) -> Markup {
    let asked = &suspension.interrupt;
    let required = asked.policy.required();
    let votes = &suspension.standing.votes;
    let leading = |action: &str| votes.iter().filter(|vote| vote.action == action).count();
    let cast =
        votes.iter().filter(|vote| vote.action != "rejected").map(|vote| leading(&vote.action)).max().unwrap_or(0);
    let row = |vote: &Vote| {
        html! {
            li {
                span { strong { (label(asked, &vote.action)) } " – " (person(&vote.by, reader)) }
                span.dim { (shown::distance(vote.at, now)) }
                @if let Some(reason) = &vote.reason { span.text { (reason) } }
            }
        }
    };
    html! {
        section.card {
            h2 { "Votes: " (cast) " of " (required) " needed" }
            @if required <= MAX_MARKS {
                ul.progress role="img" aria-label={ (cast) " of " (required) " votes" } {
                    @for mark in 0..required { li.done[mark < cast] {} }
                }
            }
            @if votes.is_empty() { p.dim { "Nobody has voted yet." } }
            @else { ul.votes { @for vote in votes { (row(vote)) } } }
            @if asked.policy.quorum.is_some_and(|quorum| quorum.veto_on_reject) && suspension.state == SuspensionState::Open {
                p.hint { "One rejection decides." }
            }
        }
    }
}

fn timeline(suspension: &Suspension, now: Instant) -> Markup {
    let asked = &suspension.interrupt;
    let ahead: Vec<_> = asked.timeline.iter().filter(|step| step.at > now).collect();
    html! {
        @if !ahead.is_empty() {
            section.card {
                details {
                    summary { "What happens if nobody answers" }
                    ul.steps {
                        @for step in ahead {
                            li {
                                @match step.action {
                                    TimelineAction::Remind => "A reminder is sent",
                                    TimelineAction::Escalate => "More people are asked",
                                    TimelineAction::Expire => { "It expires: " (consequence(asked)) }
                                }
                                ", " (shown::instant(step.at, now))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Errors in the order of their fields.
fn in_order(leaves: &[&Field], errors: &Errors) -> Errors {
    let mut errors = errors.clone();
    let place = |path: &str| {
        let field = controls::nearest(leaves, path)?;
        leaves.iter().position(|leaf| leaf.name == field.name)
    };
    errors.sort_by_key(|(path, _)| place(path));
    errors
}

/// What is wrong, each with a way to its place.
fn summary(leaves: &[&Field], errors: &Errors) -> Markup {
    html! {
        div.notice.bad role="alert" {
            h2 { "Please check what you filled in" }
            ul {
                @for (path, message) in errors {
                    li {
                        @match controls::nearest(leaves, path) {
                            Some(field) => a href={ "#" (controls::id(field)) } { (field.label) ": " (controls::told(field, message)) },
                            None => (controls::sentence(message)),
                        }
                    }
                }
            }
        }
    }
}

fn form(asked: &Interrupt, fields: &[Field], filled: Option<&Filled>, errors: &Errors) -> Markup {
    let leaves: Vec<&Field> = fields.iter().flat_map(Field::leaves).collect();
    let show = |field: &Field| controls::field(field, &leaves, filled, errors);
    let send = [Action { id: String::new(), label: "Send answer".to_owned(), style: Some("primary".to_owned()) }];
    let buttons = if asked.kind.is_approval() { &asked.actions[..] } else { &send };
    html! {
        // Errors are told by the server, each at its place, in words.
        form.card method="post" novalidate {
            @if asked.kind.is_approval() { h2 { "Your decision" } }
            @else if asked.form.is_some() { h2 { "Your answer" } }
            @for field in fields {
                @if field.name == "comment" {
                    details open[filled.is_some_and(|filled| filled.text("comment").is_some())] {
                        summary { "Add a comment" }
                        (show(field))
                    }
                } @else if matches!(&field.control, Control::Group(_)) && field.name == "data" {
                    @if let Control::Group(inner) = &field.control { @for field in inner { (show(field)) } }
                } @else {
                    (show(field))
                }
            }
            div.actions {
                @for action in buttons {
                    button class=[style(action)] type="submit" name="action" value=(action.id) { (action.label) }
                }
            }
        }
    }
}

fn style(action: &Action) -> Option<&'static str> {
    match action.style.as_deref() {
        Some("primary") => Some("primary"),
        Some("danger") => Some("danger"),
        _ => None,
    }
}
