//! Which tools there are and what can be set about them. Kept with the settings.

use serde::{Deserialize, Serialize};

/// A tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ToolKind {
    /// Looks and does not draw; a drag moves the picture.
    #[default]
    Look,
    /// Paints a round dab.
    Brush,
    /// Takes a round dab away.
    Eraser,
    /// A brush that stops at edges of the image.
    SmartBrush,
    /// Corners that are clicked.
    Polygon,
    /// A line that is drawn freely.
    Lasso,
    /// A line that follows the edges of the image between clicks.
    LiveWire,
    /// Fills or empties a connected area.
    Fill,
    /// Moves a piece of the boundary.
    Pull,
}

impl ToolKind {
    /// All tools in the order of the panel.
    pub const ALL: [Self; 9] = [
        Self::Look,
        Self::Brush,
        Self::Eraser,
        Self::SmartBrush,
        Self::Polygon,
        Self::Lasso,
        Self::LiveWire,
        Self::Fill,
        Self::Pull,
    ];

    /// What it is called, on the screen and in the journal.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Look => "Look",
            Self::Brush => "Brush",
            Self::Eraser => "Eraser",
            Self::SmartBrush => "Smart brush",
            Self::Polygon => "Polygon",
            Self::Lasso => "Lasso",
            Self::LiveWire => "Live wire",
            Self::Fill => "Fill",
            Self::Pull => "Pull boundary",
        }
    }

    /// What to do with it, for the bottom of the window.
    pub fn usage_hint(self) -> &'static str {
        match self {
            Self::Look => "Drag to move the picture",
            Self::Brush => "Drag to paint; hold Alt or Ctrl to erase",
            Self::Eraser => "Drag to erase",
            Self::SmartBrush => {
                "Drag inside of what you mark; it stops at edges; Alt or Ctrl erases"
            }
            Self::Polygon => {
                "Click corners; Enter or a double-click closes; drag corners to move them; Alt or Ctrl subtracts"
            }
            Self::Lasso => "Draw round an area and let go; Alt or Ctrl subtracts",
            Self::LiveWire => {
                "Click along the boundary; Enter or a double-click closes; Alt or Ctrl subtracts"
            }
            Self::Fill => "Click an area to fill it; Alt or Ctrl empties it",
            Self::Pull => "Press near the boundary of the label and drag it",
        }
    }

    /// True where its size can be changed.
    pub fn has_size(self) -> bool {
        matches!(
            self,
            Self::Brush | Self::Eraser | Self::SmartBrush | Self::Pull
        )
    }
}

/// What a brush is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BrushUnit {
    /// Pixel columns.
    #[default]
    Pixels,
    /// Millimetres; columns where the image tells no length.
    Mm,
}

/// What an outline does when it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutlineDoes {
    /// Its inside gets the label.
    #[default]
    Add,
    /// Its inside becomes background.
    Subtract,
    /// Its inside becomes what the model proposed.
    TakeProposal,
}

/// What can be set about the tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolOptions {
    /// Radius of the brushes in `unit`.
    pub radius: f64,
    /// What the radius is in.
    pub unit: BrushUnit,
    /// Brushes change only pixels with these values of the image, lowest and highest.
    pub threshold: Option<[f64; 2]>,
    /// How early the smart brush stops at an edge, 0..=1.
    pub sensitivity: f64,
    /// What an outline does.
    pub outline_does: OutlineDoes,
    /// How far along the boundary a pull reaches, in `unit`.
    pub reach: f64,
    /// By how much grow, shrink and smooth change a label, in `unit`.
    pub margin: f64,
    /// Pieces smaller than so many pixels are islands.
    pub island: usize,
}

impl Default for ToolOptions {
    fn default() -> Self {
        Self {
            radius: 8.0,
            unit: BrushUnit::Pixels,
            threshold: None,
            sensitivity: 0.5,
            outline_does: OutlineDoes::Add,
            reach: 24.0,
            margin: 2.0,
            island: 50,
        }
    }
}

impl ToolOptions {
    /// Smallest and largest radius.
    pub const RADII: std::ops::RangeInclusive<f64> = 0.5..=500.0;

    /// The radius a notch larger or smaller, by about a tenth and half a pixel at least.
    pub fn resized_radius(radius: f64, notches: i64) -> f64 {
        let step = |r: f64, up: bool| {
            let by = (r * 0.1).max(0.5);
            let next = if up { r + by } else { r - by };
            (next * 2.0).round() / 2.0
        };
        let resized = (0..notches.unsigned_abs()).fold(radius, |r, _| step(r, notches > 0));
        resized.clamp(*Self::RADII.start(), *Self::RADII.end())
    }
}
