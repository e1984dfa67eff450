//! State of the tools between two pointer events.

use super::{
    LoadedWire, Place, PointerInput, Preview, ToolGesture,
    outline::{LASSO_STEP, distance_between},
};
use crate::session::{click_place::ClickPlace, tool_options::ToolKind};
use labrum_core::prompts::Prompt;

/// The active tool and the current gesture.
#[derive(Debug, Default)]
pub struct Tools {
    pub(in crate::session) kind: ToolKind,
    pub(in crate::session) gesture: ToolGesture,
    pub(in crate::session) pointer: Option<PointerInput>,
    /// Position of the keyboard cursor; `None` once the mouse moves.
    pub(in crate::session) keyed: Option<Place>,
    pub(in crate::session) preview: Preview,
    pub(in crate::session) wire: Option<LoadedWire>,
}

impl Tools {
    /// True during a gesture that changes masks while it is running.
    pub(in crate::session) fn is_painting(&self) -> bool {
        matches!(
            self.gesture,
            ToolGesture::Stroke(_) | ToolGesture::Pull(_) | ToolGesture::Across(_)
        )
    }

    pub(super) fn lasso_on(&mut self, at: Place) {
        let ToolGesture::Outline(outline) = &mut self.gesture else {
            return;
        };
        let is_far = outline
            .anchors
            .last()
            .is_none_or(|last| distance_between(*last, at) >= LASSO_STEP);
        if is_far {
            outline.anchors.push(at);
        }
    }

    pub(super) fn move_corner(&mut self, at: Place) {
        let is_wire = self.kind == ToolKind::LiveWire;
        let ToolGesture::Outline(outline) = &mut self.gesture else {
            return;
        };
        let Some((index, has_moved)) = &mut outline.dragging else {
            return;
        };
        // Points of a live wire cannot be dragged: they lie on the path that was shown when they were set.
        if !is_wire {
            *has_moved = *has_moved || outline.anchors[*index] != at;
            outline.anchors[*index] = at;
        }
    }

    /// Starts the search for paths from the last anchor.
    pub(super) fn start_wire(&mut self) {
        let (ToolGesture::Outline(outline), ToolKind::LiveWire) = (&self.gesture, self.kind) else {
            return;
        };
        if let (Some(from), Some(wire)) = (outline.anchors.last(), &mut self.wire) {
            wire.wire.start_at(*from);
        }
    }

    /// The path from an anchor to a position; straight without a live wire.
    pub(super) fn wire_way(&mut self, from: usize, to: Place) -> Vec<Place> {
        let ToolGesture::Outline(outline) = &self.gesture else {
            return Vec::new();
        };
        let from = outline.anchors[from];
        match &mut self.wire {
            Some(wire) => wire.wire.path_to(to),
            None => vec![from, to],
        }
    }

    /// The active tool.
    pub fn active_tool(&self) -> ToolKind {
        self.kind
    }

    /// Its preview.
    pub fn tool_preview(&self) -> &Preview {
        &self.preview
    }

    /// Position of the keyboard cursor; `None` if the tool is at the mouse.
    pub fn keyed_pointer(&self) -> Option<Place> {
        self.keyed
    }

    /// The prompt that is being drawn with the Click tool, and where.
    pub fn drawn_prompt(&self) -> Option<(&ClickPlace, Prompt)> {
        match &self.gesture {
            ToolGesture::Prompt(drawn) => Some((drawn.place(), drawn.to_prompt())),
            _ => None,
        }
    }

    /// True during a gesture on an orthogonal view.
    pub(in crate::session) fn is_on_view(&self) -> bool {
        match &self.gesture {
            ToolGesture::Across(_) => true,
            ToolGesture::Prompt(drawn) => matches!(drawn.place(), ClickPlace::View(_)),
            ToolGesture::Measure(gesture) => gesture.is_across(),
            _ => false,
        }
    }

    /// True during a gesture.
    pub fn is_drawing(&self) -> bool {
        !matches!(self.gesture, ToolGesture::Empty)
    }
}
