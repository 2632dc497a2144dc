//! Who may answer a suspension, and how many have to: frozen when it opens, so that nobody changes the rules of a question
//! that has been put. What changes meanwhile, by rules that were part of it, is its [`super::Standing`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Standing;
use crate::{clock::Instant, domain::identity::Role};

/// People who may answer. Nobody else may, whatever their role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Approvers {
    /// Their ids: those that were named, and the members of the groups as they were when the suspension opened.
    pub users: Vec<String>,
    /// The groups that were named, for display: their members are among `users`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Members with one of these roles, or a higher one, at the moment they answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
}

impl Approvers {
    /// Whether nobody at all is meant.
    pub fn is_nobody(&self) -> bool {
        self.users.is_empty() && self.roles.is_empty()
    }

    /// The lowest role that lets a member in who is not named.
    pub fn role_floor(&self) -> Option<Role> {
        self.roles.iter().min().copied()
    }

    /// Each of them once.
    #[must_use]
    pub fn distinct(&self) -> Self {
        Self::default().and(self)
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, more: &Self) -> Self {
        fn add<T: Clone + PartialEq>(to: &mut Vec<T>, more: &[T]) {
            for one in more {
                if !to.contains(one) {
                    to.push(one.clone());
                }
            }
        }
        add(&mut self.users, &more.users);
        add(&mut self.groups, &more.groups);
        add(&mut self.roles, &more.roles);
        self
    }
}

/// How many must say the same before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quorum {
    /// How many votes decide: 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    pub required: u32,
    /// Whether a single rejection rejects.
    pub veto_on_reject: bool,
}

/// Who may answer a suspension, and how many have to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Who may answer; without it editors and higher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvers: Option<Approvers>,
    /// How many have to; without it the first valid answer decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<Quorum>,
    /// Whether who triggered the execution may decide about it.
    pub allow_self_approval: bool,
    /// Who triggered the execution.
    pub requester: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self { approvers: None, quorum: None, allow_self_approval: true, requester: String::new() }
    }
}

/// How a decision, or a vote, came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionSource {
    /// A person who was signed in.
    #[default]
    Person,
    /// A program with an API key.
    Api,
    /// A link that was sent to somebody.
    Link,
    /// Nobody answered in time, and there was a default answer.
    Default,
    /// Nobody answered in time.
    Expiry,
    /// The execution ended meanwhile.
    Cancel,
}

/// Somebody who answers, as the doors of the engine see them. Who is no member of the workspace has no role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// A user's id, `key:<id>`, or `link:<id>`.
    pub id: String,
    /// How they come.
    pub source: DecisionSource,
    /// What they may do in the workspace; none: they hold a link, and nothing else is known of them.
    pub role: Option<Role>,
}

impl Actor {
    /// Whether they have this role or a higher one.
    pub fn is_at_least(&self, role: Role) -> bool {
        self.role.is_some_and(|own| own >= role)
    }
}

/// Why somebody may not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They are none of those who may.
    NotAnApprover,
    /// They triggered the execution, and who did so may not decide about it.
    OwnRequest,
    /// It takes people: a program or an unnamed holder of a link could be anybody, the requester among them.
    NotAPerson,
    /// Somebody else has claimed it.
    Claimed(String),
}

impl Policy {
    /// Who may answer as things stand; none: editors and higher.
    pub fn approvers_now<'a>(&'a self, standing: &'a Standing) -> Option<&'a Approvers> {
        standing.approvers.as_ref().or(self.approvers.as_ref())
    }

    /// Whether it counts who answers: then only people do, and programs that are named.
    pub fn counts_people(&self) -> bool {
        !self.allow_self_approval || self.required() > 1
    }

    /// Whether somebody may answer as things stand, leaving claims aside.
    pub fn may_decide(&self, standing: &Standing, actor: &Actor) -> Result<(), Refusal> {
        if !self.allow_self_approval && actor.id == self.requester {
            return Err(Refusal::OwnRequest);
        }
        let approvers = self.approvers_now(standing);
        if approvers.is_some_and(|approvers| approvers.users.contains(&actor.id)) {
            return Ok(());
        }
        let person =
            actor.source == DecisionSource::Person || (actor.source == DecisionSource::Link && actor.role.is_some());
        if self.counts_people() && !person {
            return Err(Refusal::NotAPerson);
        }
        match approvers {
            Some(approvers) if approvers.role_floor().is_some_and(|floor| actor.is_at_least(floor)) => Ok(()),
            // Who sent the link chose whom to ask.
            None if actor.role.is_none() && actor.source == DecisionSource::Link => Ok(()),
            None if actor.is_at_least(Role::Editor) => Ok(()),
            _ => Err(Refusal::NotAnApprover),
        }
    }

    /// Whether somebody may answer at this moment.
    pub fn may_answer(&self, standing: &Standing, actor: &Actor) -> Result<(), Refusal> {
        self.may_decide(standing, actor)?;
        match &standing.claim {
            Some(claim) if claim.by != actor.id => Err(Refusal::Claimed(claim.by.clone())),
            _ => Ok(()),
        }
    }

    /// Who may answer as things stand: members from this role on, and those who are named.
    pub fn answerers<'a>(&'a self, standing: &'a Standing) -> (Option<Role>, &'a [String]) {
        self.approvers_now(standing)
            .map_or((Some(Role::Editor), &[]), |approvers| (approvers.role_floor(), &approvers.users))
    }

    /// How many people it takes.
    pub fn required(&self) -> usize {
        self.quorum.map_or(1, |quorum| quorum.required as usize)
    }

    /// Whether those people can ever be found among these approvers.
    pub fn is_reachable(&self, approvers: &Approvers) -> bool {
        !approvers.roles.is_empty() || self.voters(approvers) >= self.required()
    }

    /// How many of those who are named may vote.
    pub fn voters(&self, approvers: &Approvers) -> usize {
        approvers.users.iter().filter(|user| self.allow_self_approval || **user != self.requester).count()
    }
}

/// What is going to happen if nobody answers, told in advance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineStep {
    /// When.
    pub at: Instant,
    /// What.
    pub action: TimelineAction,
    /// Who may answer from then on as well (escalations).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Approvers>,
}

/// What a step of the timeline does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimelineAction {
    /// Those who may answer are told again.
    Remind,
    /// More people may answer.
    Escalate,
    /// It expires; always the last step.
    Expire,
}
