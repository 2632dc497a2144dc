//! What a caller may do: extractors that can't be forgotten.
//!
//! [`Access`], [`InPod`] and [`OfPod`] are the only sources of a workspace's and a pod's id for queries: a handler that does not check
//! has nothing to query with. The role is part of the type: `Access<Editor>`.

use std::{fmt, marker::PhantomData};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};

use super::{Caller, Principal, PrincipalKind, no_credentials};
use crate::{
    clock::Instant,
    domain::{
        audit::Author,
        identity::Role,
        ids::{PodId, WorkspaceId},
        suspension::{Actor, DecisionSource},
        workflow::Pod,
    },
    http::{
        error::{Code, Problem},
        extract::{PathParam, find_param},
        original_uri,
        state::AppState,
        without_version,
    },
    store::{Store, StoreError},
};

/// The lowest role that an extractor lets in.
pub trait RoleFloor: Send + Sync + 'static {
    /// The role.
    const ROLE: Role;
    /// Whether a stream token in `?token=` opens it as well. For streams alone.
    const STREAM_TOKEN: bool = false;
}

macro_rules! floors {
    ($($(#[$doc:meta])* $name:ident = $role:ident, $token:literal;)*) => {$(
        $(#[$doc])*
        pub struct $name;
        impl RoleFloor for $name {
            const ROLE: Role = Role::$role;
            const STREAM_TOKEN: bool = $token;
        }
    )*};
}

floors! {
    /// Viewers and higher.
    Viewer = Viewer, false;
    /// Editors and higher.
    Editor = Editor, false;
    /// Admins and higher.
    Admin = Admin, false;
    /// Owners.
    Owner = Owner, false;
    /// Viewers and higher, and who has a token for this stream. The handler's query has to know `token`.
    StreamViewer = Viewer, true;
}

/// Leave to act in the workspace in the path, with at least the role `R`.
pub struct Access<R> {
    workspace_id: WorkspaceId,
    principal: Principal,
    role: Role,
    at: Instant,
    floor: PhantomData<R>,
}

impl<R> Access<R> {
    /// The workspace.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.workspace_id
    }

    /// Who acts.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The caller as the author of a change.
    pub fn author(&self) -> Author {
        Author { id: self.principal.id.clone(), at: self.at }
    }

    /// Their role in the workspace.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Who acts, as the engine sees those who answer.
    pub fn actor(&self) -> Actor {
        let source = match self.principal.kind {
            PrincipalKind::User => DecisionSource::Person,
            PrincipalKind::ApiKey => DecisionSource::Api,
        };
        Actor { id: self.principal.id.clone(), source, role: Some(self.role) }
    }

    /// Refuses who is below `role`, where it depends on the request.
    pub fn require(&self, role: Role, what: &str) -> Result<(), Problem> {
        if self.role < role { Err(too_low(role, what)) } else { Ok(()) }
    }
}

impl<R: RoleFloor> Access<R> {
    /// Leave to act in the workspace of an API key, where the path names none.
    pub async fn of_key(parts: &mut Parts, state: &AppState, secret: &str) -> Result<Self, Problem> {
        let principal = state.auth.api_key(secret).await?;
        let (workspace_id, role) = principal.key_grant.ok_or_else(no_credentials)?;
        Self::granted(parts, state, (principal, workspace_id, role))
    }

    fn granted(
        parts: &mut Parts,
        state: &AppState,
        (principal, workspace_id, role): (Principal, WorkspaceId, Role),
    ) -> Result<Self, Problem> {
        if role < R::ROLE {
            return Err(too_low(R::ROLE, "this"));
        }
        let span = tracing::Span::current();
        span.record("workspace_id", tracing::field::display(workspace_id));
        span.record("principal", &principal.id);
        parts.extensions.insert(Caller { principal: principal.clone(), workspace_id: Some(workspace_id) });
        Ok(Self { workspace_id, principal, role, at: state.clock.now(), floor: PhantomData })
    }
}

impl<R> fmt::Debug for Access<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {} in {}", self.principal.id, self.role.as_str(), self.workspace_id)
    }
}

impl<R: RoleFloor, S> FromRequestParts<S> for Access<R>
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let state = AppState::from_ref(state);
        let named = id_in_path::<WorkspaceId>(parts).await?;
        let not_found = || Problem::not_found(WorkspaceId::THING);
        let (principal, workspace_id, role);
        if let Some(known) = state.auth.principal(parts).await? {
            workspace_id = named.ok_or_else(not_found)?;
            role = role_in(&state, workspace_id, &known).await?;
            principal = known;
        } else {
            let token = if R::STREAM_TOKEN { token_in_query(parts) } else { None };
            let token = token.ok_or_else(no_credentials)?;
            workspace_id = named.ok_or_else(not_found)?;
            let path = without_version(original_uri(parts).path());
            principal = state.auth.stream_tokens().check(&token, workspace_id, path)?;
            role = Role::Viewer;
        }
        Self::granted(parts, &state, (principal, workspace_id, role))
    }
}

/// Leave to act in the pod in the path, which is in the workspace in the path.
pub struct InPod<R> {
    access: Access<R>,
    pod: Pod,
}

impl<R> InPod<R> {
    /// The workspace.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.access.workspace_id
    }

    /// The pod's id.
    pub fn pod_id(&self) -> PodId {
        self.pod.id
    }

    /// The pod.
    pub fn pod(&self) -> &Pod {
        &self.pod
    }

    /// Who acts.
    pub fn principal(&self) -> &Principal {
        &self.access.principal
    }

    /// The access to the workspace.
    pub fn access(&self) -> &Access<R> {
        &self.access
    }
}

impl<R: RoleFloor, S> FromRequestParts<S> for InPod<R>
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let OfPod { access, pod_id } = OfPod::from_request_parts(parts, state).await?;
        let pod = AppState::from_ref(state).store.pod(access.workspace_id, pod_id).await?;
        Ok(Self { access, pod })
    }
}

/// Leave to act on something in the pod in the path whose own row names the pod: the pod's row is not read. Who does not
/// find the thing in [`Self::pod_id`] answers [`Self::not_found`].
pub struct OfPod<R> {
    access: Access<R>,
    pod_id: PodId,
}

impl<R> OfPod<R> {
    /// The workspace.
    pub fn workspace_id(&self) -> WorkspaceId {
        self.access.workspace_id
    }

    /// The pod that the thing has to be in; it may not exist.
    pub fn pod_id(&self) -> PodId {
        self.pod_id
    }

    /// Who acts.
    pub fn principal(&self) -> &Principal {
        &self.access.principal
    }

    /// The access to the workspace.
    pub fn access(&self) -> &Access<R> {
        &self.access
    }

    /// What is missing: the pod, or this thing in it.
    pub async fn not_found(&self, store: &dyn Store, what: &str) -> Problem {
        match store.pod(self.workspace_id(), self.pod_id).await {
            Ok(_) => Problem::not_found(what),
            Err(error) => error.into(),
        }
    }
}

impl<R: RoleFloor, S> FromRequestParts<S> for OfPod<R>
where
    S: Send + Sync,
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let access = Access::from_request_parts(parts, state).await?;
        let pod_id = id_in_path::<PodId>(parts).await?.ok_or_else(|| Problem::not_found(PodId::THING))?;
        tracing::Span::current().record("pod_id", tracing::field::display(pod_id));
        Ok(Self { access, pod_id })
    }
}

/// The id in the path; none if the text there can't be one.
async fn id_in_path<T: PathParam>(parts: &mut Parts) -> Result<Option<T>, Problem> {
    let text = find_param::<T>(parts).await?;
    let text = text.ok_or_else(|| Problem::internal(format!("the route has no parameter `{}`", T::NAME)))?;
    Ok(text.parse().ok())
}

/// The caller's role. To whoever is not a member a workspace is what one that does not exist is.
async fn role_in(state: &AppState, workspace_id: WorkspaceId, principal: &Principal) -> Result<Role, Problem> {
    let role = match principal.key_grant {
        Some((granted, role)) => (granted == workspace_id).then_some(role),
        None => match state.store.member(workspace_id, &principal.id).await {
            Ok(member) => Some(member.role),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
    };
    role.ok_or_else(|| Problem::not_found(WorkspaceId::THING))
}

fn too_low(role: Role, what: &str) -> Problem {
    Problem::new(Code::RoleTooLow, format!("{what} needs the role `{}` or a higher one", role.as_str()))
}

fn token_in_query(parts: &Parts) -> Option<String> {
    let query = parts.uri.query()?;
    let (_, token) = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token")?;
    Some(token.into_owned())
}
