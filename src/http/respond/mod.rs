//! The reviewer's page: what a link in a message opens. Rendered here, without scripts; it works without an account where the
//! question allows that.
//!
//! Looking at it changes nothing, however often mail scanners do. Sending its form answers through the same door of the engine as
//! everything else, and the engine decides who may.

mod controls;
mod form;
mod page;
mod shown;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    error::{Code, Problem},
    extract::{self, LinkToken, Param},
    state::AppState,
};
use crate::{
    clock::Instant,
    domain::{
        notification::{Purpose, ResponseLink},
        suspension::{Actor, DecisionSource, Interrupt, Refusal, Suspension, SuspensionState},
    },
    engine::{Answer, Engine, EngineError},
    nodes::forms::{self, AnswerInput, REJECTED},
    store::{Store, StoreError},
};
pub(crate) use form::{Control, Field, Filled};
use page::{Errors, Open};
pub(crate) use shown::{distance, humanized};

/// The routes of this file. They have no version: links live longer.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_response_page, send_response_page))
}

/// See a question by a link
///
/// A page for the person who got the link, without scripts. It changes nothing.
#[utoipa::path(
    get, path = "/respond/{token}", tag = "suspensions",
    responses(
        (status = 200, description = "The question, or how it was decided", body = String, content_type = "text/html"),
        (status = 403, description = "The person is no longer a member of the workspace", body = String, content_type = "text/html"),
        (status = 404, description = "No such link", body = String, content_type = "text/html"),
        (status = 410, description = "The link has expired", body = String, content_type = "text/html"),
    ),
)]
async fn get_response_page(
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(LinkToken(token)): Param<LinkToken>,
) -> Result<Response, Problem> {
    let now = engine.clock().now();
    Ok(match find(&engine, &*store, &token, now).await? {
        Found::Matter(matter) => matter.page(StatusCode::OK, None, &Errors::new(), now),
        Found::Page(page) => page,
    })
}

/// Answer a question by a link
///
/// The form of the page. After an answer the page says what became of it.
#[utoipa::path(
    post, path = "/respond/{token}", tag = "suspensions",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "It is answered: see the page"),
        (status = 403, description = "This person may not answer", body = String, content_type = "text/html"),
        (status = 404, description = "No such link", body = String, content_type = "text/html"),
        (status = 409, description = "It was decided otherwise, or is claimed", body = String, content_type = "text/html"),
        (status = 410, description = "The link has expired", body = String, content_type = "text/html"),
        (status = 422, description = "The answer does not fit", body = String, content_type = "text/html"),
    ),
)]
async fn send_response_page(
    State(engine): State<Engine>,
    State(store): State<Arc<dyn Store>>,
    Param(LinkToken(token)): Param<LinkToken>,
    request: Request,
) -> Result<Response, Problem> {
    let now = engine.clock().now();
    let matter = match find(&engine, &*store, &token, now).await? {
        Found::Matter(matter) => matter,
        Found::Page(page) => return Ok(page),
    };
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !declared.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::new(Code::UnsupportedMediaType, "the body must be that of the page's form"));
    }
    let (_, body) = extract::read_body(request).await?;
    let filled = Filled::read(&body);
    let asked = &matter.suspension.interrupt;
    let (input, unreadable) = answer(asked, &filled);
    if !unreadable.is_empty() && matter.refusal().is_none() && matter.is_open() {
        let mut errors = unreadable;
        errors.extend(problems(forms::check_answer(asked, &input).err().unwrap_or_default(), &errors));
        return Ok(matter.page(StatusCode::UNPROCESSABLE_ENTITY, Some(&filled), &errors, now));
    }
    let answer = Answer {
        pod_id: None,
        suspension_id: Some(matter.suspension.id),
        node_id: None,
        actor: matter.actor.clone(),
        input,
    };
    let (workspace, execution) = (matter.suspension.workspace_id, matter.suspension.execution_id);
    let Err(error) = engine.respond(workspace, execution, answer, None).await else { return Ok(see(&token)) };
    let status = match error {
        EngineError::Answer(problems) => {
            let errors = self::problems(problems, &[]);
            return Ok(matter.page(StatusCode::UNPROCESSABLE_ENTITY, Some(&filled), &errors, now));
        }
        EngineError::AlreadyClosed(_) | EngineError::Claimed(_) | EngineError::ChangedTooOften => StatusCode::CONFLICT,
        EngineError::MayNotAnswer(..) => StatusCode::FORBIDDEN,
        EngineError::Conflict | EngineError::Busy | EngineError::Stopping | EngineError::Unwritten(_) => {
            let text = "Your answer may not have been saved. Go back and send it again.";
            return Ok(page::told(StatusCode::SERVICE_UNAVAILABLE, "Please try again", text));
        }
        error => return Err(error.into()),
    };
    // As it is by now.
    Ok(match find(&engine, &*store, &token, now).await? {
        Found::Matter(matter) => matter.page(status, Some(&filled), &Errors::new(), now),
        Found::Page(page) => page,
    })
}

/// To the page itself; written as its last part, whatever is before it in the address.
fn see(token: &str) -> Response {
    let mut response = (StatusCode::SEE_OTHER, page::headers()).into_response();
    // A token that was found is base64url.
    if let Ok(place) = HeaderValue::try_from(token) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

enum Found {
    Matter(Box<Matter>),
    Page(Response),
}

/// What a link leads to, and for whom.
struct Matter {
    suspension: Suspension,
    actor: Actor,
    /// Whether the link names nobody.
    anonymous: bool,
    expired: bool,
}

async fn find(engine: &Engine, store: &dyn Store, token: &str, now: Instant) -> Result<Found, Problem> {
    let unknown = || {
        let text = "Perhaps a part of the address was lost. Open the link from the message once more.";
        Found::Page(page::told(StatusCode::NOT_FOUND, "This link leads nowhere", text))
    };
    let Some(link) = link_of(engine, store, Purpose::Respond, token).await? else { return Ok(unknown()) };
    let suspension = match store.suspension(link.workspace_id, link.suspension_id).await {
        Err(StoreError::NotFound(_)) => return Ok(unknown()),
        found => found?,
    };
    let role = match &link.user_id {
        None => None,
        Some(user) => match store.member(link.workspace_id, user).await {
            Ok(member) => Some(member.role),
            Err(StoreError::NotFound(_)) => {
                let text = "It was sent to somebody who is not a member of the workspace any more.";
                return Ok(Found::Page(page::told(StatusCode::FORBIDDEN, "This link is no longer valid", text)));
            }
            Err(error) => return Err(error.into()),
        },
    };
    let id = link.user_id.clone().unwrap_or_else(|| format!("link:{}", link.id));
    Ok(Found::Matter(Box::new(Matter {
        suspension,
        actor: Actor { id, source: DecisionSource::Link, role },
        anonymous: link.user_id.is_none(),
        expired: link.is_expired(now),
    })))
}

/// The link of a token.
pub async fn link_of(
    engine: &Engine,
    store: &dyn Store,
    purpose: Purpose,
    token: &str,
) -> Result<Option<ResponseLink>, StoreError> {
    let Some(digest) = engine.links().digest_of(purpose, token) else { return Ok(None) };
    let link = store.response_link(&digest).await?;
    Ok(link.filter(|link| link.purpose == purpose && link.is_of(&digest)))
}

impl Matter {
    fn is_open(&self) -> bool {
        self.suspension.state == SuspensionState::Open && !self.expired
    }

    /// Why this reader can't answer, in words for them.
    fn refusal(&self) -> Option<String> {
        let Suspension { interrupt, standing, .. } = &self.suspension;
        let refusal = interrupt.policy.may_answer(standing, &self.actor).err()?;
        Some(match refusal {
            Refusal::Claimed(by) => format!("{by} has taken this on. They can release it for others."),
            Refusal::OwnRequest => "You started this, and who did so may not decide about it.".to_owned(),
            Refusal::NotAPerson | Refusal::NotAnApprover if self.anonymous => {
                "It is up to certain people, and this link does not say who you are. Sign in to answer.".to_owned()
            }
            Refusal::NotAPerson | Refusal::NotAnApprover => "You are none of those who may answer.".to_owned(),
        })
    }

    fn page(&self, status: StatusCode, filled: Option<&Filled>, errors: &Errors, now: Instant) -> Response {
        let suspension = &self.suspension;
        if !self.is_open() {
            let status =
                if self.expired || suspension.state == SuspensionState::Expired { StatusCode::GONE } else { status };
            return page::over(status, suspension, &self.actor.id, now);
        }
        let fields = fields(&suspension.interrupt);
        let refusal = self.refusal();
        let reader = &self.actor.id;
        let refusal = refusal.as_deref();
        page::open(status, &Open { suspension, fields: &fields, reader, refusal, filled, errors, now })
    }
}

/// What there is to fill in.
pub(crate) fn fields(asked: &Interrupt) -> Vec<Field> {
    let mut fields = Vec::new();
    if let Some(form) = &asked.form {
        fields.push(Field::of_schema(form));
    } else if !asked.kind.is_approval() {
        let choices: Vec<Value> = asked.choices.iter().cloned().map(Value::String).collect();
        let control = if choices.is_empty() { Control::Text } else { Control::Choice(choices) };
        fields.push(Field { required: true, ..Field::plain("answer", "Your answer", control) });
    }
    if asked.kind.is_approval() {
        let mut reason = Field::plain("reason", "Reason", Control::Text);
        if asked.require_reason {
            reason.help.push("Needed to reject.".to_owned());
        }
        fields.push(reason);
    }
    fields.push(Field::plain("comment", "Comment", Control::Text));
    fields
}

/// The answer that was filled in, and where it can't be read.
pub(crate) fn answer(asked: &Interrupt, filled: &Filled) -> (AnswerInput, Errors) {
    let action = filled.text("action").filter(|_| asked.kind.is_approval());
    let mut unreadable = Errors::new();
    let mut input = AnswerInput {
        action: action.map(str::to_owned),
        reason: filled.text("reason").map(str::to_owned),
        comment: filled.text("comment").map(str::to_owned),
        ..AnswerInput::default()
    };
    for field in fields(asked) {
        match field.name.as_str() {
            // Who rejects need not fill in the form.
            "data" if action != Some(REJECTED) => input.data = field.value(filled, &mut unreadable),
            "answer" => input.answer = field.value(filled, &mut unreadable),
            _ => {}
        }
    }
    (input, unreadable)
}

/// What is wrong, beside what was said already.
fn problems(problems: Vec<crate::domain::definition::Problem>, said: &[(String, String)]) -> Errors {
    let new = problems.into_iter().map(|problem| (problem.path, problem.message));
    new.filter(|(path, _)| !said.iter().any(|(said, _)| said == path)).collect()
}
