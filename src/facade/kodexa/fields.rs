//! What the lists of this face can be filtered and sorted by, in its own names.

use crate::{
    domain::workflow::{Pod, Workflow, WorkflowState, Workspace},
    filter::{Field, Fields, Kind, Value},
};

/// A column of the lists that are filtered in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Its id.
    Id,
    /// Its name.
    Name,
    /// What it is for.
    Description,
    /// Its name in addresses.
    Slug,
    /// Whether it is active.
    Active,
    /// The project it is in.
    Project,
    /// The organization it is in.
    Organization,
    /// When it was made.
    CreatedOn,
    /// When it last changed.
    UpdatedOn,
}

const ID: Field<Column> = Field::sorted(&["id", "uuid"], Column::Id, Kind::Id);
const NAME: Field<Column> = Field::sorted(&["name"], Column::Name, Kind::Text);
const DESCRIPTION: Field<Column> = Field::new(&["description"], Column::Description, Kind::Text);
const CREATED_ON: Field<Column> = Field::sorted(&["createdOn"], Column::CreatedOn, Kind::Instant);
const UPDATED_ON: Field<Column> = Field::sorted(&["updatedOn"], Column::UpdatedOn, Kind::Instant);
const SLUG: Field<Column> = Field::sorted(&["slug"], Column::Slug, Kind::Text);
const OF_ORGANIZATION: Field<Column> =
    Field::new(&["organization.id", "organizationId", "project.organization.id"], Column::Organization, Kind::Id);

/// Of assistants.
pub const ASSISTANTS: Fields<Column> = Fields(&[
    ID,
    NAME,
    DESCRIPTION,
    Field::sorted(&["active"], Column::Active, Kind::Bool),
    Field::new(&["project.id", "projectId"], Column::Project, Kind::Id),
    OF_ORGANIZATION,
    CREATED_ON,
    UPDATED_ON,
]);

/// Of projects.
pub const PROJECTS: Fields<Column> = Fields(&[ID, NAME, DESCRIPTION, SLUG, OF_ORGANIZATION, CREATED_ON, UPDATED_ON]);

/// Of organizations.
pub const ORGANIZATIONS: Fields<Column> = Fields(&[ID, NAME, SLUG, CREATED_ON, UPDATED_ON]);

/// A column of an assistant.
pub fn of_assistant(workflow: &Workflow, column: Column) -> Option<Value> {
    Some(match column {
        Column::Id => Value::Id(workflow.id.0),
        Column::Name => Value::Text(workflow.name.clone()),
        Column::Description => Value::Text(workflow.description.clone()),
        Column::Active => Value::Bool(workflow.state == WorkflowState::Deployed),
        Column::Project => Value::Id(workflow.pod_id.0),
        Column::Organization => Value::Id(workflow.workspace_id.0),
        Column::CreatedOn => Value::Instant(workflow.created_at),
        Column::UpdatedOn => Value::Instant(workflow.updated_at),
        Column::Slug => return None,
    })
}

/// A column of a project.
pub fn of_project(pod: &Pod, column: Column) -> Option<Value> {
    Some(match column {
        Column::Id => Value::Id(pod.id.0),
        Column::Name => Value::Text(pod.name.clone()),
        Column::Description => Value::Text(pod.description.clone()),
        Column::Slug => Value::Text(pod.slug.clone()),
        Column::Organization => Value::Id(pod.workspace_id.0),
        Column::CreatedOn => Value::Instant(pod.created_at),
        Column::UpdatedOn => Value::Instant(pod.updated_at),
        Column::Active | Column::Project => return None,
    })
}

/// A column of an organization.
pub fn of_organization(workspace: &Workspace, column: Column) -> Option<Value> {
    Some(match column {
        Column::Id | Column::Organization => Value::Id(workspace.id.0),
        Column::Name => Value::Text(workspace.name.clone()),
        Column::Slug => Value::Text(workspace.slug.clone()),
        Column::CreatedOn => Value::Instant(workspace.created_at),
        Column::UpdatedOn => Value::Instant(workspace.updated_at),
        Column::Active | Column::Project | Column::Description => return None,
    })
}
