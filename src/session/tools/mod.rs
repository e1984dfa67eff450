//! The tool in hand: a small state machine from press to release, which shows what it will do before it does it.
//!
//! A gesture paints while it goes on (brushes, pull) or at its end (outlines); at its end all that it changed is one
//! step. Esc rolls it back. Whoever leaves the slice, or does something else, before the end ends it there: what was
//! drawn is kept.

mod brush;
mod fill;
mod options;
mod outline;
mod pull;

pub use options::{BrushUnit, OutlineDoes, ToolKind, ToolOptions};

use super::{Session, job::SliceKey, notice::Severity, ortho::Across};
use labrum_core::{edit::Edit, image::Window, region::Region, tools::live_wire::Wire};

/// A place on the picture: pixels from its left upper corner, x to the right, y down.
pub type Place = [f64; 2];

/// What the pointer does.
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
    /// A second click on the same place; comes after its `Release`.
    DoubleClick,
    /// It left the canvas.
    Leave,
}

/// One move of the pointer over the slice on the screen. All moves between two frames come in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointerInput {
    /// What it does.
    pub phase: PointerPhase,
    /// Where.
    pub at: Place,
    /// Alt or Ctrl is held: what adds takes away.
    pub erases: bool,
    /// Points on the screen for one pixel column.
    pub scale: f64,
}

/// A gesture that goes on.
#[derive(Debug, Default)]
pub(super) enum Hand {
    /// None.
    #[default]
    Empty,
    /// A brush that is down.
    Stroke(brush::Stroke),
    /// A line that is being drawn.
    Outline(outline::DrawnLine),
    /// A piece of boundary that is being moved.
    Pull(pull::Pull),
    /// A brush that is down on a view across the slices.
    Across(Across),
}

/// What is shown of the tool in hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preview {
    /// The pixels that would change.
    pub region: Option<Region>,
    /// What they would become; 0 is background.
    pub label: u8,
    /// An ellipse about the pointer: centre and radii in pixels.
    pub ring: Option<(Place, Place)>,
    /// A line through these places.
    pub line: Vec<Place>,
    /// The line's points that can be moved, in order.
    pub points: Vec<Place>,
    /// The line is closed to its first point.
    pub is_closed: bool,
}

/// What the tools remember.
#[derive(Debug, Default)]
pub(super) struct Tools {
    pub(super) hand: Hand,
    pub(super) pointer: Option<PointerInput>,
    /// Where keys moved the tool to; the mouse has not moved since.
    pub(super) keyed: Option<Place>,
    pub(super) preview: Preview,
    pub(super) wire: Option<WireInHand>,
}

/// The search for edges on one slice.
pub(super) struct WireInHand {
    key: SliceKey,
    window: Window,
    wire: Box<Wire>,
}

impl std::fmt::Debug for WireInHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireInHand")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The tool in hand.
    pub fn active_tool(&self) -> ToolKind {
        self.tool
    }

    /// What is shown of it.
    pub fn tool_preview(&self) -> &Preview {
        &self.tools.preview
    }

    /// Where keys moved the tool to; `None` where it is at the mouse.
    pub fn keyed_pointer(&self) -> Option<Place> {
        self.tools.keyed
    }

    /// True while a gesture goes on.
    pub fn is_drawing(&self) -> bool {
        !matches!(self.tools.hand, Hand::Empty)
    }

    pub(super) fn choose_tool(&mut self, tool: ToolKind) {
        self.finish_hand();
        self.tool = tool;
        if tool != ToolKind::Look && self.settings.view_mode == super::settings::ViewMode::Hidden {
            self.notices
                .add(Severity::Hint, "The mask is hidden: O shows it.");
        }
        self.show_preview();
    }

    /// The pointer did something on the slice on the screen.
    pub(super) fn handle_pointer(&mut self, input: PointerInput) {
        self.tools.keyed = self.tools.keyed.filter(|at| *at == input.at);
        let stays = input.phase != PointerPhase::Leave || self.tools.keyed.is_some();
        self.tools.pointer = stays.then_some(input);
        if !input.at.iter().all(|v| v.is_finite()) {
            return;
        }
        if self.tool != ToolKind::Look && self.is_ready_to_draw() {
            match self.tool {
                ToolKind::Look => {}
                ToolKind::Brush | ToolKind::Eraser | ToolKind::SmartBrush => {
                    self.handle_brush(input)
                }
                ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire => {
                    self.handle_outline(input)
                }
                ToolKind::Fill => self.handle_fill(input),
                ToolKind::Pull => self.handle_pull(input),
            }
        }
        self.show_preview();
    }

    /// Makes the tool in hand larger or smaller.
    pub(super) fn resize_tool(&mut self, notches: i64) {
        if self.tool.has_size() {
            let is_pull = self.tool == ToolKind::Pull;
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

    /// Moves the tool by pixels, from where the pointer was or from the middle of the picture.
    pub(super) fn move_pointer(&mut self, by: Place) {
        let (columns, rows) = self.slice_size();
        let middle = PointerInput {
            phase: PointerPhase::Hover,
            at: [columns as f64 / 2.0, rows as f64 / 2.0],
            erases: false,
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
            ..from
        });
    }

    /// Clicks where the tool is.
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

    /// Esc: drops what is in hand, else stops what is going on, else takes messages away, else puts the tool away.
    pub(super) fn handle_escape(&mut self) {
        if self.drop_hand() {
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

    /// Nobody draws on what is not seen.
    pub(super) fn is_ready_to_draw(&self) -> bool {
        self.current_loaded().is_some() && self.current_case().is_some_and(|c| c.is_restored)
    }

    /// Ends what is in hand where it is, as if the button had been let go or the line been closed: who does something
    /// else loses nothing. A line of one or two corners has no inside and goes.
    pub(super) fn finish_hand(&mut self) {
        match &self.tools.hand {
            Hand::Empty => return,
            Hand::Stroke(_) => self.end_stroke(),
            Hand::Pull(_) => self.end_pull(),
            Hand::Across(_) => self.end_across(),
            Hand::Outline(outline) if outline.has_inside() => self.close_outline_on_leaving(),
            Hand::Outline(_) => {
                self.drop_hand();
            }
        }
        self.show_preview();
    }

    /// Rolls back what is in hand; false where nothing was.
    pub(super) fn drop_hand(&mut self) -> bool {
        let key = self.live.as_ref().map(super::live::Live::slice_key);
        match (std::mem::take(&mut self.tools.hand), key) {
            (Hand::Empty, _) => return false,
            (Hand::Across(stroke), _) => self.roll_back_across(&stroke),
            (Hand::Stroke(stroke), Some(key)) => self.roll_back(key, &stroke.edits),
            (Hand::Pull(pull), Some(key)) => self.roll_back(key, &pull.edits),
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

    /// Works out what is shown of the tool.
    pub(super) fn show_preview(&mut self) {
        let preview = match (self.tool, self.tools.pointer) {
            _ if self.live_mask().is_none() => Preview::default(),
            (ToolKind::Look, _) => Preview::default(),
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

    /// Leaves out of an area what has the label already, is locked or may not be painted over.
    fn what_changes(&self, mut preview: Preview) -> Preview {
        let is_outline = matches!(
            self.tool,
            ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire
        );
        if is_outline && self.settings.tools.outline_does == OutlineDoes::TakeProposal {
            return preview;
        }
        let rule = self.drawing_rule(preview.label);
        if let (Some(region), Some(live)) = (&preview.region, self.live_mask()) {
            preview.region = Some(live.mask().changeable_region(region, preview.label, &rule));
        }
        preview
    }

    /// Size of the slice on the screen, columns and rows.
    pub(super) fn slice_size(&self) -> (usize, usize) {
        self.live
            .as_ref()
            .map_or((0, 0), |l| (l.mask().columns(), l.mask().rows()))
    }

    /// The pixel under a place of the slice on the screen.
    pub(super) fn pixel_at(&self, [x, y]: Place) -> Option<(usize, usize)> {
        let (columns, rows) = self.slice_size();
        let inside = x >= 0.0 && y >= 0.0 && x < columns as f64 && y < rows as f64;
        inside.then_some((x as usize, y as usize))
    }
}

#[cfg(test)]
mod tests;
