//! stub
use crate::domain::{definition::Problem, suspension::Interrupt};
use serde_json::Value;
/// a
#[derive(Clone, Debug, Default)]
pub struct AnswerInput { pub approved: Option<bool>, pub reason: Option<String>, pub comment: Option<String>, pub answer: Option<Value>, pub data: Option<Value>, pub action: Option<String> }
/// a
pub struct DecisionParts { pub action: String, pub reason: Option<String>, pub comment: Option<String>, pub answer: Option<Value>, pub data: Option<Value> }
/// a
pub fn check_answer(_i: &Interrupt, _a: &AnswerInput) -> Result<DecisionParts, Vec<Problem>> { Err(vec![]) }
