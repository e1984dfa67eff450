//! `labrum click`: segments the object that clicks, boxes and scribbles indicate.

use super::{
    DeviceArgument, console::print_remark, reading::ReadOnlyWorkspace, usage::argument_error,
};
use crate::io::{export, open};
use crate::{Error, Result};
use clap::{ArgAction, ArgMatches, FromArgMatches};
use labrum_core::{
    label::Label, learning::ModelKind, mask::Mask, progress::Cancel, prompts::Prompt, whole_file,
};
use labrum_nn::{
    preprocess,
    prompt::{
        looks::to_mask,
        segmenter::{PromptImage, PromptSegmenter},
    },
};
use std::num::NonZeroUsize;
use std::{path::PathBuf, slice};

/// Segment the object at clicks, in a box or under a scribble
#[derive(clap::Args, Debug)]
#[command(
    after_help = "X and Y are the column and row of a pixel, counted from 0 at the upper left. Prompts are applied in the order given; a \
later prompt changes the mask only in connected areas that it touches. The mask has the size of the image: 1 in the object, \
0 elsewhere.

Examples:
  labrum click image.png --at 120,80 --out mask.png
  labrum click image.png --at 120,80 --at 150,92 --not 60,40 --out mask.png --overwrite
  labrum click study/slice.dcm --box 40,30,180,160 --out mask.png
  labrum click image.png --workspace work/ --at 120,80 --out mask.png"
)]
pub(super) struct ClickArguments {
    /// Image file: DICOM, PNG, JPEG, TIFF, BMP, WebP or NIfTI
    image: PathBuf,
    #[command(flatten)]
    prompts: PromptArguments,
    /// Slice, frame or page of the image, counted from 1
    #[arg(long, default_value = "1", value_name = "N")]
    frame: NonZeroUsize,
    /// Mask to write (PNG)
    #[arg(short, long)]
    out: PathBuf,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Model file written by labrum train-prompts [default: the shipped model]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Use the model that the Click tool uses in this workspace
    #[arg(long, value_name = "FOLDER", conflicts_with = "model")]
    workspace: Option<PathBuf>,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

/// All prompts, in the order of the command line.
#[derive(Clone, Debug)]
struct PromptArguments(Vec<Prompt>);

/// Names, value names and help texts of the options.
const PROMPTS: [(&str, &str, &str); 5] = [
    ("at", "X,Y", "Positive click: a pixel of the object"),
    (
        "not",
        "X,Y",
        "Negative click: a pixel outside of the object",
    ),
    (
        "box",
        "X0,Y0,X1,Y1",
        "Box around the object, given by two opposite corners",
    ),
    (
        "scribble",
        "X,Y,X,Y...",
        "Positive scribble: points of a line inside the object",
    ),
    (
        "not-scribble",
        "X,Y,X,Y...",
        "Negative scribble: points of a line outside of the object",
    ),
];

impl clap::Args for PromptArguments {
    fn augment_args(command: clap::Command) -> clap::Command {
        PROMPTS
            .iter()
            .fold(command, |command, (name, value, help)| {
                command.arg(
                    clap::Arg::new(*name)
                        .long(*name)
                        .value_name(*value)
                        .help(*help)
                        .action(ArgAction::Append)
                        .allow_hyphen_values(true)
                        .value_parser(parse_numbers),
                )
            })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PromptArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut placed: Vec<(usize, Prompt)> = Vec::new();
        for (name, ..) in PROMPTS {
            let values = matches.get_many::<Numbers>(name).into_iter().flatten();
            let places = matches.indices_of(name).into_iter().flatten();
            for (place, numbers) in places.zip(values) {
                let prompt = to_prompt(name, &numbers.0).map_err(|reason| {
                    clap::Error::raw(
                        clap::error::ErrorKind::ValueValidation,
                        format!("--{name}: {reason}\n"),
                    )
                })?;
                placed.push((place, prompt));
            }
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(Self(placed.into_iter().map(|(_, prompt)| prompt).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Comma-separated numbers.
#[derive(Clone, Debug)]
struct Numbers(Vec<f64>);

fn parse_numbers(text: &str) -> Result<Numbers, String> {
    text.split(',')
        .map(|number| match number.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("\"{number}\" is not a number")),
        })
        .collect::<Result<_, _>>()
        .map(Numbers)
}

/// Converts pixel indices to a prompt. Clicks and scribbles are placed at pixel centres.
fn to_prompt(name: &str, numbers: &[f64]) -> Result<Prompt, String> {
    match (name, numbers) {
        ("at" | "not", [x, y]) => Ok(Prompt::Click {
            at: [x + 0.5, y + 0.5],
            adds: name == "at",
        }),
        ("at" | "not", _) => Err("expected two numbers: X,Y".to_owned()),
        ("box", [x0, y0, x1, y1]) => Ok(Prompt::Box {
            from: [x0.min(*x1), y0.min(*y1)],
            to: [x0.max(*x1) + 1.0, y0.max(*y1) + 1.0],
        }),
        ("box", _) => Err("expected four numbers: X0,Y0,X1,Y1".to_owned()),
        (_, points) if !points.is_empty() && points.len().is_multiple_of(2) => {
            Ok(Prompt::Scribble {
                points: points
                    .chunks_exact(2)
                    .map(|point| [point[0] + 0.5, point[1] + 0.5])
                    .collect(),
                adds: name == "scribble",
            })
        }
        _ => Err("expected X,Y for each point".to_owned()),
    }
}

pub(super) fn run(arguments: &ClickArguments) -> Result<()> {
    let tried = "segment the object";
    if arguments.prompts.0.is_empty() {
        return Err(argument_error(tried, "no prompts were given")
            .with_advice("Give at least one of --at, --box or --scribble."));
    }
    arguments.overwrite.refuse_existing([&arguments.out])?;
    whole_file::check_writable(&arguments.out, "write the mask")?;
    let image = load_image(arguments)?;
    let mut segmenter = load_model(arguments)?;
    let found = segmenter.segment(&image, &arguments.prompts.0, None)?;
    if let Some(notice) = segmenter.take_notice() {
        print_remark(format_args!("labrum: {notice}"));
    }
    let labels = to_mask(&found).into_iter().map(u8::from).collect();
    let mask = Mask::from_labels(image.columns, image.rows, labels)
        .ok_or_else(|| Error::at_path(tried, &arguments.image, "the image has no pixels"))?;
    export::label_map(&arguments.out, &mask, &[Label::with_name("Object", 0)])
}

/// The model of a file, the active one of a workspace, or the shipped one.
fn load_model(arguments: &ClickArguments) -> Result<PromptSegmenter> {
    let device = arguments.device.into();
    if let Some(file) = &arguments.model {
        return PromptSegmenter::load_from_path(file, device);
    }
    let active = match &arguments.workspace {
        Some(folder) => {
            let versions = ReadOnlyWorkspace::open(folder)?.all_versions()?;
            versions
                .into_iter()
                .find(|version| version.is_active_for(ModelKind::Clicks))
        }
        None => None,
    };
    let Some(active) = active else {
        return PromptSegmenter::from_bytes(crate::shipped::CLICK, device);
    };
    let (segmenter, error) = crate::shipped::load_click_version(&active.file, device)?;
    if let Some(error) = error {
        print_remark(format_args!(
            "labrum: the active version of the Click tool's model cannot be used ({error}); using the built-in model"
        ));
    }
    Ok(segmenter)
}

fn load_image(arguments: &ClickArguments) -> Result<PromptImage> {
    let catalog = open::read_catalog(
        slice::from_ref(&arguments.image),
        &mut |_| {},
        &Cancel::default(),
    )?;
    let all = catalog.studies.iter().flat_map(|study| &study.series);
    let mut slices = all.flat_map(|series| series.slices.iter().map(|s| (s, series.kind)));
    let Some((slice, kind)) = slices.nth(arguments.frame.get() - 1) else {
        let reason = catalog.passed_over.first().map_or_else(
            || format!("the file has no slice {}", arguments.frame),
            |file| file.reason.clone(),
        );
        return Err(Error::at_path("open", &arguments.image, reason));
    };
    let image = open::load_slice(&slice.source, kind)?;
    Ok(PromptImage {
        grey: preprocess::grey_levels(&image),
        columns: image.columns,
        rows: image.rows,
    })
}
