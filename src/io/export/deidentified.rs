//! De-identifies a series: writes de-identified copies of its images and returns the series of these copies, so that later
//! outputs refer to them.

use super::png::write_picture;
use crate::{Error, Result, io::open};
use labrum_core::{
    progress::Cancel,
    study::{Kind, SHARED, Series, Slice, Source},
    whole_file,
};
use labrum_dicom::deidentify::{Deidentification, Deidentified};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
};

/// A de-identified series.
#[derive(Clone, Debug)]
pub struct DeidentifiedSeries {
    /// The same slices in the same order, in the new files.
    pub series: Series,
    /// The new files.
    pub files: Vec<PathBuf>,
    /// Warnings for the user, each once with the number of affected files.
    pub warnings: Vec<String>,
}

/// The subfolder of `folder` for the images of `series`. It is named by the new id, never by an original name.
fn images_folder(folder: &Path, series: &Series, how: &Deidentification) -> PathBuf {
    folder.join("images").join(new_id(series, how))
}

/// The paths of the files that [`deidentify_series`] will write.
pub fn planned_images(folder: &Path, series: &Series, how: &Deidentification) -> Vec<PathBuf> {
    let images = images_folder(folder, series, how);
    let count = file_sources(series).len();
    (1..=count)
        .map(|number| images.join(file_name(series, number)))
        .collect()
}

/// Writes de-identified copies of all files of `series` below `folder`.
///
/// # Errors
/// If a file cannot be read completely or written, or if it is cancelled.
pub fn deidentify_series(
    folder: &Path,
    series: &Series,
    how: &Deidentification,
    progress: &mut dyn FnMut(),
    cancel: &Cancel,
) -> Result<DeidentifiedSeries> {
    let images = images_folder(folder, series, how);
    whole_file::make_folder(&images)?;
    let mut files = Vec::new();
    let mut new: HashMap<(&Path, u32), (PathBuf, String)> = HashMap::new();
    let mut warnings: BTreeMap<String, usize> = BTreeMap::new();
    for (number, source) in (1..).zip(file_sources(series)) {
        if cancel.is_cancelled() {
            return Err(Error::new("de-identify the images", "cancelled"));
        }
        let out = images.join(file_name(series, number));
        let done = match series.kind {
            Kind::Dicom => how.write_file(&source.path, &out)?,
            Kind::Picture => deidentify_picture(source, &out)?,
        };
        done.warnings
            .into_iter()
            .for_each(|warning| *warnings.entry(warning).or_default() += 1);
        files.push(out.clone());
        new.insert(file_of(series, source), (out, done.sop_instance_uid));
        progress();
    }
    let slices = series.slices.iter().filter_map(|slice| {
        let (path, uid) = new.get(&file_of(series, &slice.source))?;
        // Each page of an image file becomes a separate file.
        let frame = if series.kind == Kind::Dicom {
            slice.source.frame
        } else {
            0
        };
        Some(Slice {
            source: Source {
                path: path.clone(),
                frame,
            },
            sop_instance_uid: slice
                .sop_instance_uid
                .as_ref()
                .filter(|_| !uid.is_empty())
                .map(|old| {
                    // Images that share a UID share the new one.
                    old.split_once(SHARED)
                        .map_or_else(|| uid.clone(), |(_, own)| format!("{uid}{SHARED}{own}"))
                }),
            ..slice.clone()
        })
    });
    let series = Series {
        id: if series.kind == Kind::Dicom {
            new_id(series, how)
        } else {
            new_path(&files)
        },
        description: String::new(),
        date: String::new(),
        time: String::new(),
        frame_of_reference_uid: series
            .frame_of_reference_uid
            .as_ref()
            .map(|uid| how.key.replacement_uid(uid)),
        slices: slices.collect(),
        ..series.clone()
    };
    Ok(DeidentifiedSeries {
        series,
        files,
        warnings: warnings
            .into_iter()
            .map(|(warning, count)| warning_of_files(warning, count))
            .collect(),
    })
}

/// A warning with the number of files that caused it.
fn warning_of_files(warning: String, count: usize) -> String {
    if count > 1 {
        format!("{count} files: {warning}")
    } else {
        warning
    }
}

fn new_path(files: &[PathBuf]) -> String {
    files
        .first()
        .map(|path| path.display().to_string())
        .unwrap_or_default()
}

/// The id of the new series; a suffix for a part of a split series is kept.
fn new_id(series: &Series, how: &Deidentification) -> String {
    match series.id.split_once('#') {
        Some((uid, part)) => format!("{}#{part}", how.key.replacement_uid(uid)),
        None => how.key.replacement_uid(&series.id),
    }
}

/// The sources that each become one file: every DICOM file once, and every page of an image file, in the order of slices.
fn file_sources(series: &Series) -> Vec<&Source> {
    let mut seen = HashSet::new();
    series
        .slices
        .iter()
        .map(|slice| &slice.source)
        .filter(|source| seen.insert(file_of(series, source)))
        .collect()
}

fn file_of<'a>(series: &Series, source: &'a Source) -> (&'a Path, u32) {
    (
        &source.path,
        if series.kind == Kind::Dicom {
            0
        } else {
            source.frame
        },
    )
}

fn file_name(series: &Series, number: usize) -> String {
    let ending = if series.kind == Kind::Dicom {
        "dcm"
    } else {
        "png"
    };
    format!("{number:04}.{ending}")
}

/// Copies only the pixels of an image file, without metadata such as EXIF and text.
fn deidentify_picture(source: &Source, out: &Path) -> Result<Deidentified> {
    let image = open::load_slice(source, Kind::Picture)?;
    write_picture(out, &image)?;
    let warning = "the image may contain burned-in text, which is not removed: check it";
    Ok(Deidentified {
        sop_instance_uid: String::new(),
        warnings: vec![warning.into()],
    })
}
