//! `labrum recognise`: teaches a model to tell the images that it is for from others.

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

/// Teach a model to recognise the images that it is for, so that it runs by itself on those alone
#[derive(clap::Args, Debug)]
#[command(
    after_help = "What images look like (grey levels, edges, where they are bright) is learned from --like and, where given, \
against --unlike, and kept in the model's card. One image in five of each side is kept aside to say how well it works; what a name \
begins with, up to the first \"_\", is one subject. Each folder of --unlike is also judged by what was learned without it: that is \
how images of a kind that nobody thought of will fare.

Example:
  labrum recognise model.safetensors --like hc18/images --unlike busi/images,xrays -o model.safetensors --overwrite"
)]
pub(super) struct RecogniseArguments {
    /// Model file of Labrum
    model: PathBuf,
    /// Folders with images that it is for, comma separated
    #[arg(long, required = true, value_delimiter = ',', value_name = "FOLDERS")]
    like: Vec<PathBuf>,
    /// Folders with other images, comma separated
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

/// How many images were taken for those that the model is for.
#[derive(Debug, Serialize)]
struct Figures {
    folder: PathBuf,
    is_like: bool,
    images: usize,
    recognised: usize,
    /// By what was learned without this folder.
    recognised_unseen: Option<usize>,
}

/// The looks of a folder.
struct Folder {
    path: PathBuf,
    is_like: bool,
    /// To learn from.
    learned: Vec<Look>,
    /// Kept aside.
    aside: Vec<Look>,
}

pub(super) fn run(arguments: &RecogniseArguments) -> Result<()> {
    super::end_on_ctrl_c(
        "recognise was stopped, and no model is written: start it again, or name fewer images",
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
        .with_advice("labrum import-checkpoint makes one.")
    })?;
    let sides = [(&arguments.like, true), (&arguments.unlike, false)];
    let folders = sides
        .into_iter()
        .flat_map(|(paths, is_like)| paths.iter().map(move |path| look_at(path, is_like)))
        .collect::<Result<Vec<_>>>()?;
    let looks = learn_looks(&folders, None).ok_or_else(|| {
        Error::new(
            "recognise images",
            "there are too few images of the kind that the model is for",
        )
        .with_advice("Give folders with some thirty or more with --like.")
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
    super::print_text(&format!("The model is in {}", arguments.out.display()))
}

fn learn_looks(folders: &[Folder], without: Option<&Path>) -> Option<Looks> {
    let of = |is_like: bool| -> Vec<Look> {
        let counted = folders
            .iter()
            .filter(|f| f.is_like == is_like && Some(f.path.as_path()) != without);
        counted.flat_map(|f| f.learned.iter().cloned()).collect()
    };
    Looks::from_examples(&of(true), &of(false))
}

fn judge_folder(folder: &Folder, looks: &Looks, folders: &[Folder]) -> Figures {
    let count = |looks: &Looks| {
        folder
            .aside
            .iter()
            .filter(|look| looks.is_familiar(look))
            .count()
    };
    let unseen = (!folder.is_like)
        .then(|| learn_looks(folders, Some(&folder.path)))
        .flatten();
    Figures {
        folder: folder.path.clone(),
        is_like: folder.is_like,
        images: folder.aside.len(),
        recognised: count(looks),
        recognised_unseen: unseen.map(|looks| count(&looks)),
    }
}

fn format_figures(figures: &Figures) -> String {
    let Figures {
        images, recognised, ..
    } = figures;
    let percent = |count: usize| format!("{:.1} %", 100.0 * count as f64 / (*images).max(1) as f64);
    let unseen = figures.recognised_unseen.map_or(String::new(), |n| {
        format!("; without having seen the folder {}", percent(n))
    });
    let what = if figures.is_like {
        "recognised"
    } else {
        "taken for its own by mistake"
    };
    format!(
        "{}: {recognised} of {images} kept aside are {what} ({}){unseen}",
        figures.folder.display(),
        percent(*recognised)
    )
}

/// Reads a folder and parts it by subjects.
fn look_at(path: &Path, is_like: bool) -> Result<Folder> {
    let catalog = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default())?;
    let slices: Vec<(&Series, &Slice)> = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .filter_map(|series| Some((series, series.slices.get(series.slices.len() / 2)?)))
        .collect();
    let read = |(series, slice): &(&Series, &Slice)| -> Result<(bool, Vec<Look>)> {
        let image = open::load_slice(&slice.source, series.kind)?;
        let is_aside = is_aside(&slice.source.path);
        let looks = if is_like && !is_aside {
            Look::augmented_variants(&image)
        } else {
            vec![Look::from_image(&image)]
        };
        Ok((is_aside, looks))
    };
    let mut folder = Folder {
        path: path.to_owned(),
        is_like,
        learned: Vec::new(),
        aside: Vec::new(),
    };
    for (is_aside, looks) in slices.par_iter().map(read).collect::<Result<Vec<_>>>()? {
        if is_aside {
            &mut folder.aside
        } else {
            &mut folder.learned
        }
        .extend(looks);
    }
    Ok(folder)
}

/// One subject in five is kept aside.
fn is_aside(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let subject = name.split('_').next().unwrap_or_default();
    u8::from_str_radix(&holdout::subject_hash(subject)[..2], 16).is_ok_and(|byte| byte < 51)
}
