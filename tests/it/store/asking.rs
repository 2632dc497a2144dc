//! Open suspensions: how they stand, who may answer them, and groups of people.

use sluicegate::{
    domain::{
        execution::ExecutionStatus,
        identity::{Group, Member, Role},
        suspension::{
            Actor, Approvers, Claim, DecisionSource, Policy, Quorum, Standing, Suspension, SuspensionKind,
            SuspensionState, Vote,
        },
    },
    store::{StoreError, SuspensionFilter, catalogue::Change},
};

use super::fixture::{Fixture, Home, START, ada, answered, append, close, create, open, suspension, update};

fn people(users: &[&str], roles: &[Role]) -> Approvers {
    let users = users.iter().map(|user| (*user).to_owned()).collect();
    Approvers { users, groups: Vec::new(), roles: roles.to_vec() }
}

pub async fn a_suspension_stands_as_it_was_last_written(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    let execution = fixture.execution();
    let mut asked = suspension(fixture.id(), &execution, START);
    asked.interrupt.policy.approvers = Some(people(&["ada", "bea"], &[]));
    let mut commit = create(&execution);
    commit.suspensions = vec![open(&asked)];
    fixture.write(commit).await.unwrap();
    assert_eq!(fixture.rows_of(&["suspension_approvers"]).await, 2);

    let vote = Vote {
        by: "ada".to_owned(),
        action: "approved".to_owned(),
        at: START,
        source: DecisionSource::Link,
        reason: None,
        comment: Some("fine".to_owned()),
        data: Some(serde_json::json!({"n": [1, 2.5]})),
    };
    let claim = Some(Claim { by: "bea".to_owned(), at: START });
    asked.standing = Standing { votes: vec![vote], claim, steps_done: 2, changes: 3, ..Standing::default() };
    let mut commit = append(&execution, 1, ExecutionStatus::Suspended);
    commit.suspensions = vec![update(&asked, false)];
    fixture.write(commit).await.unwrap();
    assert_eq!(store.suspension(workspace, asked.id).await.unwrap(), asked);
    assert_eq!(fixture.rows_of(&["suspension_approvers"]).await, 2);

    asked.standing.approvers = Some(people(&["eve"], &[Role::Owner]));
    let mut commit = append(&execution, 2, ExecutionStatus::Suspended);
    commit.suspensions = vec![update(&asked, true)];
    fixture.write(commit).await.unwrap();
    assert_eq!(store.suspension(workspace, asked.id).await.unwrap(), asked);
    assert_eq!(fixture.rows_of(&["suspension_approvers"]).await, 1);

    let closed = answered(&asked, START.plus_ms(1));
    let mut commit = append(&execution, 3, ExecutionStatus::Running);
    commit.suspensions = vec![close(&closed)];
    fixture.write(commit).await.unwrap();
    assert_eq!(fixture.rows_of(&["suspension_approvers"]).await, 0);
    // It stands as it stood; what comes later is too late.
    let mut late = asked.clone();
    late.standing = Standing::default();
    let mut commit = append(&execution, 4, ExecutionStatus::Running);
    commit.suspensions = vec![update(&late, false)];
    fixture.write(commit).await.unwrap();
    assert_eq!(store.suspension(workspace, asked.id).await.unwrap(), closed);
}

fn policies() -> Vec<Policy> {
    let quorum = |required| Some(Quorum { required, veto_on_reject: true });
    let mut policies = Vec::new();
    for approvers in [
        None,
        Some(people(&["ada"], &[])),
        Some(people(&["ada", "key:1"], &[])),
        Some(people(&["bea"], &[Role::Admin])),
        Some(people(&[], &[Role::Owner, Role::Viewer])),
    ] {
        for (quorum, allow_self_approval) in [(None, true), (None, false), (quorum(1), true), (quorum(2), true)] {
            policies.push(Policy {
                approvers: approvers.clone(),
                quorum,
                allow_self_approval,
                requester: "ada".to_owned(),
            });
        }
    }
    policies
}

pub async fn what_somebody_may_answer_is_what_the_policy_says(fixture: Fixture) {
    let (store, workspace) = (&fixture.store, fixture.home.workspace);
    let other = Home { pod: fixture.id(), workflow: fixture.id(), ..fixture.home };
    let mut all: Vec<Suspension> = Vec::new();
    for (index, policy) in policies().into_iter().enumerate() {
        let claims = [None, Some("ada"), Some("bea")];
        for claim in claims {
            let execution = fixture.execution_in(if index % 2 == 0 { fixture.home } else { other });
            let mut asked = suspension(fixture.id(), &execution, START);
            asked.interrupt.policy = policy.clone();
            asked.standing.claim = claim.map(|by| Claim { by: by.to_owned(), at: START });
            if index % 3 == 0 {
                asked.interrupt.kind = SuspensionKind::AskHuman;
                asked.standing.approvers = Some(people(&["bea", "ada"], &[Role::Editor]));
            }
            let mut commit = create(&execution);
            commit.suspensions = vec![open(&asked)];
            if index % 5 == 4 && claim.is_none() {
                asked = answered(&asked, START);
                commit.suspensions.push(close(&asked));
            }
            fixture.write(commit).await.unwrap();
            all.push(asked);
        }
    }
    all.reverse();
    let mut seen = 0;
    for (id, source) in [
        ("ada", DecisionSource::Person),
        ("bea", DecisionSource::Person),
        ("bea", DecisionSource::Link),
        ("eve", DecisionSource::Person),
        ("key:1", DecisionSource::Api),
        ("key:2", DecisionSource::Api),
    ] {
        for role in Role::ALL {
            let actor = Actor { id: id.to_owned(), source, role: Some(role) };
            let mine = SuspensionFilter { answerable_by: Some(actor.clone()), ..SuspensionFilter::default() };
            for filter in [
                mine.clone(),
                SuspensionFilter { state: Some(SuspensionState::Open), pod_id: Some(other.pod), ..mine.clone() },
                SuspensionFilter { workflow_id: Some(fixture.home.workflow), ..mine.clone() },
                SuspensionFilter { kind: Some(SuspensionKind::AskHuman), ..mine.clone() },
                SuspensionFilter { execution_id: Some(all[7].execution_id), ..mine.clone() },
                SuspensionFilter { state: Some(SuspensionState::Answered), ..mine.clone() },
            ] {
                let fits = |asked: &&Suspension| {
                    asked.state == SuspensionState::Open
                        && filter.state.is_none_or(|state| state == asked.state)
                        && filter.pod_id.is_none_or(|pod| pod == asked.pod_id)
                        && filter.workflow_id.is_none_or(|workflow| workflow == asked.workflow_id)
                        && filter.execution_id.is_none_or(|execution| execution == asked.execution_id)
                        && filter.kind.is_none_or(|kind| kind == asked.interrupt.kind)
                        && asked.interrupt.policy.may_answer(&asked.standing, &actor).is_ok()
                };
                let expected: Vec<_> = all.iter().filter(fits).cloned().collect();
                seen += expected.len();
                for limit in [1, 4, 100] {
                    let (mut found, mut cursor): (Vec<_>, Option<String>) = (Vec::new(), None);
                    loop {
                        let page = store.suspensions(workspace, &filter, limit, cursor.as_deref()).await.unwrap();
                        assert!(page.items.len() as i64 <= limit);
                        found.extend(page.items);
                        cursor = page.next;
                        if cursor.is_none() {
                            break;
                        }
                    }
                    assert_eq!(found, expected, "{filter:?}");
                }
            }
        }
    }
    assert!(seen > 500, "{seen}");
}

pub async fn groups_hold_members_of_the_workspace(fixture: Fixture) {
    let (store, home) = (&fixture.store, fixture.home.workspace);
    let change = async |change: Change| store.change(change, &ada(), None).await;
    for user in ["bea", "eve"] {
        let member = Member { workspace_id: home, user_id: user.to_owned(), role: Role::Viewer, created_at: START };
        change(Change::PutMember(member)).await.unwrap();
    }
    let group = |name: &str, members: &[&str]| Group {
        workspace_id: home,
        name: name.to_owned(),
        description: "who pays".to_owned(),
        members: members.iter().map(|member| (*member).to_owned()).collect(),
        created_at: START,
        updated_at: START,
    };
    assert!(matches!(store.group(home, "finance").await, Err(StoreError::NotFound("group"))));
    let finance = group("finance", &["ada", "bea"]);
    change(Change::PutGroup(finance.clone())).await.unwrap();
    change(Change::PutGroup(group("empty", &[]))).await.unwrap();
    assert_eq!(store.group(home, "finance").await.unwrap(), finance);
    let names: Vec<_> =
        store.groups(home).await.unwrap().into_iter().map(|group| (group.name, group.members.len())).collect();
    assert_eq!(names, [("empty".to_owned(), 0), ("finance".to_owned(), 2)]);

    // Who is no member of the workspace can't be in a group of it; then nothing changes.
    let stranger = change(Change::PutGroup(group("finance", &["bea", "stranger"]))).await;
    assert!(matches!(stranger, Err(StoreError::Refused(_))), "{stranger:?}");
    assert_eq!(store.group(home, "finance").await.unwrap(), finance);
    let later =
        Group { created_at: START.plus_ms(9), updated_at: START.plus_ms(9), ..group("finance", &["bea", "eve"]) };
    change(Change::PutGroup(later.clone())).await.unwrap();
    assert_eq!(store.group(home, "finance").await.unwrap(), Group { created_at: START, ..later });

    // Who leaves the workspace leaves its groups; another role changes nothing.
    let eve = Member { workspace_id: home, user_id: "eve".to_owned(), role: Role::Admin, created_at: START };
    change(Change::PutMember(eve)).await.unwrap();
    change(Change::RemoveMember(home, "bea".to_owned())).await.unwrap();
    assert_eq!(store.group(home, "finance").await.unwrap().members, ["eve"]);

    let elsewhere = fixture.id();
    assert!(matches!(store.group(elsewhere, "finance").await, Err(StoreError::NotFound("group"))));
    assert_eq!(store.groups(elsewhere).await.unwrap(), []);
    let foreign = change(Change::DeleteGroup(elsewhere, "finance".to_owned())).await;
    assert!(matches!(foreign, Err(StoreError::NotFound("group"))));
    change(Change::DeleteGroup(home, "finance".to_owned())).await.unwrap();
    let again = change(Change::DeleteGroup(home, "finance".to_owned())).await;
    assert!(matches!(again, Err(StoreError::NotFound("group"))));
    assert_eq!(fixture.rows_of(&["group_members"]).await, 0);
}
