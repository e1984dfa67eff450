//! `labrum recognise`: trains a model to tell the images that it is for from others.

use crate::io::open;
use crate::{Error, Result};
use labrum_core::{
    holdout,
    looks::{Look, Looks},
    progress::Cancel,
    study::{Series, Slice},
    whole_file,
};
use labrum_nn::checkpoint;
use rayon::prelude::*;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Teach a model to recognise the images that it is for, so that it runs automatically only on those
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The appearance of the images (grey levels, edges, where they are bright) is learned from --like \
and, if given, contrasted with --unlike, and saved in the model's card. One in five subjects of each group is held \
out to measure how well it works; the subject is the part of the file name before the first \"_\". Each --unlike \
folder is also scored with an appearance learned without it, which estimates how unforeseen kinds of images are \
treated.

Example:
  labrum recognise model.safetensors --like hc18/images --unlike busi/images,xrays -o model.safetensors --overwrite"
)]
pub(super) struct RecogniseArguments {
    /// Labrum model file
    model: PathBuf,
    /// Folders with images that the model is for, comma-separated
    #[arg(long, required = true, value_delimiter = ',', value_name = "FOLDERS")]
    like: Vec<PathBuf>,
    /// Folders with other images, comma-separated
    #[arg(long, value_delimiter = ',', value_name = "FOLDERS")]
    unlike: Vec<PathBuf>,
    /// Model file to write
    #[arg(long, short)]
    out: PathBuf,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// How many hold-out images of a folder were recognised as images that the model is for.
#[derive(Debug, Serialize)]
struct Figures {
    folder: PathBuf,
    is_like: bool,
    images: usize,
    recognised: usize,
    /// The number when the appearance is learned without this folder.
    recognised_unseen: Option<usize>,
}

/// The looks of the images of a folder.
struct Folder {
    path: PathBuf,
    is_like: bool,
    /// Used for training.
    learned: Vec<Look>,
    /// Held out.
    aside: Vec<Look>,
}

impl Folder {
    /// Number of hold-out looks that `looks` recognises.
    fn count_recognised(&self, looks: &Looks) -> usize {
        self.aside
            .iter()
            .filter(|look| looks.is_familiar(look))
            .count()
    }
}

pub(super) fn run(arguments: &RecogniseArguments) -> Result<()> {
    super::end_on_ctrl_c(
        "recognise was stopped without writing a model; run it again, or give fewer images",
    )?;
    super::check_model_file(&arguments.out)?;
    arguments.overwrite.refuse_existing([&arguments.out])?;
    let (card, weights) = checkpoint::read_model(&arguments.model)?;
    let mut card = card.ok_or_else(|| {
        Error::at_path(
            "recognise images",
            &arguments.model,
            "the model has no card",
        )
        .with_advice("Run labrum import-checkpoint to add one.")
    })?;
    let sides = [(&arguments.like, true), (&arguments.unlike, false)];
    let folders = sides
        .into_iter()
        .flat_map(|(paths, is_like)| paths.iter().map(move |path| look_at(path, is_like)))
        .collect::<Result<Vec<_>>>()?;
    let looks = learn_looks(&folders, None).ok_or_else(|| {
        Error::new("recognise images", "too few images that the model is for")
            .with_advice("Give folders with at least about 30 of them with --like.")
    })?;
    let figures: Vec<Figures> = folders
        .iter()
        .map(|folder| judge_folder(folder, &looks, &folders))
        .collect();
    card.looks = Some(looks);
    let bytes = checkpoint::to_bytes(&card, &weights)?;
    whole_file::write_atomically(&arguments.out, "write the model", |file| {
        file.write_all(&bytes)
    })?;
    if arguments.json {
        return super::print_json(&figures);
    }
    figures
        .iter()
        .try_for_each(|figures| super::print_text(&format_figures(figures)))?;
    super::print_text(&format!("Wrote the model to {}", arguments.out.display()))
}

fn learn_looks(folders: &[Folder], without: Option<&Path>) -> Option<Looks> {
    let like = looks_of_side(folders, true, without);
    let unlike = looks_of_side(folders, false, without);
    Looks::from_examples(&like, &unlike)
}

/// Training looks of the images that the model is for, or of the others, leaving out the folder `without`.
fn looks_of_side(folders: &[Folder], is_like: bool, without: Option<&Path>) -> Vec<Look> {
    folders
        .iter()
        .filter(|f| f.is_like == is_like && Some(f.path.as_path()) != without)
        .flat_map(|f| f.learned.iter().cloned())
        .collect()
}

fn judge_folder(folder: &Folder, looks: &Looks, folders: &[Folder]) -> Figures {
    let unseen = (!folder.is_like)
        .then(|| learn_looks(folders, Some(&folder.path)))
        .flatten();
    Figures {
        folder: folder.path.clone(),
        is_like: folder.is_like,
        images: folder.aside.len(),
        recognised: folder.count_recognised(looks),
        recognised_unseen: unseen.map(|looks| folder.count_recognised(&looks)),
    }
}

fn format_figures(figures: &Figures) -> String {
    let Figures {
        images, recognised, ..
    } = figures;
    let unseen = figures.recognised_unseen.map_or(String::new(), |n| {
        let percent = format_percent(n, *images);
        format!("; without this folder in the training: {percent}")
    });
    let what = if figures.is_like {
        "recognised"
    } else {
        "recognised by mistake"
    };
    format!(
        "{}: {recognised} of {images} hold-out images {what} ({}){unseen}",
        figures.folder.display(),
        format_percent(*recognised, *images)
    )
}

fn format_percent(count: usize, all: usize) -> String {
    format!("{:.1} %", 100.0 * count as f64 / all.max(1) as f64)
}

/// Reads the images of a folder and divides them by subject.
fn look_at(path: &Path, is_like: bool) -> Result<Folder> {
    let catalog = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default())?;
    let slices: Vec<(&Series, &Slice)> = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .filter_map(|series| Some((series, series.slices.get(series.slices.len() / 2)?)))
        .collect();
    let looks_of_slices = slices
        .par_iter()
        .map(|(series, slice)| read_looks(series, slice, is_like))
        .collect::<Result<Vec<_>>>()?;
    let mut folder = Folder {
        path: path.to_owned(),
        is_like,
        learned: Vec::new(),
        aside: Vec::new(),
    };
    for (is_aside, looks) in looks_of_slices {
        if is_aside {
            &mut folder.aside
        } else {
            &mut folder.learned
        }
        .extend(looks);
    }
    Ok(folder)
}

/// Whether a slice is held out, and its looks: a training slice that the model is for also gives augmented variants.
fn read_looks(series: &Series, slice: &Slice, is_like: bool) -> Result<(bool, Vec<Look>)> {
    let image = open::load_slice(&slice.source, series.kind)?;
    let is_aside = is_aside(&slice.source.path);
    let looks = if is_like && !is_aside {
        Look::augmented_variants(&image)
    } else {
        vec![Look::from_image(&image)]
    };
    Ok((is_aside, looks))
}

/// True for one subject in five, chosen by a hash of its name.
fn is_aside(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let subject = name.split('_').next().unwrap_or_default();
    u8::from_str_radix(&holdout::subject_hash(subject)[..2], 16).is_ok_and(|byte| byte < 51)
}
