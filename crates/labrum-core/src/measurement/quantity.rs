//! Quantities: what a value is, its unit, and how it is shown.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuantityKind {
    /// Distance between two points.
    Length,
    /// The longer one of two perpendicular diameters.
    LongAxis,
    /// The shorter one of two perpendicular diameters.
    ShortAxis,
    /// Angle at a vertex.
    Angle,
    /// Angle between two lines.
    CobbAngle,
    /// Area of a region.
    Area,
    /// Length of the border of a region.
    Perimeter,
    /// Mean of the values in a region.
    Mean,
    /// Standard deviation of the values in a region, with their number as divisor.
    Deviation,
    /// Lowest value in a region.
    Minimum,
    /// Highest value in a region.
    Maximum,
    /// Value of a pixel.
    Value,
}

impl QuantityKind {
    /// Display name: "Long axis".
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Length => "Length",
            Self::LongAxis => "Long axis",
            Self::ShortAxis => "Short axis",
            Self::Angle => "Angle",
            Self::CobbAngle => "Cobb angle",
            Self::Area => "Area",
            Self::Perimeter => "Perimeter",
            Self::Mean => "Mean",
            Self::Deviation => "Standard deviation",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
            Self::Value => "Value",
        }
    }

    /// Name in tables: "long_axis".
    pub fn storage_name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::LongAxis => "long_axis",
            Self::ShortAxis => "short_axis",
            Self::Angle => "angle",
            Self::CobbAngle => "cobb_angle",
            Self::Area => "area",
            Self::Perimeter => "perimeter",
            Self::Mean => "mean",
            Self::Deviation => "standard_deviation",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Value => "value",
        }
    }
}

/// A channel of a colour image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Red, 0..=255.
    Red,
    /// Green, 0..=255.
    Green,
    /// Blue, 0..=255.
    Blue,
}

impl Channel {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Red, Self::Green, Self::Blue];

    /// Name in tables and on the screen: "red".
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
        }
    }
}

/// The unit of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuantityUnit {
    /// Millimetres.
    Millimetre,
    /// Square millimetres.
    SquareMillimetre,
    /// Pixels: the spacing is not known.
    Pixel,
    /// Square pixels.
    SquarePixel,
    /// Degrees.
    Degree,
    /// The unit of the pixel values, such as "HU"; empty if they have none.
    OfValues(String),
}

impl QuantityUnit {
    /// "mm²", "°", "HU"; empty for values without a unit.
    pub fn symbol(&self) -> &str {
        match self {
            Self::Millimetre => "mm",
            Self::SquareMillimetre => "mm²",
            Self::Pixel => "px",
            Self::SquarePixel => "px²",
            Self::Degree => "°",
            Self::OfValues(unit) => unit,
        }
    }
}

/// A measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// What it is.
    pub kind: QuantityKind,
    /// The channel that it belongs to, for values of colour images.
    pub channel: Option<Channel>,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: QuantityUnit,
}

impl Quantity {
    /// The value with its unit: "12.3 mm", "45.6°", "-1024 HU".
    pub fn display_value(&self) -> String {
        let number = match self.unit {
            QuantityUnit::OfValues(_) => format_value(self.value),
            _ => format!("{:.1}", self.value),
        };
        match self.unit.symbol() {
            "" => number,
            "°" => format!("{number}°"),
            symbol => format!("{number} {symbol}"),
        }
    }
}

/// A pixel value for display: whole numbers as they are, others with four significant digits.
pub fn format_value(value: f64) -> String {
    if value == value.round() && value.abs() < 1e9 {
        return format!("{value:.0}");
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}
