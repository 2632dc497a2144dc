//! Who calls, and where: an API key in one of three headers is the only credential, its workspace is the tenant, and a pod of that
//! workspace has the workflows. The pod is the one that `X-Kinetic-Pod` names by id or slug, else the workspace's oldest.

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, request::Parts},
};

use crate::{
    domain::{
        audit::Author,
        execution::Execution,
        identity::Role,
        ids::{ExecutionId, PodId, WorkflowId, WorkspaceId},
        workflow::{Pod, Workflow},
    },
    http::{
        AppState,
        auth::{self, Access, RoleFloor},
        error::{Code, Problem},
        names,
    },
    store::{Store, StoreError, catalogue::Change},
};

/// The header that the callback of a worker needs; other calls take it as well.
pub const WORKER_KEY: &str = "x-kinetic-key";
/// The header for everybody.
pub const API_KEY: &str = "kinetic-api-key";
/// The header that names a pod.
pub const POD: &str = "x-kinetic-pod";

/// The pod that is made where there is none.
const POD_NAME: &str = "Kinetic";
/// How many pods are read at a time when one is looked for by its slug.
const PAGE: i64 = 200;

/// Leave to act with at least the role `R`, and the pod that calls are about, if there is one.
pub struct Scope<R> {
    access: Access<R>,
    pod: Option<Pod>,
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
        let access = Access::of_key(parts, &state, &secret).await?;
        let workspace = access.workspace_id();
        let pod = match text_of(&parts.headers, POD)? {
            Some(name) => Some(named_pod(&*state.store, workspace, name).await?),
            None => state.store.oldest_pod(workspace).await?,
        };
        if let Some(pod) = &pod {
            tracing::Span::current().record("pod_id", tracing::field::display(pod.id));
        }
        Ok(Self { access, pod })
    }
}

impl<R> Scope<R> {
    /// The tenant.
    pub fn workspace(&self) -> WorkspaceId {
        self.access.workspace_id()
    }

    /// The pod; none in a workspace that has no pod yet.
    pub fn pod_id(&self) -> Option<PodId> {
        self.pod.as_ref().map(|pod| pod.id)
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

    /// The pod, which is made if the workspace has none.
    pub async fn pod_or_new(&self, state: &AppState) -> Result<PodId, Problem> {
        if let Some(id) = self.pod_id() {
            return Ok(id);
        }
        let (id, now) = (PodId(state.clock.new_id()), state.clock.now());
        let [slug, _] = names::slugs_for(POD_NAME, id.0);
        let pod = Pod {
            id,
            workspace_id: self.workspace(),
            name: POD_NAME.to_owned(),
            slug,
            description: String::new(),
            max_running: None,
            created_at: now,
            updated_at: now,
        };
        match state.store.change(Change::CreatePod(pod), &self.author(), None).await {
            Ok(()) => Ok(id),
            // Somebody was faster.
            Err(StoreError::Taken(_)) => {
                let pod = state.store.oldest_pod(self.workspace()).await?;
                Ok(pod.ok_or_else(|| Problem::not_found("pod"))?.id)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A workflow of the pod, with its latest definition.
    pub async fn workflow(&self, store: &dyn Store, id: WorkflowId) -> Result<Workflow, Problem> {
        let workflow = store.workflow(self.workspace(), id).await?;
        if Some(workflow.pod_id) == self.pod_id() { Ok(workflow) } else { Err(Problem::not_found("workflow")) }
    }

    /// An execution of the pod.
    pub async fn execution(&self, store: &dyn Store, id: ExecutionId) -> Result<Execution, Problem> {
        let execution = store.execution(self.workspace(), id).await?;
        tracing::Span::current().record("execution_id", tracing::field::display(id));
        if Some(execution.origin.pod_id) == self.pod_id() {
            Ok(execution)
        } else {
            Err(Problem::not_found("execution"))
        }
    }
}

/// Refuses who does not bring a worker's key in the header for it.
pub fn require_worker_key(headers: &HeaderMap) -> Result<(), Problem> {
    match text_of(headers, WORKER_KEY)? {
        Some(_) => Ok(()),
        None => {
            Err(auth::challenge(Code::Unauthenticated, "the callback of a worker needs its key in `X-Kinetic-Key`"))
        }
    }
}

fn secret_of(headers: &HeaderMap) -> Result<String, Problem> {
    let mut given: Vec<&str> = Vec::new();
    for name in [API_KEY, WORKER_KEY] {
        given.extend(text_of(headers, name)?);
    }
    if text_of(headers, "authorization")?.is_some() {
        let bearer = auth::bearer(headers);
        given.push(bearer.ok_or_else(|| {
            auth::challenge(Code::InvalidCredentials, "`Authorization` must be `Bearer` and an API key")
        })?);
    }
    given.dedup();
    match *given {
        [secret] => Ok(secret.to_owned()),
        [] => Err(auth::challenge(
            Code::Unauthenticated,
            "send an API key in `kinetic-api-key`, `X-Kinetic-Key` or `Authorization: Bearer`",
        )),
        _ => Err(auth::challenge(Code::InvalidCredentials, "the headers carry different keys; send one")),
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let refused = |what: &str| Problem::field(Code::InvalidHeader, name, what);
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(refused("the header must be given once"));
    }
    first.map(|value| value.to_str().map(str::trim).map_err(|_| refused("the header is not text"))).transpose()
}

async fn named_pod(store: &dyn Store, workspace: WorkspaceId, name: &str) -> Result<Pod, Problem> {
    if let Ok(id) = name.parse() {
        return Ok(store.pod(workspace, id).await?);
    }
    let mut cursor = None;
    loop {
        let page = store.pods(workspace, PAGE, cursor.as_deref()).await?;
        if let Some(pod) = page.items.into_iter().find(|pod| pod.slug == name) {
            return Ok(pod);
        }
        cursor = Some(page.next.ok_or_else(|| Problem::not_found("pod"))?);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn secret(headers: &[(&'static str, &'static str)]) -> Result<String, Code> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.iter().map(pair) {
            map.append(name, value);
        }
        secret_of(&map).map_err(|problem| problem.code())
    }

    #[test]
    fn one_key_in_any_of_the_headers() {
        for headers in [
            &[("authorization", "Bearer k")][..],
            &[("kinetic-api-key", "k")],
            &[("x-kinetic-key", " k ")],
            &[("x-kinetic-key", "k"), ("authorization", "bearer k"), ("kinetic-api-key", "k")],
        ] {
            assert_eq!(secret(headers).as_deref(), Ok("k"), "{headers:?}");
        }
        for (headers, code) in [
            (&[][..], Code::Unauthenticated),
            (&[("authorization", "Basic k")], Code::InvalidCredentials),
            (&[("kinetic-api-key", "a"), ("x-kinetic-key", "b")], Code::InvalidCredentials),
            (&[("kinetic-api-key", "a"), ("kinetic-api-key", "a")], Code::InvalidHeader),
        ] {
            assert_eq!(secret(headers), Err(code), "{headers:?}");
        }
    }
}
