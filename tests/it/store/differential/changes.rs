//! Random changes of the catalogue.

use rand::RngExt;
use sluicegate::{
    domain::{
        identity::{Member, Role},
        ids::PodId,
        workflow::{Pod, Workflow},
    },
    store::catalogue::Change,
};

use super::{
    super::{
        fixture::{Home, ada, pod, workflow},
        oracle::Record,
    },
    Run,
};

impl Run {
    pub(super) async fn change(&mut self) {
        let change = self.a_change();
        let idempotency = self.chance(20).then(|| self.a_reply());
        let name = |outcome: &Result<(), sluicegate::store::StoreError>| format!("{outcome:?}");
        let executions = self.oracle.executions.len();
        let expected = name(&self.oracle.change(&change, idempotency.as_ref()));
        let answers = [
            name(&self.stores[0].1.change(change.clone(), &ada(), idempotency.clone()).await),
            name(&self.stores[1].1.change(change.clone(), &ada(), idempotency).await),
        ];
        self.same("change", answers, &expected);
        if expected == "Ok(())" {
            self.saw("change ok");
            match change {
                Change::DeletePod(..) if self.oracle.executions.len() < executions => {
                    self.saw("pod deleted with executions");
                }
                Change::UpdateWorkflow { .. } => self.saw("workflow changed"),
                _ => {}
            }
        }
        for kind in ["NotFound", "Taken", "Refused", "Repeated"] {
            if expected.contains(kind) {
                self.saw(&format!("change {kind}"));
            }
        }
    }

    fn a_change(&mut self) -> Change {
        let workspace = self.home.workspace;
        let pods: Vec<Pod> = self.oracle.pods.values().cloned().collect();
        let workflows: Vec<Workflow> = self.oracle.workflows.values().cloned().collect();
        let some_pod = self.pick(&pods).filter(|_| self.random.random_range(0..10) > 0);
        let pod_id = some_pod.map_or_else(|| self.new_id(), |pod| pod.id);
        let slug = format!("pod{}", self.random.random_range(0..6));
        let user = ["ada", "bea", "eve"][self.random.random_range(0..3)];
        let role = [Role::Viewer, Role::Editor, Role::Admin, Role::Owner][self.random.random_range(0..4)];
        match self.random.random_range(0..12) {
            0..3 => Change::CreatePod(pod(Home { pod: self.new_id(), ..self.home }, &slug, self.now)),
            3 => Change::UpdatePod(pod(Home { pod: pod_id, ..self.home }, &slug, self.now)),
            4 => Change::DeletePod(workspace, pod_id),
            5 => {
                // One in which something was and all has ended, if there is one.
                let inside = |pod: &PodId| {
                    let of_pod = |it: &&Record| it.execution.origin.pod_id == *pod;
                    self.oracle.executions.values().filter(of_pod).map(Record::is_live).collect::<Vec<_>>()
                };
                let over = |pod: &PodId| inside(pod).iter().any(|live| !live) && !inside(pod).contains(&true);
                let ended: Vec<PodId> = self.oracle.pods.keys().copied().filter(over).collect();
                Change::DeletePod(workspace, self.pick(&ended).unwrap_or(pod_id))
            }
            6 => Change::PutMember(Member {
                workspace_id: workspace,
                user_id: user.to_owned(),
                role,
                created_at: self.now,
            }),
            7 => Change::RemoveMember(workspace, user.to_owned()),
            8 => {
                let home = Home { pod: pod_id, workflow: self.new_id(), ..self.home };
                Change::CreateWorkflow(workflow(home, self.now), user.to_owned())
            }
            _ => {
                let home = Home { pod: pod_id, workflow: self.new_id(), ..self.home };
                let mut workflow = self.pick(&workflows).unwrap_or_else(|| workflow(home, self.now));
                let expected_updated_at = workflow.updated_at.plus_ms(i64::from(self.chance(10)));
                workflow.starred = self.chance(50);
                workflow.updated_at = self.now;
                let mut new_version = None;
                if self.chance(50) {
                    workflow.version += 1;
                    let mut definition = workflow.definition.clone().expect("the oracle keeps it");
                    definition.settings.timeout_ms = Some(self.now.0);
                    new_version = Some((definition, user.to_owned()));
                }
                Change::UpdateWorkflow { workflow, expected_updated_at, new_version }
            }
        }
    }
}
