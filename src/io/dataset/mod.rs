//! A folder of pairs of images and masks: `FOLDER/images` and `FOLDER/masks` with the same file names, or the layout of
//! nnU-Net (`layout`).
//!
//! Each page of a stack, and each slice of a NIfTI volume, forms a pair with the same page of its mask. Names are compared
//! without extension and independent of the encoding of accents. Subjects, which are never both trained and tested on, are
//! in `subjects`; the meaning of mask values is in `masks`.

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
    fs, io,
    path::{Path, PathBuf},
};

const ENDINGS: [&str; 9] = [
    "png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "nii", "nii.gz",
];
const TRIED: &str = "read the dataset";

/// An image and its mask, not loaded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetPair {
    /// File name without extension.
    pub name: String,
    /// The image file.
    pub image: PathBuf,
    /// 0-based page or slice of image and mask.
    pub frame: u32,
    /// The mask file.
    pub mask: PathBuf,
    /// The subject of the image.
    pub subject: String,
    /// How the values of the mask are converted, the same for all masks of the folder.
    pub reading: ValueReading,
}

impl DatasetPair {
    /// Where the pixels of the image are stored.
    pub fn image_source(&self) -> Source {
        Source {
            path: self.image.clone(),
            frame: self.frame,
        }
    }

    /// Loads image and mask and checks that their sizes are equal.
    pub fn load_image_and_mask(&self) -> Result<(Image, Mask)> {
        let source = self.image_source();
        let image = open::load_slice(&source, Kind::Picture)?;
        let size = image.columns_and_rows();
        let (mask, note) = label_file::read_on(
            &self.mask,
            self.frame,
            self.reading,
            &MaskOf { source, size },
        )?;
        note.iter()
            .for_each(|note| log::warn!("{}: {note}", self.mask.display()));
        let mask_size = mask.columns_and_rows();
        let image_size = image.columns_and_rows();
        if mask_size != image_size {
            let [mask, image] =
                [mask_size, image_size].map(|(columns, rows)| format!("{columns} x {rows}"));
            let reason = format!(
                "the mask has {mask} pixels, but \"{}\" has {image}",
                self.image.display()
            );
            return Err(Error::at_path("use the mask", &self.mask, reason)
                .with_advice("Save the mask in the size of its image."));
        }
        Ok((image, mask))
    }
}

/// User options for reading a folder. The serialised ones affect the pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FolderOptions {
    /// Mask pixels with at least this value are label 1, all others background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u16>,
    /// Which part of a file name identifies the subject.
    #[serde(skip)]
    pub subject_pattern: Option<SubjectPattern>,
}

/// A folder of pairs.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folder.
    pub folder: PathBuf,
    /// The pairs, in order of their names.
    pub pairs: Vec<DatasetPair>,
    /// The labels of the mask values.
    pub labels: FolderLabels,
    /// Remarks for the user.
    pub notes: Vec<String>,
}

/// Reads the contents of a folder: its pairs, their subjects and the meaning of the mask values. Masks without an image are
/// ignored.
///
/// # Errors
/// If a folder is missing or has no images, an image has no mask, two files have the same name, a table or label list cannot
/// be read, or mask values are not labels.
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
    /// Refuses a folder with a single subject, because nothing could be held out.
    pub fn refuse_one_subject(&self, tried: &str) -> Result<()> {
        let subjects: BTreeSet<&str> = self
            .pairs
            .iter()
            .map(|pair| pair.subject.as_str())
            .collect();
        match (subjects.first(), subjects.len()) {
            (Some(subject), 1) => {
                let images = match self.pairs.len() {
                    1 => "the folder has only one image".to_owned(),
                    count => format!("all {count} images belong to one subject, \"{subject}\""),
                };
                let reason = format!("{images}, so nothing is left for the hold-out set");
                Err(Error::at_path(tried, &self.folder, reason).with_advice(subjects::ADVICE))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the wanted subjects exist, as a typing error would hold out nothing. Returns them with composed accents.
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
                    "no image belongs to subject \"{unknown}\"; existing subjects are, for \
                     example, {}",
                    some.join(", ")
                );
                Err(Error::at_path(tried, &self.folder, reason).with_advice(subjects::ADVICE))
            }
            None => Ok(wanted),
        }
    }
}

/// The pairs of a folder in order of their names, and remarks for the user. Subjects are not known yet; the file name takes
/// their place.
fn list_pairs(layout: &FolderLayout) -> Result<(Vec<DatasetPair>, Vec<String>)> {
    let images = pictures_by_name(&layout.images)?;
    let masks = pictures_by_name(&layout.masks)?;
    let mut pairs = Vec::new();
    let mut channels = 0;
    for (name, image) in images {
        let (case, channel) = layout.mask_and_channel(&name);
        if channel > 0 {
            channels += 1;
            continue;
        }
        let mask = masks.get(case).cloned().ok_or_else(|| {
            let reason = format!("there is no mask for it in \"{}\"", layout.masks.display());
            Error::at_path("use the image", &image, reason)
                .with_advice("Add a mask with the same name, or remove the image.")
        })?;
        let name = case.to_owned();
        let subject = case.to_owned();
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
            Error::at_path(TRIED, &layout.images, "the folder contains no images")
                .with_advice("Put PNG, JPEG, TIFF, BMP, WebP or NIfTI files there."),
        );
    }
    let images = if channels == 1 {
        "1 image was".to_owned()
    } else {
        format!("{channels} images were")
    };
    let left_out = format!("{images} skipped: only the first channel (_0000) is used");
    Ok((
        pairs,
        (channels > 0).then_some(left_out).into_iter().collect(),
    ))
}

/// Splits a pair into one for each page of a stack or slice of a volume.
fn each_slice(pair: DatasetPair) -> Result<Vec<DatasetPair>> {
    let [image, mask] = [frame_numbers(&pair.image)?, frame_numbers(&pair.mask)?];
    if image.len() < 2 && mask.len() < 2 {
        return Ok(vec![pair]);
    }
    if image != mask {
        let reason = format!(
            "the mask has {}, but \"{}\" has {}",
            page_count_text(&mask),
            pair.image.display(),
            page_count_text(&image)
        );
        return Err(Error::at_path("use the mask", &pair.mask, reason)
            .with_advice("Save a mask for each page or slice, all in one file."));
    }
    let slices = image.into_iter().map(|frame| DatasetPair {
        name: format!("{}-{:04}", pair.name, frame + 1),
        frame,
        ..pair.clone()
    });
    Ok(slices.collect())
}

/// The page numbers of a stack or slice numbers of a volume; just 0 for other image files.
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

/// The name of a file without extension, and the extension in lower case; `None` if it is not that of an image file.
fn split_extension(path: &Path) -> Option<(String, &'static str)> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let small = name.to_lowercase();
    let ending = ENDINGS
        .into_iter()
        .rev()
        .find(|ending| has_ending(&small, ending))?;
    Some((
        name.get(..name.len() - ending.len() - 1)?.to_owned(),
        ending,
    ))
}

/// True if the extension follows a non-empty name and a dot.
fn has_ending(file_name: &str, ending: &str) -> bool {
    file_name
        .strip_suffix(ending)
        .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
}

/// Lengths from the table of pixel spacings, for one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lengths {
    /// Row and column spacing in mm.
    pub pixel_spacing: f64,
    /// Circumference of the structure to segment, measured by a person, in mm.
    pub circumference: Option<f64>,
}

/// Reads the optional table `FOLDER/pixel_spacing_mm.csv` with the columns `name` (without extension), `pixel_spacing_mm` and
/// optionally `head_circumference_mm`.
///
/// # Errors
/// If the columns are missing, or lengths are not positive numbers.
pub fn read_lengths(folder: &Path) -> Result<HashMap<String, Lengths>> {
    let path = folder.join("pixel_spacing_mm.csv");
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let mut table = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(&path)
        .map_err(|e| length_table_error(&path, e))?;
    let headers = table
        .headers()
        .map_err(|e| length_table_error(&path, e))?
        .clone();
    let (Some(name), Some(spacing)) = (
        column_with_title(&headers, "name"),
        column_with_title(&headers, "pixel_spacing_mm"),
    ) else {
        return Err(length_table_error(&path, "a required column is missing"));
    };
    let circumference = column_with_title(&headers, "head_circumference_mm");
    let mut lengths = HashMap::new();
    for record in table.records() {
        let record = record.map_err(|e| length_table_error(&path, e))?;
        let named = record.get(name).unwrap_or_default();
        let spacing_text = record.get(spacing).unwrap_or_default();
        let pixel_spacing = parse_length(spacing_text, named, &path)?;
        let circumference = circumference
            .map(|column| record.get(column).unwrap_or_default())
            .map(|text| parse_length(text, named, &path))
            .transpose()?;
        let all = Lengths {
            pixel_spacing,
            circumference,
        };
        lengths.insert(normalized_stem(named), all);
    }
    Ok(lengths)
}

fn length_table_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("read the table", path, reason)
        .with_advice("Its first line must be \"name,pixel_spacing_mm\".")
}

fn column_with_title(headers: &csv::StringRecord, title: &str) -> Option<usize> {
    headers
        .iter()
        .position(|header| header.trim_start_matches('\u{feff}') == title)
}

/// Parses a length of the image `named`, in mm. Fails if it is not a positive number.
fn parse_length(text: &str, named: &str, table: &Path) -> Result<f64> {
    text.parse()
        .ok()
        .filter(|length: &f64| length.is_finite() && *length > 0.0)
        .ok_or_else(|| {
            let reason = format!("the length \"{text}\" of \"{named}\" is not a positive number");
            length_table_error(table, reason)
        })
}

/// A file name without image extension, with composed accents.
fn normalized_stem(name: &str) -> String {
    split_extension(Path::new(name))
        .map_or_else(|| compose_accents(name), |(stem, _)| compose_accents(&stem))
}

/// The image files of a folder by name without extension; hidden and other files are skipped.
fn pictures_by_name(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => folder_error(folder, "folder not found"),
        _ => folder_error(folder, labrum_core::reason_of(&e)),
    })? {
        let path = entry.map_err(|e| folder_error(folder, e))?.path();
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

fn folder_error(folder: &Path, reason: impl ToString) -> Error {
    Error::at_path(TRIED, folder, reason)
        .with_advice("Choose a folder that contains the folders \"images\" and \"masks\".")
}
