//! Pull: part of the boundary follows the pointer, the rest stays.

use super::{Place, PointerInput, PointerPhase, Preview, Session, ToolGesture};
use crate::session::tool_options::ToolKind;
use labrum_core::{edit::Edit, region::Region, tools::pull};
use std::mem;

/// A part of the boundary that is being dragged.
#[derive(Debug)]
pub(in crate::session) struct Pull {
    /// The edit so far, at most one: each move starts from the original mask.
    pub(in crate::session) edits: Vec<Edit>,
    label: u8,
    start: Region,
    grabbed: Place,
}

impl Session {
    pub(in crate::session) fn handle_pull(&mut self, input: PointerInput) {
        match input.phase {
            PointerPhase::Press => {
                let Some(label) = self.drawable_label() else {
                    return;
                };
                let Some(start) = self
                    .live_mask()
                    .map(|l| l.mask().label_region(label))
                    .filter(|r| !r.is_empty())
                else {
                    let text = format!(
                        "No {} on this slice to pull.",
                        self.labels.label_name(label)
                    );
                    return self
                        .notices
                        .add(crate::session::notice::Severity::Hint, text);
                };
                self.finish_gesture();
                self.tools.gesture = ToolGesture::Pull(Pull {
                    edits: Vec::new(),
                    label,
                    start,
                    grabbed: input.at,
                });
            }
            PointerPhase::Drag => self.pull_to(input.at),
            PointerPhase::Release => {
                self.pull_to(input.at);
                self.end_pull();
            }
            PointerPhase::Hover | PointerPhase::DoubleClick | PointerPhase::Leave => {}
        }
    }

    pub(super) fn end_pull(&mut self) {
        let ToolGesture::Pull(pull) = mem::take(&mut self.tools.gesture) else {
            return;
        };
        let Some(live) = self.live_mask() else { return };
        let key = live.slice_key();
        let edit = live.mask().merge_edits(&pull.edits);
        self.commit_edits(
            ToolKind::Pull.display_name(),
            key.case,
            vec![(key.slice, edit)],
        );
    }

    fn pull_to(&mut self, to: Place) {
        let (columns, rows) = self.masks.slice_size();
        let reach = self.in_pixels(self.settings.tools.reach);
        let Some(key) = self.live_mask().map(|l| l.slice_key()) else {
            return;
        };
        let ToolGesture::Pull(pull) = &mut self.tools.gesture else {
            return;
        };
        let label = pull.label;
        let before = mem::take(&mut pull.edits);
        let (target, window) =
            pull::pull_label(&pull.start, pull.grabbed, to, reach, columns, rows);
        self.roll_back(key, &before);
        let rule = self.labels.drawing_rule(label);
        let edit = self.write_mask(key, |mask| {
            mask.reshape_label(label, &target, &window, &rule)
        });
        if let ToolGesture::Pull(pull) = &mut self.tools.gesture {
            pull.edits.push(edit);
        }
    }

    pub(super) fn pull_preview(&self, input: PointerInput) -> Preview {
        let reach = self.in_pixels(self.settings.tools.reach);
        let at = match &self.tools.gesture {
            ToolGesture::Pull(pull) => pull.grabbed,
            _ => input.at,
        };
        Preview {
            label: self.labels.active_label(),
            ring: Some((at, reach)),
            ..Preview::default()
        }
    }
}
