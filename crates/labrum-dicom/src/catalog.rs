//! Headers of DICOM files to studies and series.

use super::{
    dataset::DataSet,
    diffusion::Diffusion,
    file::{DicomFile, Unreadable},
    frames::{self, FrameExtent},
    geometry,
    header::PixelHeader,
    overlay, pixels, same_uid,
    split::{StackFrame, TIMES, into_stacks},
    text::decoded_text,
    uids::{has_masks, is_image, non_image_name},
};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::{
    Error, Result,
    guard::catch_panic,
    study::{Catalog, Kind, PassedOver, SHARED, Series, Slice, Source, Study},
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, path::Path};
use walkdir::WalkDir;

/// What a look at a file showed.
pub enum FileContent {
    /// An image that can be shown.
    Image(Box<Instance>),
    /// DICOM, but nothing to show: the reason.
    NoImage(String),
    /// The same, but masks can be taken from it.
    Masks(String),
    /// An image that cannot be shown: the reason.
    Broken(String),
    /// Something else.
    NotDicom,
}

/// An image file without its pixels.
#[derive(Serialize, Deserialize)]
pub struct Instance {
    study: Study,
    series: Series,
    sop_instance_uid: Option<String>,
    frames: Vec<StackFrame>,
}

impl Instance {
    /// SOP Instance UID.
    pub(super) fn sop_uid(&self) -> Option<&str> {
        self.sop_instance_uid.as_deref()
    }

    pub(super) fn file_path(&self) -> Option<&Path> {
        self.frames.first().map(|f| f.slice.source.path.as_path())
    }

    /// Its series, and where and when its frames were taken.
    pub(super) fn series_and_frames_text(&self) -> String {
        // Without a Series Instance UID, the path stands for it.
        let named = self
            .file_path()
            .is_none_or(|path| self.series.id != path.display().to_string());
        let series = if named { self.series.id.as_str() } else { "" };
        let frame = |f: &StackFrame| {
            format!(
                "{:?} {:?} {:?} {:?}",
                f.slice.plane, f.slice.instance_number, f.times, f.diffusion
            )
        };
        let frames: Vec<String> = self.frames.iter().map(frame).collect();
        format!("{series}\n{}", frames.join("\n"))
    }

    /// The same with something behind its UID, which it shares.
    pub(super) fn with_uid_suffix(mut self, own: &str) -> Self {
        let name = self
            .sop_instance_uid
            .map(|uid| format!("{uid}{SHARED}{own}"));
        self.frames
            .iter_mut()
            .for_each(|f| f.slice.sop_instance_uid.clone_from(&name));
        Self {
            sop_instance_uid: name,
            ..self
        }
    }
}

/// Studies and series of all that lies at a path: a file, or a folder with its folders. Headers are read, no pixels.
///
/// For programs that read what they trust: nothing is read in a child process.
///
/// # Errors
/// Where there is no such path, or a folder in it cannot be listed.
pub fn scan_path(path: &Path) -> Result<Catalog> {
    let mut files = Vec::new();
    for entry in WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::at_path("open", path, error))?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    let (mut instances, mut passed_over) = (Vec::new(), Vec::new());
    for path in files {
        let look = catch_panic(|| read_file_header(&path))
            .unwrap_or_else(|| FileContent::Broken("it is damaged".into()));
        let (reason, is_failure, has_masks) = match look {
            FileContent::Image(instance) => {
                instances.push(*instance);
                continue;
            }
            FileContent::NoImage(reason) => (reason, false, false),
            FileContent::Masks(reason) => (reason, false, true),
            FileContent::Broken(reason) => (reason, true, false),
            FileContent::NotDicom => ("it is no DICOM file".into(), false, false),
        };
        passed_over.push(PassedOver {
            path,
            reason,
            is_failure,
            has_masks,
        });
    }
    let mut digest = |path: &Path| catch_panic(|| pixels::content_digest(path)).flatten();
    let studies = assemble_studies(instances, &mut digest, &mut |copy, first| {
        let reason = format!("the same instance as {}", first.display());
        passed_over.push(PassedOver {
            path: copy.to_owned(),
            reason,
            is_failure: false,
            has_masks: false,
        });
    });
    Ok(Catalog {
        studies,
        passed_over,
    })
}

/// Reads the header of a file, and no pixels.
pub fn read_file_header(path: &Path) -> FileContent {
    let mut file = match DicomFile::open(path) {
        Ok(file) => file,
        Err(Unreadable::NotDicom) => return FileContent::NotDicom,
        Err(Unreadable::Failed(reason)) => return FileContent::Broken(reason),
    };
    if let Some(name) = non_image_name(&file.sop_class) {
        let reason = format!("not an image ({name})");
        return if has_masks(&file.sop_class) {
            FileContent::Masks(reason)
        } else {
            FileContent::NoImage(reason)
        };
    }
    if file.pixels.is_none() {
        return match &file.broken {
            Some(reason) => FileContent::Broken(format!("it is damaged: {reason}")),
            None if file.data.has_value(tags::DIRECTORY_RECORD_SEQUENCE) => {
                FileContent::NoImage("not an image (DICOMDIR)".into())
            }
            None if file.data.has_value(tags::ROWS) => {
                FileContent::Broken("it is an image without pixel data".into())
            }
            None if is_image(&file.sop_class) => {
                FileContent::Broken("it ends before its pixel data".into())
            }
            None => FileContent::NoImage("not an image (no pixel data)".into()),
        };
    }
    let checked = PixelHeader::from_file(&file)
        .and_then(|header| Ok((frames::verify_extent(&mut file, &header)?, header)));
    match checked {
        Ok((extent, header)) => {
            FileContent::Image(Box::new(build_instance(path, &file, &header, &extent)))
        }
        Err(reason) => FileContent::Broken(reason),
    }
}

fn build_instance(
    path: &Path,
    file: &DicomFile,
    header: &PixelHeader,
    extent: &FrameExtent,
) -> Instance {
    let data = &file.data;
    let charset = data.text_values(tags::SPECIFIC_CHARACTER_SET);
    let words = |tag| decoded_text(data, tag, &charset);
    let folder = path.parent().unwrap_or(path).display().to_string();
    let study = Study {
        id: data.text_value(tags::STUDY_INSTANCE_UID).unwrap_or(folder),
        description: words(tags::STUDY_DESCRIPTION),
        date: format_date(&data.text_value(tags::STUDY_DATE).unwrap_or_default()),
        patient_id: words(tags::PATIENT_ID),
        patient_name: words(tags::PATIENT_NAME)
            .trim_end_matches(['^', '='])
            .replace('^', " "),
        series: Vec::new(),
    };
    let series = Series {
        id: data
            .text_value(tags::SERIES_INSTANCE_UID)
            .unwrap_or_else(|| path.display().to_string()),
        kind: Kind::Dicom,
        modality: data
            .text_value(tags::MODALITY)
            .unwrap_or_else(|| "OT".into()),
        description: words(tags::SERIES_DESCRIPTION),
        number: data.integer_value(tags::SERIES_NUMBER),
        body_part: data
            .text_value(tags::BODY_PART_EXAMINED)
            .unwrap_or_default()
            .to_uppercase(),
        transfer_syntax: file.transfer_syntax.clone(),
        sop_class: file.sop_class.clone(),
        frame_of_reference_uid: data.text_value(tags::FRAME_OF_REFERENCE_UID),
        columns: header.columns,
        rows: header.rows,
        color: header.is_color(),
        slices: Vec::new(),
        notes: Vec::new(),
    };
    let sop_instance_uid = data.text_value(tags::SOP_INSTANCE_UID);
    let overlays = overlay::are_in(data);
    let regions = geometry::ultrasound_regions(data);
    let frames = (0..extent.frames).map(|frame| {
        let slice = Slice {
            source: Source {
                path: path.to_owned(),
                frame,
            },
            sop_instance_uid: sop_instance_uid.clone(),
            instance_number: data.integer_value(tags::INSTANCE_NUMBER),
            plane: geometry::frame_plane(data, frame as usize, header.frames),
            spacing: geometry::pixel_spacing(data, frame as usize),
            regions: regions.clone(),
        };
        let is_loop = header.frames > 1 && slice.plane.is_none();
        StackFrame {
            slice,
            clip: is_loop.then(|| path.into()),
            size: (header.columns, header.rows),
            color: header.is_color(),
            image_type: data.text_value(tags::IMAGE_TYPE).unwrap_or_default(),
            times: frame_times(data, frame as usize),
            diffusion: Diffusion::from_dataset(data, frame as usize),
            tilt: data.numeric_value(tags::GANTRY_DETECTOR_TILT),
            is_short: extent.last_is_short && frame + 1 == extent.frames,
            missing_behind: if frame + 1 == extent.frames {
                header.frames - extent.frames
            } else {
                0
            },
            has_overlays: overlays,
        }
    });
    let frames = frames.collect();
    Instance {
        study,
        series,
        sop_instance_uid,
        frames,
    }
}

/// A value for each of [`TIMES`].
fn frame_times(data: &DataSet, frame: usize) -> [Option<f64>; TIMES.len()] {
    let of = |macro_tag, tag: Tag| {
        geometry::functional_group(data, frame, macro_tag).and_then(|item| item.numeric_value(tag))
    };
    let clock = |date: Tag, time: Tag| {
        let day = data
            .text_value(date)
            .and_then(|d| d.replace('.', "").parse::<f64>().ok())
            .unwrap_or(0.0);
        Some(day * 86_400.0 + parse_seconds(&data.text_value(time)?)?)
    };
    let frame_clock = || {
        let content = geometry::functional_group(data, frame, tags::FRAME_CONTENT_SEQUENCE)?;
        let moment = content.text_value(tags::FRAME_ACQUISITION_DATE_TIME)?;
        Some(moment.get(..8)?.parse::<f64>().ok()? * 86_400.0 + parse_seconds(moment.get(8..)?)?)
    };
    [
        of(tags::FRAME_CONTENT_SEQUENCE, tags::TEMPORAL_POSITION_INDEX)
            .or_else(|| data.numeric_value(tags::TEMPORAL_POSITION_IDENTIFIER)),
        of(
            tags::CARDIAC_SYNCHRONIZATION_SEQUENCE,
            tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME,
        )
        .or_else(|| data.numeric_value(tags::TRIGGER_TIME)),
        of(tags::MR_ECHO_SEQUENCE, tags::EFFECTIVE_ECHO_TIME)
            .or_else(|| data.numeric_value(tags::ECHO_TIME)),
        of(tags::MR_DIFFUSION_SEQUENCE, tags::DIFFUSION_B_VALUE)
            .or_else(|| data.numeric_value(tags::DIFFUSION_B_VALUE)),
        of(tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_NUMBER)
            .or_else(|| data.numeric_value(tags::ACQUISITION_NUMBER)),
        frame_clock().or_else(|| clock(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME)),
        clock(tags::CONTENT_DATE, tags::CONTENT_TIME),
        data.numeric_value(tags::INSTANCE_NUMBER)
            .map(|number| number * 1e5 + frame as f64),
    ]
}

/// HHMMSS.FFFFFF, or HH:MM:SS of old, as seconds of the day.
fn parse_seconds(time: &str) -> Option<f64> {
    let time = time.replace(':', "");
    let part = |range: std::ops::Range<usize>| {
        time.get(range).map_or(Some(0.0), |p| p.parse::<f64>().ok())
    };
    let rest = time
        .get(4..)
        .filter(|rest| !rest.is_empty())
        .map_or(Some(0.0), |rest| rest.parse().ok());
    Some(part(0..2)? * 3600.0 + part(2..4)? * 60.0 + rest?)
}

/// YYYYMMDD, or YYYY.MM.DD of old, as YYYY-MM-DD.
fn format_date(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 8 {
        return String::new();
    }
    let (year, month, day) = (&digits[..4], &digits[4..6], &digits[6..]);
    let exists = ("01"..="12").contains(&month) && ("01"..="31").contains(&day);
    if exists {
        format!("{year}-{month}-{day}")
    } else {
        String::new()
    }
}

/// A series with all of its frames.
type Unsplit = (Series, Vec<StackFrame>);

/// Puts instances together. Copies of one are told to `copy` with the one that stays; `digest` tells the pixels of files
/// that carry one UID apart.
pub fn assemble_studies(
    instances: Vec<Instance>,
    digest: &mut dyn FnMut(&Path) -> Option<String>,
    copy: &mut dyn FnMut(&Path, &Path),
) -> Vec<Study> {
    let mut studies: Vec<(Study, Vec<Unsplit>)> = Vec::new();
    let mut study_places: HashMap<String, usize> = HashMap::new();
    let mut series_places: HashMap<(usize, String), usize> = HashMap::new();
    for Instance {
        study,
        series,
        frames,
        ..
    } in same_uid::tell_apart(instances, digest, copy)
    {
        if frames.is_empty() {
            continue;
        }
        let place = *study_places.entry(study.id.clone()).or_insert_with(|| {
            studies.push((study, Vec::new()));
            studies.len() - 1
        });
        let all = &mut studies[place].1;
        let index = *series_places
            .entry((place, series.id.clone()))
            .or_insert_with(|| {
                all.push((series, Vec::new()));
                all.len() - 1
            });
        all[index].1.extend(frames);
    }
    let finish = |(mut study, all): (Study, Vec<Unsplit>)| {
        study.series = all
            .into_iter()
            .flat_map(|(series, frames)| split_into_stacks(series, frames))
            .collect();
        study.series.sort_by_key(|s| s.number.unwrap_or(i64::MAX));
        study
    };
    studies.into_iter().map(finish).collect()
}

fn split_into_stacks(series: Series, frames: Vec<StackFrame>) -> Vec<Series> {
    let stacks = into_stacks(frames);
    let several = stacks.len() > 1;
    let make = |(index, stack): (usize, super::split::FrameStack)| {
        let (columns, rows) = stack.frames.first().map_or((0, 0), |f| f.size);
        let mut one = Series {
            columns,
            rows,
            notes: stack.notes,
            ..series.clone()
        };
        one.color = stack.frames.first().is_some_and(|f| f.color);
        one.slices = stack.frames.into_iter().map(|f| f.slice).collect();
        if one.slices.iter().any(Slice::shares_its_uid) {
            one.notes.insert(0, same_uid::REMARK.into());
        }
        if several {
            one.id = format!("{}#{}", series.id, index + 1);
            let described = !series.description.is_empty();
            one.description = if described {
                format!("{}, {}", series.description, stack.name)
            } else {
                stack.name
            };
        }
        one
    };
    stacks.into_iter().enumerate().map(make).collect()
}

#[cfg(test)]
mod tests {
    use super::{format_date, parse_seconds};

    #[test]
    fn old_and_new_dates_and_times_are_read() {
        assert_eq!(format_date("20240131"), "2024-01-31");
        assert_eq!(format_date("2024.01.31"), "2024-01-31");
        assert_eq!(format_date("unknown"), "");
        assert_eq!(format_date("20120000"), "");
        assert_eq!(parse_seconds("010203.5"), Some(3723.5));
        assert_eq!(parse_seconds("01:02:03"), Some(3723.0));
        assert_eq!(parse_seconds("1230"), Some(45_000.0));
    }
}
