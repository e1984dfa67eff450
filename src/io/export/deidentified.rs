//! A series whose files lost the patient: its images written anew, and the series as its own description then is. What is
//! made of that series afterwards refers to the new files by itself.

use super::png::write_picture;
use crate::{Error, Result, io::open};
use labrum_core::{
    progress::Cancel,
    study::{Kind, SHARED, Series, Slice, Source},
    whole_file,
};
use labrum_dicom::deidentify::{Deidentification, Deidentified};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

/// The series without its patient.
#[derive(Clone, Debug)]
pub struct DeidentifiedSeries {
    /// The same slices in the same order, in the new files.
    pub series: Series,
    /// The new files.
    pub files: Vec<PathBuf>,
    /// What a person should look at, each once, with how many files it is about.
    pub warnings: Vec<String>,
}

/// The folder below `folder` that the images of `series` go to: named by the new series, never by an old name.
fn images_folder(folder: &Path, series: &Series, how: &Deidentification) -> PathBuf {
    folder.join("images").join(new_id(series, how))
}

/// The files that [`deidentify_series`] will write.
pub fn planned_images(folder: &Path, series: &Series, how: &Deidentification) -> Vec<PathBuf> {
    let images = images_folder(folder, series, how);
    let count = file_sources(series).len();
    (1..=count)
        .map(|number| images.join(file_name(series, number)))
        .collect()
}

/// Writes all files of `series` without the patient below `folder`.
///
/// # Errors
/// Where a file cannot be read whole or written, and where it is stopped.
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
            return Err(Error::new("remove the patient", "it was stopped"));
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
        // Each page of a picture has a file of its own now.
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
        frame_of_reference_uid: series
            .frame_of_reference_uid
            .as_ref()
            .map(|uid| how.key.replacement_uid(uid)),
        slices: slices.collect(),
        ..series.clone()
    };
    let many = |(warning, count): (String, usize)| {
        if count > 1 {
            format!("{count} files: {warning}")
        } else {
            warning
        }
    };
    Ok(DeidentifiedSeries {
        series,
        files,
        warnings: warnings.into_iter().map(many).collect(),
    })
}

fn new_path(files: &[PathBuf]) -> String {
    files
        .first()
        .map(|path| path.display().to_string())
        .unwrap_or_default()
}

/// The id of the new series, with what stands behind that of a part of a split one.
fn new_id(series: &Series, how: &Deidentification) -> String {
    match series.id.split_once('#') {
        Some((uid, part)) => format!("{}#{part}", how.key.replacement_uid(uid)),
        None => how.key.replacement_uid(&series.id),
    }
}

/// What becomes a file: each DICOM file once, and each page of a picture, in the order of the slices.
fn file_sources(series: &Series) -> Vec<&Source> {
    let mut seen = std::collections::HashSet::new();
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

/// A picture's pixels alone: what else its file says (EXIF, text) is left behind.
fn deidentify_picture(source: &Source, out: &Path) -> Result<Deidentified> {
    let image = open::load_slice(source, Kind::Picture)?;
    write_picture(out, &image)?;
    let warning = "the image may contain burned-in text, which is not removed: check it";
    Ok(Deidentified {
        sop_instance_uid: String::new(),
        warnings: vec![warning.into()],
    })
}
