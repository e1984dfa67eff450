//! A folder of image and mask pairs: `FOLDER/images` and `FOLDER/masks`, with equal names, or as nnU-Net has them (`layout`).
//!
//! Each page of a stack, and each slice of a NIfTI volume, is an image with the page of that number of its mask.
//! Names are compared without their endings, and however their accents are written. Whose picture it is (no subject is ever
//! both trained on and tested on) is said in `subjects`, what the values of the masks mean in `masks`.

mod layout;
mod lists;
mod masks;
mod subjects;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_volumes;

pub use lists::{SplitLists, only_listed, split_by_subject};
pub use masks::FolderLabels;
pub use subjects::{SubjectPattern, of_picture};

use super::{
    label_file::{self, MaskOf},
    label_values::ValueReading,
    open,
};
use crate::{Error, Result};
use labrum_core::{
    image::Image,
    mask::Mask,
    naming::compose_accents,
    study::{Kind, Source},
};
use layout::FolderLayout;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

const ENDINGS: [&str; 9] = [
    "png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "nii", "nii.gz",
];
const TRIED: &str = "read the data set";

/// An image and its mask, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetPair {
    /// File name without ending.
    pub name: String,
    /// The image file.
    pub image: PathBuf,
    /// Which page or slice of image and mask, 0-based.
    pub frame: u32,
    /// The mask file.
    pub mask: PathBuf,
    /// Whose image it is.
    pub subject: String,
    /// How the values of its mask are read: as those of all masks of the folder.
    pub reading: ValueReading,
}

impl DatasetPair {
    /// Where the pixels of the image are.
    pub fn image_source(&self) -> Source {
        Source {
            path: self.image.clone(),
            frame: self.frame,
        }
    }

    /// Image and mask, of one size.
    pub fn load_image_and_mask(&self) -> Result<(Image, Mask)> {
        let source = self.image_source();
        let image = open::load_slice(&source, Kind::Picture)?;
        let size = (image.columns, image.rows);
        let (mask, note) = label_file::read_on(
            &self.mask,
            self.frame,
            self.reading,
            &MaskOf { source, size },
        )?;
        note.iter()
            .for_each(|note| log::warn!("{}: {note}", self.mask.display()));
        let (mask_size, image_size) = ((mask.columns(), mask.rows()), (image.columns, image.rows));
        if mask_size != image_size {
            let [mask, image] =
                [mask_size, image_size].map(|(columns, rows)| format!("{columns} x {rows}"));
            let reason = format!(
                "it has {mask} pixels, but \"{}\" has {image}",
                self.image.display()
            );
            return Err(Error::at_path("use the mask", &self.mask, reason)
                .with_advice("Save the mask at the size of its image."));
        }
        Ok((image, mask))
    }
}

/// How a folder is read, as far as a person says it. What is serialised decides about the pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FolderOptions {
    /// Pixels of a mask of so much and more are label 1, all others background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u16>,
    /// What part of a name names the subject.
    #[serde(skip)]
    pub subject_pattern: Option<SubjectPattern>,
}

/// A folder of pairs.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folder.
    pub folder: PathBuf,
    /// In order of their names.
    pub pairs: Vec<DatasetPair>,
    /// What the values of the masks mean.
    pub labels: FolderLabels,
    /// What was found out about the folder, for the user to read.
    pub notes: Vec<String>,
}

/// Reads what there is in a folder: its pairs, whose they are, and what the values of all of its masks mean.
///
/// Errors: no folder of images or masks, no image in it, an image without mask, two files of one name, a table or list of
/// labels that cannot be read, masks whose values are no labels. Masks without image are left alone.
pub fn open_folder(folder: &Path, wishes: &FolderOptions) -> Result<Dataset> {
    let layout = FolderLayout::from_folder(folder);
    let (mut pairs, mut notes) = list_pairs(&layout)?;
    notes.extend(subjects::assign_subjects(
        &mut pairs,
        folder,
        wishes.subject_pattern.as_ref(),
    )?);
    let labels = masks::resolve_labels(&mut pairs, folder, &layout, wishes.threshold)?;
    notes.extend(labels.note.clone());
    Ok(Dataset {
        folder: folder.to_owned(),
        pairs,
        labels,
        notes,
    })
}

impl Dataset {
    /// Refuses to divide a folder in which all is of one subject: nothing could be held out then.
    pub fn refuse_one_subject(&self, tried: &str) -> Result<()> {
        let subjects: BTreeSet<&str> = self
            .pairs
            .iter()
            .map(|pair| pair.subject.as_str())
            .collect();
        match (subjects.first(), subjects.len()) {
            (Some(subject), 1) => {
                let images = match self.pairs.len() {
                    1 => "it holds one image".to_owned(),
                    count => format!("all its {count} images are of one subject, \"{subject}\""),
                };
                let reason = format!("{images}, so none can be held out");
                Err(Error::at_path(tried, &self.folder, reason).with_advice(subjects::ADVICE))
            }
            _ => Ok(()),
        }
    }

    /// Refuses subjects that nobody is: a typing error would hold out nothing. Gives back those that there are.
    pub fn check_subjects(&self, tried: &str, wanted: &[String]) -> Result<BTreeSet<String>> {
        let found: BTreeSet<&str> = self
            .pairs
            .iter()
            .map(|pair| pair.subject.as_str())
            .collect();
        let wanted: BTreeSet<String> = wanted
            .iter()
            .map(|subject| compose_accents(subject))
            .collect();
        match wanted
            .iter()
            .find(|subject| !found.contains(subject.as_str()))
        {
            Some(unknown) => {
                let some: Vec<&str> = found.into_iter().take(5).collect();
                let reason = format!(
                    "no image in it is of subject \"{unknown}\"; subjects are, for example, {}",
                    some.join(", ")
                );
                Err(Error::at_path(tried, &self.folder, reason).with_advice(subjects::ADVICE))
            }
            None => Ok(wanted),
        }
    }
}

/// The pairs of a folder, in order of their names, and what a person should know of them. Whose they are is not known yet:
/// their subject is the name of the file.
fn list_pairs(layout: &FolderLayout) -> Result<(Vec<DatasetPair>, Vec<String>)> {
    let (images, masks) = (
        pictures_by_name(&layout.images)?,
        pictures_by_name(&layout.masks)?,
    );
    let mut pairs = Vec::new();
    let mut channels = 0;
    for (name, image) in images {
        let (case, channel) = layout.mask_and_channel(&name);
        if channel > 0 {
            channels += 1;
            continue;
        }
        let mask = masks.get(case).cloned().ok_or_else(|| {
            let reason = format!("it has no mask in \"{}\"", layout.masks.display());
            Error::at_path("use the image", &image, reason)
                .with_advice("Add a mask of the same name, or remove the image.")
        })?;
        let (name, subject) = (case.to_owned(), case.to_owned());
        pairs.extend(each_slice(DatasetPair {
            name,
            image,
            frame: 0,
            mask,
            subject,
            reading: ValueReading::default(),
        })?);
    }
    if pairs.is_empty() {
        return Err(
            Error::at_path(TRIED, &layout.images, "there is no picture in it")
                .with_advice("Put PNG, JPEG, TIFF, BMP, WebP or NIfTI files there."),
        );
    }
    let images = if channels == 1 {
        "1 image is".to_owned()
    } else {
        format!("{channels} images are")
    };
    let left_out = format!("{images} of another channel than the first (_0000) and left out");
    Ok((
        pairs,
        (channels > 0).then_some(left_out).into_iter().collect(),
    ))
}

/// A pair for each page of a stack and each slice of a volume, of one subject.
fn each_slice(pair: DatasetPair) -> Result<Vec<DatasetPair>> {
    let [image, mask] = [frame_numbers(&pair.image)?, frame_numbers(&pair.mask)?];
    if image.len() < 2 && mask.len() < 2 {
        return Ok(vec![pair]);
    }
    if image != mask {
        let reason = format!(
            "it has {}, but \"{}\" has {}",
            page_count_text(&mask),
            pair.image.display(),
            page_count_text(&image)
        );
        return Err(Error::at_path("use the mask", &pair.mask, reason)
            .with_advice("Save a mask for each of them, in one file."));
    }
    let one = |frame: u32| DatasetPair {
        name: format!("{}-{:04}", pair.name, frame + 1),
        frame,
        ..pair.clone()
    };
    Ok(image.into_iter().map(one).collect())
}

/// The pages of a stack, or the slices of a volume; one for other pictures.
fn frame_numbers(path: &Path) -> Result<Vec<u32>> {
    let ending = split_extension(path).map_or("", |(_, ending)| ending);
    if !["tif", "tiff", "nii", "nii.gz"].contains(&ending) {
        return Ok(vec![0]);
    }
    let mut frames: Vec<u32> = open::list_slices(path)?
        .into_iter()
        .map(|source| source.frame)
        .collect();
    frames.sort_unstable();
    Ok(frames)
}

fn page_count_text(frames: &[u32]) -> String {
    if frames.len() == 1 {
        "1 page or slice".into()
    } else {
        format!("{} pages or slices", frames.len())
    }
}

/// The name of a file without its ending, and the ending in small letters; `None` where it is no picture's.
fn split_extension(path: &Path) -> Option<(String, &'static str)> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let small = name.to_lowercase();
    let is_it = |ending: &&str| {
        small
            .strip_suffix(*ending)
            .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
    };
    let ending = ENDINGS.into_iter().rev().find(is_it)?;
    Some((
        name.get(..name.len() - ending.len() - 1)?.to_owned(),
        ending,
    ))
}

/// What a table says of an image's size in the patient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lengths {
    /// Distance of neighbouring pixels, in rows as in columns, in mm.
    pub pixel_spacing: f64,
    /// Circumference of what is to be found, measured by a person, in mm.
    pub circumference: Option<f64>,
}

/// The table `FOLDER/pixel_spacing_mm.csv`, where there is one: the columns `name` (without ending), `pixel_spacing_mm` and,
/// if it has that one, `head_circumference_mm`.
///
/// Errors: a table without these columns, lengths that are none.
pub fn read_lengths(folder: &Path) -> Result<HashMap<String, Lengths>> {
    let path = folder.join("pixel_spacing_mm.csv");
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let failed = |reason: String| {
        Error::at_path("read the table", &path, reason)
            .with_advice("Its first line must be \"name,pixel_spacing_mm\".")
    };
    let mut table = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(&path)
        .map_err(|e| failed(e.to_string()))?;
    let headers = table.headers().map_err(|e| failed(e.to_string()))?.clone();
    let column = |title: &str| {
        headers
            .iter()
            .position(|h| h.trim_start_matches('\u{feff}') == title)
    };
    let (Some(name), Some(spacing)) = (column("name"), column("pixel_spacing_mm")) else {
        return Err(failed("it lacks one of these columns".into()));
    };
    let circumference = column("head_circumference_mm");
    let mut lengths = HashMap::new();
    for record in table.records() {
        let record = record.map_err(|e| failed(e.to_string()))?;
        let named = record.get(name).unwrap_or_default();
        let length = |column: usize| -> Result<f64> {
            let text = record.get(column).unwrap_or_default();
            let length = text
                .parse()
                .ok()
                .filter(|l: &f64| l.is_finite() && *l > 0.0);
            length.ok_or_else(|| failed(format!("\"{text}\" of \"{named}\" is no length")))
        };
        let all = Lengths {
            pixel_spacing: length(spacing)?,
            circumference: circumference.map(length).transpose()?,
        };
        lengths.insert(normalized_stem(named), all);
    }
    Ok(lengths)
}

/// A file name without the ending of a picture, its accents composed.
fn normalized_stem(name: &str) -> String {
    split_extension(Path::new(name))
        .map_or_else(|| compose_accents(name), |(stem, _)| compose_accents(&stem))
}

/// Pictures of a folder by name without ending; hidden files and other endings are passed over.
fn pictures_by_name(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let failed = |reason: &dyn ToString| {
        Error::at_path(TRIED, folder, reason.to_string())
            .with_advice("The folder to use holds the folders \"images\" and \"masks\".")
    };
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => failed(&"there is no such folder"),
        _ => failed(&labrum_core::reason_of(&e)),
    })? {
        let path = entry.map_err(|e| failed(&e))?.path();
        let Some((name, _)) =
            split_extension(&path).filter(|(name, _)| !name.starts_with('.') && path.is_file())
        else {
            continue;
        };
        if let Some(other) = found.insert(compose_accents(&name), path.clone()) {
            let reason = format!("\"{}\" has the same name", other.display());
            return Err(Error::at_path("use the file", &path, reason)
                .with_advice("Remove or rename one of them."));
        }
    }
    Ok(found)
}
