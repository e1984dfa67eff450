//! Matches the images that a segmentation or structure set refers to with the slices of a series.

use crate::dataset::DataSet;
use dicom_dictionary_std::{tags, uids};
use labrum_core::{
    Error, ErrorKind,
    import::{Basis, MaskChoice},
    study::{Kind, Series},
};
use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

/// Advice if the masks lie at other positions than the images.
const OPEN_SOURCE: &str = "Open the series it was made from.";
/// Advice if the masks refer to other images.
const OPEN_SOURCE_OR_PLACE: &str =
    "Open the series it was made from, or use --by-position to match by patient coordinates.";
/// Advice if only the time point is ambiguous.
const CHOOSE_TIME: &str = "Choose the time point with --time N (1 is the first).";

/// SOP Instance UIDs, each with its 1-based frames; no frames means all.
pub type Sources = [(String, Vec<u32>)];

/// SOP Instance UID of a referenced image, with its 1-based frames.
pub(crate) fn uid_and_frames(image: &DataSet) -> Option<(String, Vec<u32>)> {
    let frames = image
        .numeric_values(tags::REFERENCED_FRAME_NUMBER)
        .into_iter()
        .map(|n| n as u32)
        .collect();
    Some((image.text_value(tags::REFERENCED_SOP_INSTANCE_UID)?, frames))
}

/// A series that an object refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferencedSeries {
    /// Series Instance UID.
    pub uid: String,
    /// SOP Class UID of its first instance.
    pub class: String,
    /// SOP Instance UIDs.
    pub instances: Vec<String>,
}

impl ReferencedSeries {
    /// False for an item without any UID.
    pub fn names_something(&self) -> bool {
        !self.uid.is_empty() || !self.instances.is_empty()
    }

    /// Its UID with its modality, if known.
    fn uid_and_modality(&self) -> String {
        match class_name(&self.class) {
            Some(class) => format!("{} ({class})", self.uid),
            None => self.uid.clone(),
        }
    }
}

/// Why masks cannot be applied to a series.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The reason, a clause.
    pub reason: String,
    /// What the user can do, a whole sentence.
    pub advice: &'static str,
    /// Kind of the error that it becomes.
    pub kind: ErrorKind,
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self {
            reason,
            advice: OPEN_SOURCE,
            kind: ErrorKind::Other,
        }
    }
}

impl Refused {
    /// The masks refer to other images.
    fn names_others(reason: String) -> Self {
        Self {
            reason,
            advice: OPEN_SOURCE_OR_PLACE,
            kind: ErrorKind::NamesOtherImages,
        }
    }

    /// The masks lie at other positions than the images.
    pub fn lies_elsewhere(reason: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Elsewhere,
            ..reason.into().into()
        }
    }

    /// The user has to choose one of `count` time points.
    pub fn wants_time(reason: String, count: usize) -> Self {
        Self {
            reason,
            advice: CHOOSE_TIME,
            kind: ErrorKind::TimeWanted(u32::try_from(count).unwrap_or(u32::MAX)),
        }
    }

    /// The error about an object that cannot be applied to a series; `what` is for example "structure set".
    pub fn on_series(self, what: &str, path: &Path, series: &Series) -> Error {
        let title = match series.description.trim() {
            "" => own_uid(series),
            description => description,
        };
        self.into_error(
            &format!("apply the {what} {{path}} to the series \"{title}\""),
            path,
        )
    }

    /// The error about the file that was to be applied.
    pub fn into_error(self, tried: &str, path: &Path) -> Error {
        Error::at_path(tried, path, self.reason)
            .with_advice(self.advice)
            .of_kind(self.kind)
    }
}

/// The images of a series that an object refers to.
pub struct Named<'a> {
    by_uid: HashMap<&'a str, Vec<(u32, usize)>>,
    /// How the object was matched with the series.
    pub basis: Basis,
    /// The slices that it may be applied to.
    pub allowed: BTreeSet<usize>,
    /// Slices of single-frame instances that are listed: their mask is empty if the object has no frame for them.
    pub listed: BTreeSet<usize>,
    time: Option<usize>,
}

impl<'a> Named<'a> {
    /// Matches the series that an object refers to, and the source images of its frames or contours, with `series`.
    pub fn from_references<'s>(
        series: &'a Series,
        referenced: &[ReferencedSeries],
        sources: impl Iterator<Item = &'s (String, Vec<u32>)> + Clone,
        choice: &MaskChoice,
    ) -> Result<Self, Refused> {
        let mut named = Self {
            by_uid: by_uid(series),
            basis: Basis::Position,
            allowed: (0..series.slices.len()).collect(),
            listed: BTreeSet::new(),
            time: choice.time,
        };
        let refers = referenced.iter().any(ReferencedSeries::names_something)
            || sources.clone().next().is_some();
        if choice.by_position || !refers {
            return Ok(named);
        }
        let listed: BTreeSet<usize> = listed_instances(referenced)
            .filter_map(|uid| named.single_frame_slice(uid, series))
            .collect();
        let of_parts: BTreeSet<usize> = sources
            .clone()
            .flat_map(|source| named.slices_of(source))
            .collect();
        let names_images =
            sources.clone().next().is_some() || listed_instances(referenced).next().is_some();
        let is_ours = referenced.iter().any(|s| s.uid == own_uid(series));
        let allowed: BTreeSet<usize> = match sources.clone().next() {
            Some(_) => of_parts.union(&listed).copied().collect(),
            None => listed_instances(referenced)
                .flat_map(|uid| named.frames_of_uid(uid))
                .map(|(_, slice)| *slice)
                .collect(),
        };
        match (allowed.is_empty(), names_images) {
            (false, _) => {
                named.allowed = allowed;
                named.listed = listed;
                named.basis = Basis::Images;
                Ok(named)
            }
            (true, false) if is_ours => {
                named.basis = Basis::Series;
                Ok(named)
            }
            (true, true) if is_ours => {
                let count = series.slices.len();
                let reason =
                    format!("it refers to this series, but to none of the {count} opened slices");
                Err(Refused::names_others(reason))
            }
            _ => Err(Refused::names_others(other_series(
                referenced,
                sources.clone().next(),
                series,
            ))),
        }
    }

    /// The slices that these sources refer to, in order.
    pub fn source_slices(&self, sources: &Sources) -> BTreeSet<usize> {
        if self.basis != Basis::Images {
            return BTreeSet::new();
        }
        sources
            .iter()
            .flat_map(|source| self.slices_of(source))
            .collect()
    }

    fn frames_of_uid(&self, uid: &str) -> &[(u32, usize)] {
        self.by_uid.get(uid).map_or(&[][..], Vec::as_slice)
    }

    /// The slice of a single-frame instance.
    fn single_frame_slice(&self, uid: &str, series: &Series) -> Option<usize> {
        match self.frames_of_uid(uid) {
            [(_, slice)] if series.slices[*slice].source.frame == 0 => Some(*slice),
            _ => None,
        }
    }

    fn slices_of(&self, (uid, frames): &(String, Vec<u32>)) -> Vec<usize> {
        self.frames_of_uid(uid)
            .iter()
            .filter(|(number, _)| frames.is_empty() || frames.contains(number))
            .map(|(_, slice)| *slice)
            .collect()
    }

    /// True if these sources refer to images of which none is in the series.
    pub fn are_elsewhere(&self, sources: &Sources) -> bool {
        self.basis == Basis::Images && !sources.is_empty() && self.source_slices(sources).is_empty()
    }

    /// Chooses among slices at the same position: those that a mask refers to (`own`), else the one of the chosen time point.
    ///
    /// # Errors
    /// If there are several and neither applies.
    pub fn at_place(&self, here: &[usize], own: &BTreeSet<usize>) -> Result<Vec<usize>, Refused> {
        let named: Vec<usize> = here
            .iter()
            .copied()
            .filter(|slice| own.contains(slice))
            .collect();
        match (named.is_empty(), here, self.time) {
            (false, ..) => Ok(named),
            (true, [] | [_], _) => Ok(here.to_vec()),
            (true, _, Some(time)) if (1..=here.len()).contains(&time) => Ok(vec![here[time - 1]]),
            (true, _, time) => {
                let mut sorted = here.to_vec();
                sorted.sort_unstable();
                let list: Vec<String> = sorted
                    .iter()
                    .take(12)
                    .map(|slice| (slice + 1).to_string())
                    .collect();
                let more = if sorted.len() > 12 { " and more" } else { "" };
                let of = time.map_or_else(String::new, |time| {
                    format!("; there is no time point {time}")
                });
                let reason = format!(
                    "{} images lie at the same position (images {}{more}), and it does not say \
                     which one it belongs to{of}",
                    sorted.len(),
                    list.join(", ")
                );
                Err(Refused::wants_time(reason, sorted.len()))
            }
        }
    }
}

/// SOP Instance UIDs of all series that an object refers to.
fn listed_instances(referenced: &[ReferencedSeries]) -> impl Iterator<Item = &String> {
    referenced.iter().flat_map(|series| &series.instances)
}

/// Slices of each instance, with their 1-based frames.
fn by_uid(series: &Series) -> HashMap<&str, Vec<(u32, usize)>> {
    let mut by_uid: HashMap<&str, Vec<(u32, usize)>> = HashMap::new();
    for (i, slice) in series.slices.iter().enumerate() {
        if let Some(uid) = &slice.sop_instance_uid {
            by_uid
                .entry(uid)
                .or_default()
                .push((slice.source.frame.saturating_add(1), i));
        }
    }
    by_uid
}

/// The Series Instance UID, without the number that parts of a split series have appended.
pub fn own_uid(series: &Series) -> &str {
    series.id.split('#').next().unwrap_or_default()
}

/// The reason why an object that refers to another series is refused.
fn other_series(
    referenced: &[ReferencedSeries],
    source: Option<&(String, Vec<u32>)>,
    series: &Series,
) -> String {
    let here = match series.kind {
        Kind::Picture => "the opened image is not DICOM".to_owned(),
        Kind::Dicom if series.modality.is_empty() => {
            format!("the opened series is {}", own_uid(series))
        }
        Kind::Dicom => format!(
            "the opened series is {} ({})",
            own_uid(series),
            series.modality
        ),
    };
    let names: Vec<String> = referenced
        .iter()
        .filter(|s| !s.uid.is_empty())
        .map(ReferencedSeries::uid_and_modality)
        .collect();
    match names.as_slice() {
        [] => {
            let instance = source
                .map(|(uid, _)| uid)
                .or_else(|| listed_instances(referenced).next())
                .cloned()
                .unwrap_or_default();
            format!("it refers to instance {instance}, which is not in the opened series; {here}")
        }
        [one] => format!("it refers to series {one}; {here}"),
        [one, more @ ..] => format!("it refers to series {one} and {} more; {here}", more.len()),
    }
}

/// The modality of a SOP class of images: "CT" for CT Image Storage.
fn class_name(uid: &str) -> Option<&'static str> {
    Some(match uid {
        uids::CT_IMAGE_STORAGE | uids::ENHANCED_CT_IMAGE_STORAGE => "CT",
        uids::MR_IMAGE_STORAGE | uids::ENHANCED_MR_IMAGE_STORAGE => "MR",
        uids::ULTRASOUND_IMAGE_STORAGE | uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE => "US",
        uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE | uids::ENHANCED_PET_IMAGE_STORAGE => "PT",
        uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE => "CR",
        uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION => "DX",
        uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION => "MG",
        uids::X_RAY_ANGIOGRAPHIC_IMAGE_STORAGE => "XA",
        uids::NUCLEAR_MEDICINE_IMAGE_STORAGE => "NM",
        uids::SECONDARY_CAPTURE_IMAGE_STORAGE => "secondary capture",
        _ => return None,
    })
}
