//! The active tool: a small state machine from press to release, with a preview of what it will change.
//!
//! A gesture paints while it is running (brushes, pull) or at its end (outlines); all its changes together are one
//! step. Esc rolls it back. Leaving the slice, or any other action, finishes the gesture and keeps what was drawn.

mod across;
mod brush;
mod click;
mod fill;
mod measure;
mod outline;
mod pull;
mod state;

pub use state::Tools;

use super::{
    Session,
    job::SliceKey,
    notice::Severity,
    tool_options::{OutlineDoes, ToolKind, ToolOptions},
};
pub(super) use across::Across;
use labrum_core::{
    edit::Edit, image::Window, region::Region, stack::ViewPlane, tools::live_wire::Wire,
};
use std::{fmt, mem};

/// A position on the image: pixels from its upper left corner, x to the right, y down.
pub type Place = [f64; 2];

/// The kind of a pointer event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerPhase {
    /// It moves with no button down.
    Hover,
    /// The primary button goes down.
    Press,
    /// It moves with the primary button down.
    Drag,
    /// The primary button goes up.
    Release,
    /// A second click at the same position; follows its `Release`.
    DoubleClick,
    /// It left the canvas.
    Leave,
}

/// A pointer event on the slice on the screen. All events between two frames arrive in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointerInput {
    /// The kind of event.
    pub phase: PointerPhase,
    /// The position.
    pub at: Place,
    /// Alt or Ctrl is held: tools that add now erase.
    pub erases: bool,
    /// Shift is held: the Click tool draws a scribble, and keeps its object.
    pub is_shifted: bool,
    /// Screen points per pixel column.
    pub scale: f64,
}

/// The current gesture.
#[derive(Debug, Default)]
pub(super) enum ToolGesture {
    /// No gesture.
    #[default]
    Empty,
    /// A brush stroke.
    Stroke(brush::Stroke),
    /// An outline that is being drawn.
    Outline(outline::DrawnLine),
    /// A part of the boundary that is being dragged.
    Pull(pull::Pull),
    /// A click, a box or a scribble of the Click tool.
    Prompt(click::DrawnPrompt),
    /// A measurement that is being drawn or changed.
    Measure(Box<measure::MeasureGesture>),
    /// A brush stroke on a reformatted view.
    Across(Across),
}

/// Preview of the active tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// The pixels that would change.
    pub region: Option<Region>,
    /// The label that they would get; 0 is background.
    pub label: u8,
    /// An ellipse around the pointer: centre and radii in pixels.
    pub ring: Option<(Place, Place)>,
    /// A line through these positions.
    pub line: Vec<Place>,
    /// Points of the line that can be moved, in order.
    pub points: Vec<Place>,
    /// The line is closed.
    pub is_closed: bool,
}

/// The live wire for one slice.
pub(super) struct LoadedWire {
    key: SliceKey,
    window: Window,
    wire: Box<Wire>,
}

impl fmt::Debug for LoadedWire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedWire")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn choose_tool(&mut self, tool: ToolKind) {
        self.finish_gesture();
        self.tools.kind = tool;
        if tool == ToolKind::Click {
            self.prepare_clicks();
        }
        if tool != ToolKind::Look && self.settings.view_mode == super::settings::ViewMode::Hidden {
            self.notices
                .add(Severity::Hint, "The mask is hidden. Press O to show it.");
        }
        self.show_preview();
    }

    /// Handles a pointer event on the slice on the screen.
    pub(super) fn handle_pointer(&mut self, input: PointerInput) {
        self.tools.keyed = self.tools.keyed.filter(|at| *at == input.at);
        let stays = input.phase != PointerPhase::Leave || self.tools.keyed.is_some();
        self.tools.pointer = stays.then_some(input);
        if !input.at.iter().all(|v| v.is_finite()) {
            return;
        }
        if self.tools.kind != ToolKind::Look && self.is_ready_to_draw() {
            match self.tools.kind {
                ToolKind::Look => {}
                ToolKind::Click => self.handle_click(None, input),
                ToolKind::Brush | ToolKind::Eraser | ToolKind::SmartBrush => {
                    self.handle_brush(input)
                }
                ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire => {
                    self.handle_outline(input)
                }
                ToolKind::Fill => self.handle_fill(input),
                ToolKind::Pull => self.handle_pull(input),
                ToolKind::Measure => self.handle_measure(ViewPlane::Slice, input),
            }
        }
        self.show_preview();
    }

    /// Changes the size of the active tool.
    pub(super) fn resize_tool(&mut self, notches: i64) {
        if self.tools.kind.has_size() {
            let is_pull = self.tools.kind == ToolKind::Pull;
            self.change_settings(|s| {
                let size = if is_pull {
                    &mut s.tools.reach
                } else {
                    &mut s.tools.radius
                };
                *size = ToolOptions::resized_radius(*size, notches);
            });
            self.show_preview();
        }
    }

    /// Moves the keyboard cursor by pixels, starting at the pointer or at the image centre.
    pub(super) fn move_pointer(&mut self, by: Place) {
        let (columns, rows) = self.masks.slice_size();
        let middle = PointerInput {
            phase: PointerPhase::Hover,
            at: [columns as f64 / 2.0, rows as f64 / 2.0],
            erases: false,
            is_shifted: false,
            scale: 1.0,
        };
        let from = self.tools.pointer.unwrap_or(middle);
        let at = [
            (from.at[0] + by[0]).clamp(0.5, columns as f64 - 0.5),
            (from.at[1] + by[1]).clamp(0.5, rows as f64 - 0.5),
        ];
        self.tools.keyed = Some(at);
        self.handle_pointer(PointerInput {
            phase: PointerPhase::Hover,
            at,
            erases: false,
            is_shifted: false,
            ..from
        });
    }

    /// Clicks at the keyboard cursor.
    pub(super) fn draw_at_pointer(&mut self) {
        if self.tools.pointer.is_none() {
            self.move_pointer([0.0; 2]);
        }
        let Some(at) = self.tools.pointer else { return };
        self.handle_pointer(PointerInput {
            phase: PointerPhase::Press,
            ..at
        });
        self.handle_pointer(PointerInput {
            phase: PointerPhase::Release,
            ..at
        });
    }

    /// Esc: cancels the gesture, else discards the current object of the Click tool, else deselects the measurement,
    /// else stops what is running, else dismisses the messages, else switches to Pan.
    pub(super) fn handle_escape(&mut self) {
        if self.cancel_gesture() || self.drop_object() {
            return;
        }
        if self.cine.is_playing() {
            return self.pause_cine();
        }
        if self.tools.kind == ToolKind::Measure && self.deselect_measurement() {
            return;
        }
        if self.is_busy() {
            self.cancel_all();
        } else if !self.notices.list.is_empty() {
            self.notices.dismiss_all();
        } else {
            self.choose_tool(ToolKind::Look);
        }
    }

    /// True if the slice on the screen is loaded and its case restored: only then can it be drawn on.
    pub(super) fn is_ready_to_draw(&self) -> bool {
        self.current_loaded().is_some() && self.cases.current_case().is_some_and(|c| c.is_restored)
    }

    /// Finishes the gesture as if the button had been released or the outline closed, so that other actions lose
    /// nothing. An outline without an inside (one or two points) is dropped.
    pub(super) fn finish_gesture(&mut self) {
        match &self.tools.gesture {
            ToolGesture::Empty => return,
            ToolGesture::Stroke(_) => self.end_stroke(),
            ToolGesture::Pull(_) => self.end_pull(),
            ToolGesture::Prompt(_) => self.end_prompt(),
            ToolGesture::Across(_) => self.end_across(),
            ToolGesture::Measure(_) => self.end_measure(),
            ToolGesture::Outline(outline) if outline.has_inside() => {
                self.close_outline_on_leaving()
            }
            ToolGesture::Outline(_) => {
                self.cancel_gesture();
            }
        }
        self.show_preview();
    }

    /// Cancels the gesture and undoes what it drew; false if there was none.
    pub(super) fn cancel_gesture(&mut self) -> bool {
        let key = self.masks.live.as_ref().map(super::live::Live::slice_key);
        match (mem::take(&mut self.tools.gesture), key) {
            (ToolGesture::Empty, _) => return false,
            (ToolGesture::Across(stroke), _) => self.roll_back_across(&stroke),
            (ToolGesture::Stroke(stroke), Some(key)) => self.roll_back(key, &stroke.edits),
            (ToolGesture::Pull(pull), Some(key)) => self.roll_back(key, &pull.edits),
            _ => {}
        }
        self.show_preview();
        true
    }

    pub(super) fn roll_back(&mut self, key: SliceKey, edits: &[Edit]) {
        for edit in edits.iter().rev() {
            let inverse = edit.inverse();
            self.write_mask(key, |mask| {
                mask.apply_edit(&inverse);
                inverse
            });
        }
    }

    /// Updates the preview of the tool.
    pub(super) fn show_preview(&mut self) {
        let preview = match (self.tools.kind, self.tools.pointer) {
            _ if self.live_mask().is_none() => Preview::default(),
            (ToolKind::Look | ToolKind::Click | ToolKind::Measure, _) => Preview::default(),
            (ToolKind::Brush | ToolKind::Eraser | ToolKind::SmartBrush, Some(input)) => {
                self.brush_preview(input)
            }
            (ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire, input) => {
                self.outline_preview(input)
            }
            (ToolKind::Fill, Some(input)) => self.fill_preview(input),
            (ToolKind::Pull, Some(input)) => self.pull_preview(input),
            (_, None) => Preview::default(),
        };
        self.tools.preview = self.what_changes(preview);
    }

    /// Limits the preview to pixels that would change: not those that have the label already, are locked or protected.
    fn what_changes(&self, mut preview: Preview) -> Preview {
        let is_outline = matches!(
            self.tools.kind,
            ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire
        );
        if is_outline && self.settings.tools.outline_does == OutlineDoes::TakeProposal {
            return preview;
        }
        let rule = self.labels.drawing_rule(preview.label);
        if let (Some(region), Some(live)) = (&preview.region, self.live_mask()) {
            preview.region = Some(live.mask().changeable_region(region, preview.label, &rule));
        }
        preview
    }
}

#[cfg(test)]
mod tests;
