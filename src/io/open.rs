//! Opens what a user points at: files, folders, folders of folders; DICOM and pictures, told apart by content.

mod files;
mod found;

use super::{nifti, picture};
use crate::{Error, Result};
use crossbeam_channel::{RecvTimeoutError, unbounded};
use files::files_at;
use found::FoundFiles;
use labrum_core::{
    containment::{self, Plain},
    image::Image,
    orientation::Orientation,
    progress::Cancel,
    study::{Catalog, Kind, Series, Source, os_path},
};
use labrum_dicom as dicom;
use labrum_dicom::catalog::{FileContent, Instance};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering,
    collections::HashSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

const TRIED: &str = "open";
/// Threads that look at files at most. They mostly wait for the disk, or for a server far away: more than there are cores.
const LOOKING: usize = 16;
/// How soon a search that waits for a server hears that it is cancelled.
const HEARS: Duration = Duration::from_millis(50);

/// Finds all studies and series at `paths`, from headers alone. `progress` is told how many files were looked at.
///
/// # Errors
/// Where the only path does not exist or may not be read, a folder holds no image, the only file is none, or `cancel` was
/// asked for.
pub fn read_catalog(
    paths: &[PathBuf],
    progress: &mut dyn FnMut(usize),
    cancel: &Cancel,
) -> Result<Catalog> {
    let mut found = FoundFiles::default();
    let files = files_at(paths, &mut found.passed_over, cancel)?;
    let files = Arc::new(files);
    let looks = look_at_all(&files, paths, progress, cancel)?;
    looks
        .into_iter()
        .zip(files.iter())
        .for_each(|(look, file)| found.add_file(file, look));
    let catalog = found.into_catalog(cancel);
    match paths {
        _ if cancel.is_cancelled() => Err(cancelled_error()),
        [] => Err(Error::new(TRIED, "no file or folder was given")),
        [only] if catalog.studies.is_empty() => Err(nothing_at(only, &catalog)),
        _ => Ok(catalog),
    }
}

/// Decodes one slice, in a child process (see [`containment`]).
///
/// # Errors
/// Where the file is missing, damaged, cut off, or compressed or coloured in a way that is not supported; where it takes
/// too long or too much memory, or brings the child down.
pub fn load_slice(source: &Source, kind: Kind) -> Result<Image> {
    #[cfg(test)]
    slow::apply_delay(&source.path);
    containment::read_in_child(ReadImage {
        source: source.clone(),
        kind,
    })
}

/// The pixels of a slice.
#[derive(Serialize, Deserialize)]
pub(super) struct ReadImage {
    source: Source,
    kind: Kind,
}

impl containment::Request for ReadImage {
    const NAME: &'static str = "image";
    const TRIED: &'static str = "read the image";
    type Answer = Image;

    fn path(&self) -> &Path {
        &self.source.path
    }

    fn read_in_process(self) -> Result<Image> {
        decode_slice(&self.source, self.kind)
    }
}

/// What a file is, from its header. `asked_for`: named by the user, not found in a folder.
#[derive(Serialize, Deserialize)]
pub(super) struct LookAt {
    #[serde(with = "os_path")]
    path: PathBuf,
    asked_for: bool,
}

impl LookAt {
    fn look_in_child(path: &Path, asked_for: bool) -> FileLook {
        let request = Self {
            path: path.to_owned(),
            asked_for,
        };
        containment::read_in_child(request)
            .map_or_else(|error| FileLook::from_failure(error.reason), |look| look.0)
    }
}

impl containment::Request for LookAt {
    const NAME: &'static str = "look";
    const TRIED: &'static str = TRIED;
    type Answer = Plain<FileLook>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn read_in_process(self) -> Result<Plain<FileLook>> {
        Ok(Plain(look_at_content(&self.path, self.asked_for)))
    }
}

/// Decodes one slice in this process: for the child, and to measure the way to it.
///
/// # Errors
/// As [`load_slice`].
pub fn decode_slice(source: &Source, kind: Kind) -> Result<Image> {
    match kind {
        Kind::Dicom => dicom::load_image(source),
        Kind::Picture if nifti::is_nifti(&source.path) => {
            nifti::read_slice(&source.path, source.frame)
        }
        Kind::Picture => picture::read_image(&source.path, source.frame),
    }
}

/// How a picture, or a slice of a NIfTI volume, is turned from how it is stored. In this process: for the child.
pub(super) fn read_orientation(path: &Path, frame: u32) -> Orientation {
    if nifti::is_nifti(path) {
        nifti::slice_orientation(path)
    } else {
        picture::read_orientation(path, frame)
    }
}

fn cancelled_error() -> Error {
    Error::new(TRIED, "cancelled")
}

fn nothing_at(path: &Path, catalog: &Catalog) -> Error {
    let failure = catalog.passed_over.iter().find(|passed| passed.is_failure);
    if !path.is_dir() {
        let reason = failure
            .or(catalog.passed_over.first())
            .map_or("it is no image", |p| p.reason.as_str());
        return Error::at_path(TRIED, path, reason).with_advice(ADVICE);
    }
    let reason = match (catalog.passed_over.len(), failure) {
        (0, _) => "the folder is empty".to_owned(),
        (1, Some(only)) => format!(
            "its only file, {}, cannot be shown: {}",
            name_of(&only.path),
            only.reason
        ),
        (n, Some(first)) => format!(
            "none of its {n} files can be shown; {}: {}",
            name_of(&first.path),
            first.reason
        ),
        (n, None) => format!("none of its {n} files is an image"),
    };
    Error::at_path(TRIED, path, reason).with_advice(ADVICE)
}

const ADVICE: &str =
    "Labrum opens DICOM images, NIfTI volumes, and PNG, JPEG, TIFF, BMP and WebP pictures";

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Looks at files beside each other: their looks, in the order of the files. Threads that wait for a server when the
/// search is cancelled end by themselves.
fn look_at_all(
    files: &Arc<Vec<PathBuf>>,
    asked_for: &[PathBuf],
    progress: &mut dyn FnMut(usize),
    cancel: &Cancel,
) -> Result<Vec<FileLook>> {
    let next = Arc::new(AtomicUsize::new(0));
    let asked_for: Arc<HashSet<PathBuf>> = Arc::new(asked_for.iter().cloned().collect());
    let (found, looks) = unbounded();
    for _ in 0..LOOKING.min(files.len()) {
        let (files, asked_for, next) = (files.clone(), asked_for.clone(), next.clone());
        let (found, cancel) = (found.clone(), cancel.clone());
        let work = move || {
            while let Some((i, file)) =
                Some(next.fetch_add(1, Relaxed)).and_then(|i| Some((i, files.get(i)?)))
            {
                if cancel.is_cancelled()
                    || found
                        .send((i, LookAt::look_in_child(file, asked_for.contains(file))))
                        .is_err()
                {
                    return;
                }
            }
        };
        let named = thread::Builder::new().name("labrum-look".into());
        named
            .spawn(work)
            .map_err(|e| Error::new(TRIED, e).with_advice("Close other programs and try again."))?;
    }
    drop(found);
    let mut all: Vec<Option<FileLook>> = Vec::new();
    all.resize_with(files.len(), || None);
    let mut looked_at = 0;
    while looked_at < files.len() {
        if cancel.is_cancelled() {
            return Err(cancelled_error());
        }
        match looks.recv_timeout(HEARS) {
            Ok((i, look)) => {
                all[i] = Some(look);
                looked_at += 1;
            }
            Err(RecvTimeoutError::Timeout) => {}
            // A decoder that panicked took its thread with it.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        progress(looked_at);
    }
    let lost = || FileLook::from_failure("it could not be looked at".into());
    Ok(all
        .into_iter()
        .map(|look| look.unwrap_or_else(lost))
        .collect())
}

/// What a file turned out to be.
#[derive(Serialize, Deserialize)]
pub(super) enum FileLook {
    Dicom(Box<Instance>),
    /// The parts of a picture or of a NIfTI volume.
    Pictures(Vec<Series>),
    Passed {
        reason: String,
        is_failure: bool,
        has_masks: bool,
    },
}

impl FileLook {
    /// An image that cannot be read.
    fn from_failure(reason: String) -> Self {
        Self::Passed {
            reason,
            is_failure: true,
            has_masks: false,
        }
    }
}

/// Looks at the content in this process, and at no pixels. `asked_for`: named by the user, not found in a folder.
fn look_at_content(path: &Path, asked_for: bool) -> FileLook {
    #[cfg(test)]
    slow::apply_delay(path);
    let passed = |reason: String, is_failure| FileLook::Passed {
        reason,
        is_failure,
        has_masks: false,
    };
    // To read a pipe is to wait for somebody to write to it.
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        return passed("it is a pipe or a device, no file".into(), asked_for);
    }
    match dicom::catalog::read_file_header(path) {
        FileContent::Image(instance) => return FileLook::Dicom(instance),
        FileContent::NoImage(reason) => return passed(reason, false),
        FileContent::Masks(reason) => {
            return FileLook::Passed {
                reason,
                is_failure: false,
                has_masks: true,
            };
        }
        FileContent::Broken(reason) => return passed(reason, true),
        FileContent::NotDicom => {}
    }
    let mut head = Vec::new();
    if let Err(e) = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head)) {
        return passed(labrum_core::reason_of(&e), true);
    }
    if picture::format_of(&head).is_some() {
        return match picture::read_series(path) {
            Ok(series) => FileLook::Pictures(series),
            Err(error) => passed(error.reason, true),
        };
    }
    if nifti::is_nifti(path) {
        return match nifti::read_series(path) {
            Ok(series) => FileLook::Pictures(series),
            Err(error) => passed(error.reason, true),
        };
    }
    let is_failure = asked_for || claims_to_be_an_image(path);
    let reason = match image::guess_format(&head) {
        _ if head.is_empty() => "the file is empty".to_owned(),
        Ok(format) => format!("it is a {format:?} picture, which is not supported"),
        Err(_) => "it is neither DICOM nor a picture".to_owned(),
    };
    passed(reason, is_failure)
}

/// By its extension.
fn claims_to_be_an_image(path: &Path) -> bool {
    let name = name_of(path).to_lowercase();
    let endings = [
        ".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp",
        ".nii", ".nii.gz",
    ];
    endings.iter().any(|ending| name.ends_with(ending))
}

/// The slices of a picture or a NIfTI volume, all of its parts: for who takes each as an image of its own.
///
/// # Errors
/// Where it is neither, and where it cannot be read.
pub fn list_slices(path: &Path) -> Result<Vec<Source>> {
    match LookAt::look_in_child(path, true) {
        FileLook::Pictures(parts) => Ok(parts
            .into_iter()
            .flat_map(|series| series.slices)
            .map(|s| s.source)
            .collect()),
        FileLook::Passed { reason, .. } => Err(Error::at_path("read the image", path, reason)),
        FileLook::Dicom(_) => Err(Error::at_path(
            "read the image",
            path,
            "it is a DICOM file, no picture",
        )),
    }
}

/// "slice 2" before "slice 10".
pub(crate) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
                    let mut digits = String::new();
                    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                        digits.push(digit);
                    }
                    digits.trim_start_matches('0').to_owned()
                };
                let (x, y) = (number(&mut a), number(&mut b));
                let order = x.len().cmp(&y.len()).then_with(|| x.cmp(&y));
                if order != Ordering::Equal {
                    return order;
                }
            }
            (Some(x), Some(y)) if x != y => return x.cmp(&y),
            _ => {
                a.next();
                b.next();
            }
        }
    }
}

/// A folder that answers as slowly as a share far away, for tests.
#[cfg(test)]
pub(crate) mod slow {
    use std::{
        path::{Path, PathBuf},
        sync::{Mutex, PoisonError},
        thread,
        time::Duration,
    };

    static SLOW: Mutex<Vec<(PathBuf, Duration)>> = Mutex::new(Vec::new());

    /// From now on every look into this folder, and every picture from it, takes so long.
    pub(crate) fn delay_folder(folder: &Path, each: Duration) {
        SLOW.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((folder.to_owned(), each));
    }

    pub(super) fn apply_delay(path: &Path) {
        let all = SLOW.lock().unwrap_or_else(PoisonError::into_inner);
        let each = all
            .iter()
            .find(|(folder, _)| path.starts_with(folder))
            .map(|(_, each)| *each);
        drop(all);
        each.into_iter().for_each(thread::sleep);
    }
}

#[cfg(test)]
mod tests;
