//! The measurements of the mask: of each label on the slice that is shown, and over the series.

use crate::{
    session::{Session, case::Case, command::UserCommand},
    ui::{
        shortcuts, theme,
        widgets::{color_swatch, explanation_text, format_count, format_number, name_value_line},
    },
};
use egui::{RichText, Ui};
use labrum_core::{
    counts::count_with_noun,
    geometry::SpacingSource,
    measure::Measurement,
    measurement::{SeriesMeasurement, ValueStatistics, format_value},
};

/// Shows the measurements of slice `shown`.
pub(super) fn show_measurements(ui: &mut Ui, session: &Session, case: &Case, shown: Option<usize>) {
    let slice = shown.unwrap_or(case.slice);
    let Some(finding) = case.slices.get(slice).and_then(|s| s.finding.as_ref()) else {
        let run = shortcuts::key_of(&session.settings.keys, UserCommand::SegmentSlice);
        return match session.models.runs.iter().any(|r| r.case == case.id) {
            true => explanation_text(ui, "Segmenting..."),
            false => explanation_text(
                ui,
                &format!("No mask on this slice. Draw one, or run a model ({run})."),
            ),
        };
    };
    if finding.measurements.is_empty() {
        explanation_text(ui, "No labels on this slice.");
    }
    let values = session.mask_values(case, slice);
    for measurement in &finding.measurements {
        show_label_name(ui, session, measurement.label);
        show_lengths(ui, measurement);
        if let Some(values) = values {
            show_values(ui, values.of_label(measurement.label), &values.unit);
        }
        ui.add_space(4.0);
    }
    show_units(ui, &finding.measurements);
}

/// Shows the labels over all slices of the series.
pub(super) fn show_series(ui: &mut Ui, session: &Session, case: &Case) {
    let all = session.series_measurements(case);
    if all.is_empty() {
        return explanation_text(ui, "No mask in this series.");
    }
    let slice_spacing = case.series.slice_spacing();
    let mut known = case.slices.iter().enumerate();
    let unit = known.find_map(|(slice, _)| session.mask_values(case, slice));
    let unit = unit.map_or("", |values| values.unit.as_str());
    for label in &all {
        show_label_name(ui, session, label.label);
        show_series_label(ui, label, slice_spacing, unit);
        ui.add_space(4.0);
    }
}

fn show_series_label(
    ui: &mut Ui,
    label: &SeriesMeasurement,
    slice_spacing: Option<f64>,
    value_unit: &str,
) {
    let slices = format_count(label.slices as u64);
    name_value_line(ui, "Slices", &slices);
    match label.volume(slice_spacing) {
        Some(volume) => name_value_line(ui, "Volume", &volume_text(volume)),
        None => name_value_line(ui, "Pixels", &format_count(label.pixels as u64)),
    }
    let unit = label.unit.symbol();
    let diameters = format!(
        "{} × {} {unit}",
        format_number(label.longest_diameter),
        format_number(label.short_axis)
    );
    let name = format!("Diameters, slice {}", label.longest_slice + 1);
    name_value_line(ui, &name, &diameters);
    show_values(ui, &label.values, value_unit);
    if label.valued_slices > 0 && label.valued_slices < label.slices {
        let read = count_with_noun(label.slices, "slice");
        let read = format!("Values of {} of {read} so far.", label.valued_slices);
        explanation_text(ui, &read);
    }
}

/// A label's colour and name.
pub(super) fn show_label_name(ui: &mut Ui, session: &Session, value: u8) {
    let label = usize::from(value)
        .checked_sub(1)
        .and_then(|i| session.labels.all_labels().get(i));
    ui.horizontal(|ui| {
        color_swatch(ui, label.map_or([255; 3], |l| l.color));
        ui.label(
            RichText::new(session.labels.label_name(value)).color(theme::current_colors(ui).strong),
        );
    });
}

fn show_lengths(ui: &mut Ui, m: &Measurement) {
    let unit = m.unit.symbol();
    let [long, short] = m.ellipse.axes.map(format_number);
    let lengths = [
        ("Longest diameter", m.longest_diameter.length),
        ("Short axis", m.short_axis.length),
        ("Perimeter", m.perimeter),
        ("Ellipse circumference", m.ellipse.circumference()),
    ];
    name_value_line(ui, "Area", &format!("{} {unit}²", format_number(m.area)));
    for (name, length) in lengths {
        name_value_line(ui, name, &format!("{} {unit}", format_number(length)));
    }
    name_value_line(ui, "Ellipse axes", &format!("{long} × {short} {unit}"));
    name_value_line(ui, "Circularity", &format!("{:.2}", m.circularity()));
}

/// Mean with standard deviation, and the range; of colour images the mean of each channel.
fn show_values(ui: &mut Ui, values: &[ValueStatistics], unit: &str) {
    let with_unit = |text: String| match unit {
        "" => text,
        unit => format!("{text} {unit}"),
    };
    match values {
        [] => {}
        [one] => {
            let mean = format!("{} ± {}", rounded(one.mean), rounded(one.deviation));
            name_value_line(ui, "Mean ± SD", &with_unit(mean));
            let range = format!(
                "{} to {}",
                format_value(one.minimum),
                format_value(one.maximum)
            );
            name_value_line(ui, "Range", &with_unit(range));
        }
        channels => {
            let means: Vec<String> = channels.iter().map(|v| rounded(v.mean)).collect();
            name_value_line(ui, "Mean RGB", &means.join(" / "));
        }
    }
}

/// A volume in mm³, or in ml from 1 ml on.
fn volume_text(volume: f64) -> String {
    match volume {
        small if small < 1000.0 => format!("{} mm³", format_number(small)),
        large => format!("{} ml", format_number(large / 1000.0)),
    }
}

/// A mean with one decimal; small ones with four digits.
fn rounded(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format_value(value),
        _ => format!("{value:.1}"),
    }
}

/// Where the unit of lengths comes from, and why some are in pixels.
fn show_units(ui: &mut Ui, measurements: &[Measurement]) {
    let mut sources = Vec::new();
    let mut reasons = Vec::new();
    for measurement in measurements {
        match measurement.spacing {
            Ok(spacing) if !sources.contains(&spacing.source) => {
                sources.push(spacing.source);
                let source = source_of_lengths(Some(spacing.source));
                explanation_text(ui, &format!("Lengths are in {source}."));
            }
            Err(why) if !reasons.contains(&why) => {
                reasons.push(why);
                explanation_text(ui, &why.reason_sentence());
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// Unit and source of the lengths on an image.
pub(super) fn source_of_lengths(source: Option<SpacingSource>) -> &'static str {
    match source {
        Some(SpacingSource::PixelSpacing | SpacingSource::Nifti) => "mm from the header",
        Some(SpacingSource::ImagerPixelSpacing) => {
            "mm from the header, measured at the detector (magnified)"
        }
        Some(SpacingSource::UltrasoundRegion) => "mm from the ultrasound regions in the header",
        Some(SpacingSource::Picture) => "mm from pixel_spacing_mm.csv",
        Some(SpacingSource::AspectRatioOnly) | None => "pixels (no pixel spacing)",
    }
}
