//! Who calls, and where: an API key in one of three headers is the only credential, and its workspace is the organization. Projects are
//! the pods of the workspace.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, request::Parts},
};

use crate::{
    domain::{
        audit::Author,
        execution::Execution,
        identity::Role,
        ids::{ExecutionId, PodId, SubjectId, WorkflowId, WorkspaceId},
        subject::Subject,
        workflow::{Pod, Workflow, WorkflowState},
    },
    http::{
        AppState,
        auth::{self, Access, RoleFloor},
        error::{Code, Problem},
        extract::PathParam,
    },
    store::{Store, StoreError},
};

/// The header that is asked first.
pub const API_KEY: &str = "x-api-key";
/// The older one.
pub const ACCESS_TOKEN: &str = "x-access-token";
/// How many pods are read at a time.
const PAGE: i64 = 200;

macro_rules! path_ids {
    ($($(#[$doc:meta])* $name:ident($id:ident), $parameter:literal, $thing:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(pub $id);

        impl std::str::FromStr for $name {
            type Err = <$id as std::str::FromStr>::Err;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl PathParam for $name {
            const NAME: &'static str = $parameter;
            const THING: &'static str = $thing;
        }
    )*};
}

path_ids! {
    /// An assistant in the path.
    AssistantId(WorkflowId), "assistantId", "assistant";
    /// A project in the path.
    ProjectId(PodId), "projectId", "project";
    /// An organization in the path.
    OrganizationId(WorkspaceId), "organizationId", "organization";
    /// A document family in the path.
    FamilyId(SubjectId), "familyId", "document family";
}

/// Leave to act with at least the role `R`.
pub struct Scope<R> {
    access: Access<R>,
}

impl<R: RoleFloor, S> FromRequestParts<S> for Scope<R>
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let state = AppState::from_ref(state);
        let secret = secret_of(&parts.headers)?;
        Ok(Self { access: Access::of_key(parts, &state, &secret).await? })
    }
}

impl<R> Scope<R> {
    /// The tenant.
    pub fn workspace(&self) -> WorkspaceId {
        self.access.workspace_id()
    }

    /// Who acts, as created things name them.
    pub fn by(&self) -> String {
        self.access.principal().id.clone()
    }

    /// Who acts, as the author of a change.
    pub fn author(&self) -> Author {
        self.access.author()
    }

    /// Refuses who is below `role`.
    pub fn require(&self, role: Role, what: &str) -> Result<(), Problem> {
        self.access.require(role, what)
    }

    /// A project.
    pub async fn project(&self, store: &dyn Store, ProjectId(id): ProjectId) -> Result<Pod, Problem> {
        tracing::Span::current().record("pod_id", tracing::field::display(id));
        called("project", store.pod(self.workspace(), id).await)
    }

    /// All projects, newest first.
    pub async fn projects(&self, store: &dyn Store) -> Result<Vec<Pod>, Problem> {
        let (mut pods, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.pods(self.workspace(), PAGE, cursor.as_deref()).await?;
            pods.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(pods),
            }
        }
    }

    /// An assistant: a workflow that is not in the trash, with its latest definition.
    pub async fn assistant(&self, store: &dyn Store, AssistantId(id): AssistantId) -> Result<Workflow, Problem> {
        let workflow = called("assistant", store.workflow(self.workspace(), id).await)?;
        if workflow.state == WorkflowState::Trashed {
            return Err(Problem::not_found("assistant"));
        }
        tracing::Span::current().record("pod_id", tracing::field::display(workflow.pod_id));
        Ok(workflow)
    }

    /// An assistant of a project.
    pub async fn assistant_of(
        &self,
        store: &dyn Store,
        project: ProjectId,
        assistant: AssistantId,
    ) -> Result<Workflow, Problem> {
        let workflow = self.assistant(store, assistant).await?;
        if workflow.pod_id == project.0 { Ok(workflow) } else { Err(Problem::not_found("assistant")) }
    }

    /// An execution.
    pub async fn execution(&self, store: &dyn Store, id: ExecutionId) -> Result<Execution, Problem> {
        let execution = store.execution(self.workspace(), id).await?;
        tracing::Span::current().record("execution_id", tracing::field::display(id));
        Ok(execution)
    }

    /// A document family.
    pub async fn family(&self, store: &dyn Store, FamilyId(id): FamilyId) -> Result<Subject, Problem> {
        called("document family", store.subject(self.workspace(), id).await)
    }
}

/// What is not there, in the words of this face.
pub fn called<T>(thing: &str, result: Result<T, StoreError>) -> Result<T, Problem> {
    result.map_err(|error| match error {
        StoreError::NotFound(_) => Problem::not_found(thing),
        error => error.into(),
    })
}

fn secret_of(headers: &HeaderMap) -> Result<String, Problem> {
    for name in [API_KEY, ACCESS_TOKEN] {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        let refused = |what: &str| Problem::field(Code::InvalidHeader, name, what);
        if values.next().is_some() {
            return Err(refused("the header must be given once"));
        }
        let text = value.to_str().map_err(|_| refused("the header is not text"))?.trim();
        if !text.is_empty() {
            return Ok(text.to_owned());
        }
    }
    if headers.contains_key("authorization") {
        let bearer = auth::bearer(headers).map(str::to_owned);
        return bearer.ok_or_else(|| {
            auth::challenge(Code::InvalidCredentials, "`Authorization` must be `Bearer` and an API key")
        });
    }
    let message = "send an API key in `x-api-key`, `x-access-token` or `Authorization: Bearer`";
    Err(auth::challenge(Code::Unauthenticated, message))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_newer_header_wins() {
        let secret = |headers: &[(&'static str, &'static str)]| {
            let pairs = headers.iter();
            let map: HeaderMap =
                pairs.map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
            secret_of(&map).map_err(|problem| problem.code())
        };
        for (headers, expected) in [
            (&[("x-api-key", "a"), ("x-access-token", "b")][..], Ok("a")),
            (&[("x-access-token", " b ")], Ok("b")),
            (&[("x-api-key", ""), ("x-access-token", "b")], Ok("b")),
            (&[("authorization", "Bearer c")], Ok("c")),
            (&[("x-access-token", "b"), ("authorization", "Bearer c")], Ok("b")),
            (&[("authorization", "Basic c")], Err(Code::InvalidCredentials)),
            (&[], Err(Code::Unauthenticated)),
        ] {
            assert_eq!(secret(headers), expected.map(str::to_owned), "{headers:?}");
        }
    }
}
