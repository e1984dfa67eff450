//! Builds studies and series from the headers of DICOM files.

mod same_uid;

use super::{
    dataset::DataSet,
    diffusion::Diffusion,
    file::{DicomFile, Unreadable},
    frames::{self, FrameExtent},
    geometry,
    header::PixelHeader,
    moments::{self, clock_seconds, display_date, display_time, frame_clock_seconds},
    overlay, pixels,
    presentation::{attach_states, is_grey_state, read_state},
    split::{FrameStack, StackFrame, TIMES, into_stacks},
    text::decoded_text,
    uids::{has_masks, is_image, non_image_name},
};
use dicom_dictionary_std::tags;
use labrum_core::{
    Error, Result,
    cine::TimePoint,
    guard::catch_panic,
    patient::Patient,
    presentation::PresentationState,
    study::{Catalog, Kind, PassedOver, SHARED, Series, Slice, Source, Study},
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, path::Path};
use walkdir::WalkDir;

/// What the header of a file says it contains.
pub enum FileContent {
    /// An image that can be opened.
    Image(Box<Instance>),
    /// A DICOM object that is not an image, with the reason.
    NoImage(String),
    /// A DICOM object that is not an image but contains masks, with the reason.
    Masks(String),
    /// A presentation state, which says how other images are shown.
    Presentation(Box<PresentationState>),
    /// An image that cannot be opened, with the reason.
    Broken(String),
    /// Not a DICOM file.
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

    /// Text that identifies its series and the positions and times of its frames.
    pub(super) fn series_and_frames_text(&self) -> String {
        // Without a Series Instance UID, the path is the id of the series.
        let named = self
            .file_path()
            .is_none_or(|path| self.series.id != path.display().to_string());
        let series = if named { self.series.id.as_str() } else { "" };
        let frames: Vec<String> = self.frames.iter().map(place_and_time_text).collect();
        format!("{series}\n{}", frames.join("\n"))
    }

    /// Appends `own` to the SOP Instance UID, which other images share.
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

/// Position and times of a frame, used only to compare frames.
fn place_and_time_text(frame: &StackFrame) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        frame.slice.plane, frame.slice.instance_number, frame.times, frame.diffusion
    )
}

/// Finds all studies and series at a path: a file, or a folder searched recursively. Reads headers only, no pixels.
///
/// Files are read in this process, not in a child process: use it only for files that are trusted.
///
/// # Errors
/// If the path does not exist or a folder cannot be listed.
pub fn scan_path(path: &Path) -> Result<Catalog> {
    let mut files = Vec::new();
    for entry in WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(|error| Error::at_path("open", path, error))?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    let mut instances = Vec::new();
    let mut passed_over = Vec::new();
    let mut states = Vec::new();
    for path in files {
        let look = catch_panic(|| read_file_header(&path))
            .unwrap_or_else(|| FileContent::Broken("the file is damaged".into()));
        let (reason, is_failure, has_masks) = match look {
            FileContent::Image(instance) => {
                instances.push(*instance);
                continue;
            }
            FileContent::Presentation(state) => {
                states.push((path, *state));
                continue;
            }
            FileContent::NoImage(reason) => (reason, false, false),
            FileContent::Masks(reason) => (reason, false, true),
            FileContent::Broken(reason) => (reason, true, false),
            FileContent::NotDicom => ("not a DICOM file".into(), false, false),
        };
        passed_over.push(PassedOver {
            path,
            reason,
            is_failure,
            has_masks,
        });
    }
    let mut studies = assemble_studies(instances, &mut guarded_digest, &mut |copy, first| {
        let reason = format!("duplicate of {}", first.display());
        passed_over.push(PassedOver {
            path: copy.to_owned(),
            reason,
            is_failure: false,
            has_masks: false,
        });
    });
    passed_over.extend(attach_states(&mut studies, states));
    Ok(Catalog {
        studies,
        passed_over,
    })
}

/// Hash of the pixels of a file; `None` if they cannot be read or the decoder panics.
fn guarded_digest(path: &Path) -> Option<String> {
    catch_panic(|| pixels::content_digest(path)).flatten()
}

/// Reads the header of a file, without the pixels.
pub fn read_file_header(path: &Path) -> FileContent {
    let mut file = match DicomFile::open(path) {
        Ok(file) => file,
        Err(Unreadable::NotDicom) => return FileContent::NotDicom,
        Err(Unreadable::Failed(reason)) => return FileContent::Broken(reason),
    };
    if is_grey_state(&file.sop_class) {
        return match read_state(&mut file) {
            Ok(state) => FileContent::Presentation(Box::new(state)),
            Err(reason) => FileContent::NoImage(reason),
        };
    }
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
            Some(reason) => FileContent::Broken(format!("the file is damaged: {reason}")),
            None if file.data.has_value(tags::DIRECTORY_RECORD_SEQUENCE) => {
                FileContent::NoImage("not an image (DICOMDIR)".into())
            }
            None if file.data.has_value(tags::ROWS) => {
                FileContent::Broken("the image has no pixel data".into())
            }
            None if is_image(&file.sop_class) => {
                FileContent::Broken("the file is truncated: it ends before the pixel data".into())
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
    let folder = path.parent().unwrap_or(path).display().to_string();
    let study = Study {
        id: data.text_value(tags::STUDY_INSTANCE_UID).unwrap_or(folder),
        description: decoded_text(data, tags::STUDY_DESCRIPTION, &charset),
        date: display_date(data, tags::STUDY_DATE),
        time: display_time(data, tags::STUDY_TIME),
        patient: patient_of(data, &charset),
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
        description: decoded_text(data, tags::SERIES_DESCRIPTION, &charset),
        number: data.integer_value(tags::SERIES_NUMBER),
        date: display_date(data, tags::SERIES_DATE),
        time: display_time(data, tags::SERIES_TIME),
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
        presentations: Vec::new(),
        time_point: None,
        cine: moments::cine_hint(data),
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
            thickness: geometry::slice_thickness(data, frame as usize),
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
            cine: series.cine,
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

fn patient_of(data: &DataSet, charset: &[String]) -> Patient {
    Patient {
        id: decoded_text(data, tags::PATIENT_ID, charset),
        name: decoded_text(data, tags::PATIENT_NAME, charset),
        birth_date: display_date(data, tags::PATIENT_BIRTH_DATE),
        sex: data.text_value(tags::PATIENT_SEX).unwrap_or_default(),
    }
}

/// The values of [`TIMES`] for a frame.
fn frame_times(data: &DataSet, frame: usize) -> [Option<f64>; TIMES.len()] {
    let content = geometry::functional_group(data, frame, tags::FRAME_CONTENT_SEQUENCE);
    let cardiac = geometry::functional_group(data, frame, tags::CARDIAC_SYNCHRONIZATION_SEQUENCE);
    let echo = geometry::functional_group(data, frame, tags::MR_ECHO_SEQUENCE);
    let diffusion = geometry::functional_group(data, frame, tags::MR_DIFFUSION_SEQUENCE);
    [
        content
            .and_then(|item| item.numeric_value(tags::TEMPORAL_POSITION_INDEX))
            .or_else(|| data.numeric_value(tags::TEMPORAL_POSITION_IDENTIFIER)),
        cardiac
            .and_then(|item| item.numeric_value(tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME))
            .or_else(|| data.numeric_value(tags::TRIGGER_TIME)),
        echo.and_then(|item| item.numeric_value(tags::EFFECTIVE_ECHO_TIME))
            .or_else(|| data.numeric_value(tags::ECHO_TIME)),
        diffusion
            .and_then(|item| item.numeric_value(tags::DIFFUSION_B_VALUE))
            .or_else(|| data.numeric_value(tags::DIFFUSION_B_VALUE)),
        content
            .and_then(|item| item.numeric_value(tags::FRAME_ACQUISITION_NUMBER))
            .or_else(|| data.numeric_value(tags::ACQUISITION_NUMBER)),
        content
            .and_then(frame_clock_seconds)
            .or_else(|| clock_seconds(data, tags::ACQUISITION_DATE, tags::ACQUISITION_TIME)),
        clock_seconds(data, tags::CONTENT_DATE, tags::CONTENT_TIME),
        data.numeric_value(tags::INSTANCE_NUMBER)
            .map(|number| number * 1e5 + frame as f64),
    ]
}

/// A series with all its frames, before it is split into stacks.
type Unsplit = (Series, Vec<StackFrame>);

/// Groups instances into studies and series. `copy` is called with each duplicate and the file that is kept; `digest`
/// hashes the pixels of a file, to compare files that share a UID.
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
    studies
        .into_iter()
        .map(|(study, all)| study_with_series(study, all))
        .collect()
}

/// Splits the series into stacks and adds them to their study, in order of Series Number.
fn study_with_series(mut study: Study, all: Vec<Unsplit>) -> Study {
    study.series = all
        .into_iter()
        .flat_map(|(series, frames)| split_into_stacks(series, frames))
        .collect();
    study.series.sort_by_key(|s| s.number.unwrap_or(i64::MAX));
    study
}

fn split_into_stacks(series: Series, frames: Vec<StackFrame>) -> Vec<Series> {
    let stacks = into_stacks(frames);
    let several = stacks.len() > 1;
    stacks
        .into_iter()
        .enumerate()
        .map(|(index, stack)| series_of_stack(&series, stack, several.then_some(index + 1)))
        .collect()
}

/// The series made from a stack; `number` is its 1-based index, `None` if it is the only stack.
fn series_of_stack(series: &Series, stack: FrameStack, number: Option<usize>) -> Series {
    let (columns, rows) = stack.frames.first().map_or((0, 0), |f| f.size);
    let mut one = Series {
        columns,
        rows,
        notes: stack.notes,
        ..series.clone()
    };
    one.color = stack.frames.first().is_some_and(|f| f.color);
    one.cine = stack.frames.first().map(|f| f.cine).unwrap_or_default();
    one.slices = stack.frames.into_iter().map(|f| f.slice).collect();
    if one.slices.iter().any(Slice::shares_its_uid) {
        one.notes.insert(0, same_uid::REMARK.into());
    }
    if let Some(number) = number {
        one.id = part_id(series, number);
        one.time_point = stack.time.map(|time| TimePoint {
            group: part_id(series, number.saturating_sub(time.index)),
            index: time.index,
            count: time.count,
        });
        let described = !series.description.is_empty();
        one.description = if described {
            format!("{}, {}", series.description, stack.name)
        } else {
            stack.name
        };
    }
    one
}

/// Series Instance UID, and the 1-based number of a stack among those of the series.
fn part_id(series: &Series, number: usize) -> String {
    format!("{}#{number}", series.id)
}
