//! The values of a shape on an image.

use super::{
    Quantity, QuantityKind as Kind, QuantityUnit, Shape, ShapeKind, ViewFrame,
    geometry::angle_between, region_statistics, value_unit,
};
use crate::{
    boundary::Point,
    geometry::PixelSpacing,
    image::Image,
    measure::Unit,
    scale::{NoLength, Scale},
    vector::{dot_product, middle_point, pixel_distance, scaled_vector, vector_between},
};

/// What a shape is measured on: an image, or a view across a series.
#[derive(Clone, Copy, Debug)]
pub struct Surface<'a> {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// Length scale.
    pub scale: &'a Scale,
    /// The pixels; `None` while they are not loaded: then there are no values of pixels.
    pub image: Option<&'a Image>,
}

/// The values of a shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Pixel spacing that applies to the shape, or why it is unknown.
    pub spacing: Result<PixelSpacing, NoLength>,
    /// The values, in display order.
    pub quantities: Vec<Quantity>,
    /// True if the pixels were known, so that no value is missing.
    pub has_values: bool,
}

impl Measured {
    /// Unit of lengths.
    pub fn unit(&self) -> Unit {
        match self.spacing {
            Ok(_) => Unit::Millimetre,
            Err(_) => Unit::Pixel,
        }
    }

    /// The first value of this kind.
    pub fn value_of(&self, kind: Kind) -> Option<f64> {
        let found = self.quantities.iter().find(|q| q.kind == kind);
        found.map(|quantity| quantity.value)
    }

    /// The values as short lines, to be written beside the shape: "Area 12.3 mm²", "Mean 45.6 HU, SD 7.8".
    pub fn short_lines(&self) -> Vec<String> {
        let axes = [Kind::LongAxis, Kind::ShortAxis].map(|kind| self.value_of(kind));
        if let [Some(long), Some(short)] = axes {
            return vec![format!("{long:.1} × {short:.1} {}", self.unit().symbol())];
        }
        let mut lines = Vec::new();
        for quantity in &self.quantities {
            let value = quantity.display_value();
            let channel = quantity.channel.map_or(String::new(), |channel| {
                format!(" {}", channel.display_name())
            });
            match quantity.kind {
                Kind::Area => lines.push(format!("Area {value}")),
                Kind::Perimeter => lines.push(format!("Perimeter {value}")),
                Kind::Mean => lines.push(format!("Mean{channel} {value}")),
                Kind::Deviation => append_to_last(&mut lines, &format!(", SD {value}")),
                Kind::Minimum => lines.push(format!("Min{channel} {value}")),
                Kind::Maximum => append_to_last(&mut lines, &format!(", max {value}")),
                Kind::Value if !channel.is_empty() => {
                    lines.push(format!("{} {value}", channel.trim()))
                }
                _ => lines.push(value),
            }
        }
        lines
    }

    /// The most important values in one line, for a list: "12.3 mm²  45.6 HU".
    pub fn summary(&self) -> String {
        let axes = [Kind::LongAxis, Kind::ShortAxis].map(|kind| self.value_of(kind));
        if let [Some(_), Some(_)] = axes {
            return self.short_lines().concat();
        }
        let shown = self.quantities.iter().filter(|quantity| {
            !matches!(
                quantity.kind,
                Kind::Perimeter | Kind::Deviation | Kind::Minimum | Kind::Maximum
            )
        });
        let values: Vec<String> = shown.map(Quantity::display_value).collect();
        values.join("  ")
    }
}

fn append_to_last(lines: &mut [String], text: &str) {
    if let Some(last) = lines.last_mut() {
        last.push_str(text);
    }
}

/// Measures a shape: in mm where one spacing is known for all that it lies on, else in pixels. Angles are those in the
/// patient also where only the aspect ratio of the pixels is known.
pub fn measure_shape(shape: &Shape, surface: &Surface<'_>) -> Measured {
    let touched = match surface.scale.regions.is_empty() {
        // One scale for the whole image.
        true => Vec::new(),
        false => shape.pixels_touched(surface.columns, surface.rows),
    };
    let spacing = surface.scale.of_pixels(touched);
    let size = spacing.map_or([1.0; 2], |s| [s.column, s.row]);
    let (length, area) = match spacing {
        Ok(_) => (QuantityUnit::Millimetre, QuantityUnit::SquareMillimetre),
        Err(_) => (QuantityUnit::Pixel, QuantityUnit::SquarePixel),
    };
    let mut quantities = match (shape.kind(), shape.points()) {
        (ShapeKind::Length, [a, b]) => {
            vec![quantity(
                Kind::Length,
                pixel_distance(*a, *b, size),
                &length,
            )]
        }
        (ShapeKind::Angle, [a, vertex, b]) => {
            let size = size_for_angles(spacing, surface.scale);
            let angle = angle_between(vector(*vertex, *a, size), vector(*vertex, *b, size));
            vec![quantity(Kind::Angle, angle, &QuantityUnit::Degree)]
        }
        (ShapeKind::CobbAngle, [a, b, c, d]) => {
            let size = size_for_angles(spacing, surface.scale);
            let angle = cobb_angle([[*a, *b], [*c, *d]], size);
            vec![quantity(Kind::CobbAngle, angle, &QuantityUnit::Degree)]
        }
        (ShapeKind::Bidirectional, [a, b, c, d]) => {
            let one = pixel_distance(*a, *b, size);
            let other = pixel_distance(*c, *d, size);
            vec![
                quantity(Kind::LongAxis, one.max(other), &length),
                quantity(Kind::ShortAxis, one.min(other), &length),
            ]
        }
        _ => Vec::new(),
    };
    if let (Some(inside), Some(border)) = (shape.area(size), shape.perimeter(size)) {
        quantities.push(quantity(Kind::Area, inside, &area));
        quantities.push(quantity(Kind::Perimeter, border, &length));
    }
    if let Some(image) = surface.image {
        quantities.extend(pixel_quantities(shape, image));
    }
    Measured {
        spacing,
        quantities,
        has_values: surface.image.is_some(),
    }
}

/// A value that belongs to no channel.
fn quantity(kind: Kind, value: f64, unit: &QuantityUnit) -> Quantity {
    Quantity {
        kind,
        channel: None,
        value,
        unit: unit.clone(),
    }
}

/// Measures a shape on a plane across the slices: lengths, angles and areas in mm, no values of pixels.
pub fn measure_on_view(shape: &Shape, frame: &ViewFrame) -> Measured {
    let scale = frame.length_scale();
    let surface = Surface {
        columns: 0,
        rows: 0,
        scale: &scale,
        image: None,
    };
    measure_shape(shape, &surface)
}

/// Values of the pixels in a region or under a point; none for other kinds.
fn pixel_quantities(shape: &Shape, image: &Image) -> Vec<Quantity> {
    let is_point = shape.kind() == ShapeKind::Point;
    if !is_point && !shape.kind().is_region() {
        return Vec::new();
    }
    let inside = shape.pixels_inside(image.columns, image.rows);
    let unit = QuantityUnit::OfValues(value_unit(image).to_owned());
    let mut quantities = Vec::new();
    for values in region_statistics(image, &inside) {
        let all = [
            (Kind::Mean, values.mean),
            (Kind::Deviation, values.deviation),
            (Kind::Minimum, values.minimum),
            (Kind::Maximum, values.maximum),
        ];
        let of_point = [(Kind::Value, values.mean)];
        let wanted = if is_point { &of_point[..] } else { &all[..] };
        quantities.extend(wanted.iter().map(|(kind, value)| Quantity {
            kind: *kind,
            channel: values.channel,
            value: *value,
            unit: unit.clone(),
        }));
    }
    quantities
}

/// Width and height of a pixel for angles: an aspect ratio is enough.
fn size_for_angles(spacing: Result<PixelSpacing, NoLength>, scale: &Scale) -> [f64; 2] {
    let ratio = scale.spacing.filter(|_| scale.regions.is_empty());
    let known = spacing.ok().or(ratio);
    known.map_or([1.0; 2], |s| [s.column, s.row])
}

fn vector(from: Point, to: Point, size: [f64; 2]) -> [f64; 2] {
    scaled_vector(vector_between(from, to), size)
}

/// Lines at a smaller angle to the line between their middles, in degrees, lie one after the other instead of one above
/// the other.
const LEAST_ACROSS: f64 = 30.0;

/// Angle between two lines whose ends were set in any order. Where they lie across the line between their middles, as end
/// plates lie across the spine, both are taken in the same direction across it, so that the angle between end plates that
/// tilt to different sides can exceed 90°. Others are taken from left to right, or from top to bottom where they are
/// rather upright.
fn cobb_angle(ends: [[Point; 2]; 2], size: [f64; 2]) -> f64 {
    let lines = ends.map(|[from, to]| vector(from, to, size));
    let [first, second] = ends.map(|[from, to]| middle_point(from, to));
    let spine = vector(first, second, size);
    let normal = [-spine[1], spine[0]];
    let total_along = |axis| -> f64 {
        lines
            .iter()
            .map(|line| dot_product(*line, axis).abs())
            .sum()
    };
    let across_spine = total_along(normal);
    let is_across =
        across_spine > 0.0 && across_spine >= LEAST_ACROSS.to_radians().tan() * total_along(spine);
    let direction = if is_across {
        normal
    } else if total_along([0.0, 1.0]) > total_along([1.0, 0.0]) {
        [0.0, 1.0]
    } else {
        [1.0, 0.0]
    };
    let [a, b] = lines.map(|line| {
        if dot_product(line, direction) < 0.0 {
            line.map(|v| -v)
        } else {
            line
        }
    });
    angle_between(a, b)
}
