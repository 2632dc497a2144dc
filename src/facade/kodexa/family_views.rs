//! Document families as that API shows them, and what callers send of them. Each is a native subject.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::assistant_bodies::ProjectName;
use crate::{
    clock::Instant,
    domain::{
        ids::{PodId, SubjectId},
        subject::Subject,
    },
    filter::{Field, Fields, Kind, Value as FilterValue},
};

/// A label of a document family.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KodexaLabel)]
pub struct Label {
    /// The label.
    name: String,
    /// The same.
    label: String,
}

/// Where a document family stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KodexaDocumentStatus)]
pub struct DocumentStatus {
    /// A word of the project's own.
    status: String,
}

/// A document family.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaDocumentFamily)]
pub struct DocumentFamily {
    /// Its id.
    id: SubjectId,
    /// The same.
    uuid: SubjectId,
    /// 1, and one more with each change; a PUT with another one is 409.
    change_sequence: i64,
    /// When it was made.
    created_on: Instant,
    /// When it last changed.
    updated_on: Instant,
    /// The same as `createdOn`.
    created: Instant,
    /// The same as `updatedOn`.
    modified: Instant,
    /// What it is called, such as a file's path.
    path: String,
    /// Where its content lives.
    store_ref: Option<String>,
    /// The project it is in.
    project_id: PodId,
    /// Its labels, sorted.
    labels: Vec<Label>,
    /// `metadata.mixins`, where that is a list of texts.
    mixins: Vec<String>,
    /// What is known of it.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// What others know of it, by whom.
    #[schema(value_type = Object)]
    external_data: Map<String, Value>,
    /// Where it stands.
    document_status: Option<DocumentStatus>,
    /// Whether it is marked as one that should be left alone.
    locked: bool,
    /// Empty: content is not kept here.
    #[schema(value_type = Vec<Object>)]
    content_objects: Vec<Value>,
    /// Empty.
    #[schema(value_type = Vec<Object>)]
    content_exceptions: Vec<Value>,
    /// Empty.
    #[schema(value_type = Vec<Object>)]
    transitions: Vec<Value>,
    /// Empty.
    #[schema(value_type = Vec<Object>)]
    assignments: Vec<Value>,
}

impl From<Subject> for DocumentFamily {
    fn from(subject: Subject) -> Self {
        let mixins = subject.metadata.get("mixins").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mixins = mixins.iter().filter_map(|mixin| mixin.as_str().map(str::to_owned)).collect();
        Self {
            id: subject.id,
            uuid: subject.id,
            change_sequence: subject.change_sequence,
            created_on: subject.created_at,
            updated_on: subject.updated_at,
            created: subject.created_at,
            modified: subject.updated_at,
            path: subject.path,
            store_ref: subject.store,
            project_id: subject.pod_id,
            labels: subject.labels.into_iter().map(|name| Label { label: name.clone(), name }).collect(),
            mixins,
            metadata: subject.metadata,
            external_data: subject.external_data,
            document_status: subject.status.map(|status| DocumentStatus { status }),
            locked: subject.locked,
            content_objects: Vec::new(),
            content_exceptions: Vec::new(),
            transitions: Vec::new(),
            assignments: Vec::new(),
        }
    }
}

/// A document family, as it is made and changed. What is missing or null stays as it is; members that are not known are left aside.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaDocumentFamilyBody)]
pub struct FamilyBody {
    /// What it is called; once per store in a project. A new one needs it.
    #[schema(min_length = 1, max_length = 1024)]
    pub path: Option<String>,
    /// Where its content lives.
    #[schema(min_length = 1, max_length = 255)]
    pub store_ref: Option<String>,
    /// The project it is in; the organization's oldest, if missing. It can't be changed.
    pub project: Option<ProjectName>,
    /// The same by another name.
    pub project_id: Option<PodId>,
    /// All of its labels.
    #[schema(max_items = 100)]
    pub labels: Option<Vec<LabelName>>,
    /// What is known of it, in place of all that was.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// What others know of it, in place of all that was.
    #[schema(value_type = Option<Object>)]
    pub external_data: Option<Map<String, Value>>,
    /// Where it stands.
    pub document_status: Option<StatusName>,
    /// Whether it is marked.
    pub locked: Option<bool>,
    /// As it was read: another one is 409.
    pub change_sequence: Option<i64>,
}

/// A label, as a text or an object.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = KodexaLabelName)]
pub enum LabelName {
    /// The label.
    Text(String),
    /// The same in its members.
    Object {
        /// The label.
        name: Option<String>,
        /// The same.
        label: Option<String>,
    },
}

impl LabelName {
    /// The label.
    pub fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Object { name, label } => name.or(label).unwrap_or_default(),
        }
    }
}

/// A status, as a text or an object.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = KodexaStatusName)]
pub enum StatusName {
    /// The status.
    Text(String),
    /// The same in its member.
    Object {
        /// The status.
        status: Option<String>,
    },
}

impl StatusName {
    /// The status.
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Object { status } => status,
        }
    }
}

/// A column of document families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The id.
    Id,
    /// The path.
    Path,
    /// Where its content lives.
    Store,
    /// Where it stands.
    Status,
    /// The labels, which are several values.
    Label,
    /// Whether it is marked.
    Locked,
    /// The project.
    Project,
    /// The organization.
    Organization,
    /// When it was made.
    CreatedOn,
    /// When it last changed.
    UpdatedOn,
}

/// What document families can be filtered and sorted by.
pub const FAMILIES: Fields<Column> = Fields(&[
    Field::sorted(&["id", "uuid"], Column::Id, Kind::Id),
    Field::sorted(&["path"], Column::Path, Kind::Text),
    Field::sorted(&["storeRef", "store.ref"], Column::Store, Kind::Text),
    Field::sorted(&["documentStatus.status", "documentStatus"], Column::Status, Kind::Text),
    Field::new(&["labels.name", "labels.label", "labels"], Column::Label, Kind::Text),
    Field::sorted(&["locked"], Column::Locked, Kind::Bool),
    Field::new(&["project.id", "projectId"], Column::Project, Kind::Id),
    Field::new(&["organization.id", "organizationId"], Column::Organization, Kind::Id),
    Field::sorted(&["createdOn", "created"], Column::CreatedOn, Kind::Instant),
    Field::sorted(&["updatedOn", "modified"], Column::UpdatedOn, Kind::Instant),
]);

/// A column of a document family; its labels one by one are for [`super::families`].
pub fn value_of(subject: &Subject, column: Column) -> Option<FilterValue> {
    Some(match column {
        Column::Id => FilterValue::Id(subject.id.0),
        Column::Path => FilterValue::Text(subject.path.clone()),
        Column::Store => FilterValue::Text(subject.store.clone()?),
        Column::Status => FilterValue::Text(subject.status.clone()?),
        Column::Label => FilterValue::Text(subject.labels.first()?.clone()),
        Column::Locked => FilterValue::Bool(subject.locked),
        Column::Project => FilterValue::Id(subject.pod_id.0),
        Column::Organization => FilterValue::Id(subject.workspace_id.0),
        Column::CreatedOn => FilterValue::Instant(subject.created_at),
        Column::UpdatedOn => FilterValue::Instant(subject.updated_at),
    })
}
