//! A brush stroke on a reformatted view.

use super::Place;
use crate::session::job::CaseId;
use labrum_core::{edit::Edit, stack::ViewPlane};
use std::collections::BTreeMap;

/// A brush stroke on a reformatted view. It changes many slices and is one step.
#[derive(Debug)]
pub(in crate::session) struct Across {
    pub(in crate::session) case: CaseId,
    pub(in crate::session) plane: ViewPlane,
    pub(in crate::session) label: u8,
    pub(in crate::session) last: Place,
    /// For each slice the edits so far, in order.
    pub(in crate::session) edits: BTreeMap<usize, Vec<Edit>>,
}
