//! The tools and their options. Stored with the settings.

use labrum_core::measurement::ShapeKind;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// A tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ToolKind {
    /// Does not draw; dragging moves the image.
    #[default]
    Look,
    /// Segments the object that clicks, boxes and scribbles indicate, with a network.
    Click,
    /// Paints with a round brush.
    Brush,
    /// Erases with a round brush.
    Eraser,
    /// A brush that stops at edges of the image.
    SmartBrush,
    /// An outline of clicked points.
    Polygon,
    /// A freehand outline.
    Lasso,
    /// An outline that follows edges of the image between clicks.
    LiveWire,
    /// Fills or clears a connected region.
    Fill,
    /// Moves part of the boundary.
    Pull,
    /// Draws measurements: lengths, angles, regions, points.
    Measure,
}

impl ToolKind {
    /// All tools in the order of the panel.
    pub const ALL: [Self; 11] = [
        Self::Look,
        Self::Click,
        Self::Brush,
        Self::Eraser,
        Self::SmartBrush,
        Self::Polygon,
        Self::Lasso,
        Self::LiveWire,
        Self::Fill,
        Self::Pull,
        Self::Measure,
    ];

    /// Its name, on the screen and in the journal.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Look => "Pan",
            Self::Click => "Click",
            Self::Brush => "Brush",
            Self::Eraser => "Eraser",
            Self::SmartBrush => "Smart brush",
            Self::Polygon => "Polygon",
            Self::Lasso => "Lasso",
            Self::LiveWire => "Live wire",
            Self::Fill => "Fill",
            Self::Pull => "Pull boundary",
            Self::Measure => "Measure",
        }
    }

    /// How to use it, for the status bar.
    pub fn usage_hint(self) -> &'static str {
        match self {
            Self::Look => "Drag to move the image",
            Self::Click => {
                "Click an object, or drag a box; right-click to remove from it; Shift+drag to scribble; \
                 Enter: next object"
            }
            Self::Brush => "Drag to paint; hold Alt or Ctrl to erase",
            Self::Eraser => "Drag to erase",
            Self::SmartBrush => {
                "Drag inside the structure; stops at edges; hold Alt or Ctrl to erase"
            }
            Self::Polygon => {
                "Click to add points, drag to move them; Enter or double-click to close; \
                 hold Alt or Ctrl to subtract"
            }
            Self::Lasso => "Draw around a region and release; hold Alt or Ctrl to subtract",
            Self::LiveWire => {
                "Click along the boundary; Enter or double-click to close; \
                 hold Alt or Ctrl to subtract"
            }
            Self::Fill => "Click a region to fill it; hold Alt or Ctrl to clear it",
            Self::Pull => "Drag the boundary of the label",
            Self::Measure => {
                "Drag, or click each point; drag a measurement to change it; Delete removes it"
            }
        }
    }

    /// True if it has a size.
    pub fn has_size(self) -> bool {
        matches!(
            self,
            Self::Brush | Self::Eraser | Self::SmartBrush | Self::Pull
        )
    }
}

/// Unit of tool sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BrushUnit {
    /// Pixel columns.
    #[default]
    Pixels,
    /// Millimetres; pixel columns if the image has no pixel spacing.
    Mm,
}

/// The effect of a closed outline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutlineDoes {
    /// Fills it with the label.
    #[default]
    Add,
    /// Clears it to background.
    Subtract,
    /// Fills it with the proposal.
    TakeProposal,
}

/// The effect of a click outside of the current object of the Click tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NextClick {
    /// Corrects the object, until Enter.
    #[default]
    SameObject,
    /// Begins the next object.
    NewObject,
}

/// Options of the tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolOptions {
    /// Radius of the brushes in `unit`.
    pub radius: f64,
    /// Unit of `radius`, `reach` and `margin`.
    pub unit: BrushUnit,
    /// Editable intensity range, lowest and highest: brushes change only pixels with these values.
    pub threshold: Option<[f64; 2]>,
    /// Edge sensitivity of the smart brush, 0..=1.
    pub sensitivity: f64,
    /// The effect of a closed outline.
    pub outline_does: OutlineDoes,
    /// The effect of a click outside of the current object.
    pub next_click: NextClick,
    /// How far along the boundary a pull reaches, in `unit`.
    pub reach: f64,
    /// Margin of grow, shrink and smooth, in `unit`.
    pub margin: f64,
    /// Islands are connected components with fewer pixels than this.
    pub island: usize,
    /// What the Measure tool draws.
    pub measure: ShapeKind,
}

impl Default for ToolOptions {
    fn default() -> Self {
        Self {
            radius: 8.0,
            unit: BrushUnit::Pixels,
            threshold: None,
            sensitivity: 0.5,
            outline_does: OutlineDoes::Add,
            next_click: NextClick::SameObject,
            reach: 24.0,
            margin: 2.0,
            island: 50,
            measure: ShapeKind::Length,
        }
    }
}

impl ToolOptions {
    /// Smallest and largest radius.
    pub const RADII: RangeInclusive<f64> = 0.5..=500.0;

    /// The radius after `notches` steps, each about a tenth and at least half a pixel.
    pub fn resized_radius(radius: f64, notches: i64) -> f64 {
        let mut resized = radius;
        for _ in 0..notches.unsigned_abs() {
            let by = (resized * 0.1).max(0.5);
            let next = if notches > 0 {
                resized + by
            } else {
                resized - by
            };
            resized = (next * 2.0).round() / 2.0;
        }
        resized.clamp(*Self::RADII.start(), *Self::RADII.end())
    }
}
