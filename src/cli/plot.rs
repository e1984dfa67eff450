//! `labrum plot`: plots training curves from logs.

use crate::{Error, Result};
use clap::ValueEnum;
use labrum_core::whole_file;
use labrum_nn::train::{Epoch, TrainingLog};
use plotters::prelude::*;
use std::ops::Range;
use std::{error, path::PathBuf, result};

/// Plot the curves of one or more trainings from the logs written by train --log
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A dot marks the epoch with the best weights, which were kept.

Examples:
  labrum plot run.json --out run.svg
  labrum plot boundary-dou.json dice-ce.json --figure iou --out losses.svg --title \"BUSI, split 1\""
)]
pub(super) struct PlotArguments {
    /// Training logs
    #[arg(required = true)]
    logs: Vec<PathBuf>,
    /// SVG file to write
    #[arg(short, long)]
    out: PathBuf,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Values to plot
    #[arg(long, value_enum, default_value = "iou")]
    figure: FigureArgument,
    /// Title of the plot
    #[arg(long, default_value = "")]
    title: String,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum FigureArgument {
    Iou,
    Dice,
    Loss,
}

impl FigureArgument {
    /// Name of the axis; `is_validated`: all trainings have validation images, none has, or `None` if some have.
    fn display_name(self, is_validated: Option<bool>) -> String {
        let of = match is_validated {
            Some(true) => "validation images",
            Some(false) => "training images",
            None => "validation images, or of the training images",
        };
        match self {
            Self::Iou => format!("IoU of the {of}"),
            Self::Dice => format!("Dice of the {of}"),
            Self::Loss => "Mean loss in the epoch".into(),
        }
    }

    fn value_at_epoch(self, epoch: &Epoch) -> f64 {
        match self {
            Self::Iou => epoch.iou,
            Self::Dice => epoch.dice,
            Self::Loss => epoch.loss,
        }
    }

    /// Coordinates in the plot: number of the epoch and value.
    fn point_at_epoch(self, epoch: &Epoch) -> (f64, f64) {
        (epoch.epoch as f64, self.value_at_epoch(epoch))
    }
}

/// The palette of Okabe and Ito, which colour-blind people can tell apart.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
const SIZE: (u32, u32) = (840, 480);

/// The curve of one training.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    best: Option<(f64, f64)>,
    /// Its values are of validation images, not of training images.
    is_validated: bool,
}

pub(super) fn run(arguments: &PlotArguments) -> Result<()> {
    arguments.overwrite.refuse_existing([&arguments.out])?;
    let figure = arguments.figure;
    let mut curves = Vec::new();
    for path in &arguments.logs {
        let log = TrainingLog::read_from_file(path)?;
        if log.epochs.is_empty() {
            return Err(Error::at_path(
                "plot the training",
                path,
                "the log has no finished epoch yet",
            ));
        }
        curves.push(Curve {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            points: log
                .epochs
                .iter()
                .map(|epoch| figure.point_at_epoch(epoch))
                .collect(),
            best: best_epoch(&log).map(|epoch| figure.point_at_epoch(epoch)),
            is_validated: log.images.validation > 0,
        });
    }
    let mut text = String::new();
    draw_curves(&curves, arguments, &mut text)
        .map_err(|e| Error::at_path("draw the plot", &arguments.out, e))?;
    whole_file::write_atomically(&arguments.out, "write the plot", |file| {
        file.write_all(text.as_bytes())
    })?;
    super::print_text(&format!("Wrote the plot to {}", arguments.out.display()))
}

/// The epoch whose weights were kept.
fn best_epoch(log: &TrainingLog) -> Option<&Epoch> {
    let best = log.best.as_ref()?;
    log.epochs.iter().find(|epoch| epoch.epoch == best.epoch)
}

type Drawn = result::Result<(), Box<dyn error::Error>>;

fn draw_curves(curves: &[Curve], arguments: &PlotArguments, text: &mut String) -> Drawn {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let [across, up] = axis_ranges(curves, arguments.figure);
    let mut builder = ChartBuilder::on(&root);
    builder
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(60);
    if !arguments.title.is_empty() {
        builder.caption(&arguments.title, ("sans-serif", 20));
    }
    let mut chart = builder.build_cartesian_2d(across, up)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("Epoch")
        .y_desc(arguments.figure.display_name(is_validated(curves)))
        .axis_desc_style(("sans-serif", 15));
    mesh.label_style(("sans-serif", 13))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .light_line_style(TRANSPARENT);
    mesh.y_label_formatter(&|y| format!("{y:.2}"))
        .bold_line_style(RGBColor(224, 224, 224))
        .draw()?;
    for (curve, color) in curves.iter().zip(COLORS.iter().cycle()) {
        let line = LineSeries::new(curve.points.iter().copied(), color.stroke_width(2));
        chart
            .draw_series(line)?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(
            curve
                .best
                .iter()
                .map(|&at| Circle::new(at, 4, color.filled())),
        )?;
    }
    let place = match arguments.figure {
        FigureArgument::Loss => SeriesLabelPosition::UpperRight,
        _ => SeriesLabelPosition::LowerRight,
    };
    let mut labels = chart.configure_series_labels();
    labels
        .position(place)
        .margin(12)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200));
    labels.label_font(("sans-serif", 14)).draw()?;
    root.present()?;
    Ok(())
}

/// Whether the values of all curves are of validation images; `None` if some are and others are not.
fn is_validated(curves: &[Curve]) -> Option<bool> {
    let first = curves.first()?.is_validated;
    curves
        .iter()
        .all(|curve| curve.is_validated == first)
        .then_some(first)
}

/// The ranges of both axes, with a small margin.
fn axis_ranges(curves: &[Curve], figure: FigureArgument) -> [Range<f64>; 2] {
    let last = all_points(curves).map(|p| p.0).fold(2.0, f64::max);
    let highest = all_points(curves)
        .map(|p| p.1)
        .filter(|y| y.is_finite())
        .fold(0.0, f64::max);
    let lowest = all_points(curves)
        .map(|p| p.1)
        .fold(f64::INFINITY, f64::min);
    let up = match figure {
        FigureArgument::Loss => 0.0..highest * 1.05 + 1e-6,
        // If all values are high, zoom in on them.
        _ if lowest > 0.5 => (lowest * 10.0).floor() / 10.0..1.0,
        _ => 0.0..(highest * 1.1).clamp(0.1, 1.0),
    };
    [1.0..last, up]
}

fn all_points(curves: &[Curve]) -> impl Iterator<Item = &(f64, f64)> {
    curves.iter().flat_map(|curve| &curve.points)
}
