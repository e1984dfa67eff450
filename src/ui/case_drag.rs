//! A case that is dragged from the list into a view.

use crate::session::job::CaseId;
use egui::Response;

/// What is under the pointer during the drag.
struct DraggedCase(CaseId);

/// Starts to drag a case when its row is dragged.
pub(super) fn drag_from_row(row: &Response, case: CaseId) {
    row.dnd_set_drag_payload(DraggedCase(case));
}

/// True while a case is held over a view.
pub(super) fn is_held_over(view: &Response) -> bool {
    view.dnd_hover_payload::<DraggedCase>().is_some()
}

/// The case that was dropped on a view in this frame.
pub(super) fn dropped_case(view: &Response) -> Option<CaseId> {
    let dropped = view.dnd_release_payload::<DraggedCase>()?;
    Some(dropped.0)
}
