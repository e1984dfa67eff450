//! Opens files and folders, searched recursively. DICOM and image files are told apart by content, not by extension.

mod files;
mod found;

use super::{nifti, picture};
use crate::{Error, Result};
use crossbeam_channel::{RecvTimeoutError, Sender, unbounded};
use files::files_at;
use found::FoundFiles;
use labrum_core::{
    containment::{self, Plain},
    image::Image,
    naming::file_name_text,
    orientation::Orientation,
    presentation::PresentationState,
    progress::Cancel,
    study::{Catalog, Kind, Series, Source, os_path},
};
use labrum_dicom as dicom;
use labrum_dicom::catalog::{FileContent, Instance};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering,
    collections::HashSet,
    fs::{self, File},
    io::Read,
    iter::Peekable,
    path::{Path, PathBuf},
    str::Chars,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

const TRIED: &str = "open";
/// Maximum number of threads that read file headers. They mostly wait for a disk or a network share, so this may exceed the
/// number of CPU cores.
const LOOKING: usize = 16;
/// How often a search checks whether it was cancelled while it waits for files.
const HEARS: Duration = Duration::from_millis(50);

/// Finds all studies and series at `paths`, from headers alone. `progress` receives the number of files read so far.
///
/// # Errors
/// If the only path does not exist or cannot be read, is a folder without images or a file that is not an image, or if
/// `cancel` was requested.
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
/// If the file is missing, damaged or truncated, if its compression or colour model is not supported, or if decoding takes
/// too long, needs too much memory or crashes the child process.
pub fn load_slice(source: &Source, kind: Kind) -> Result<Image> {
    #[cfg(test)]
    slow::apply_delay(&source.path);
    containment::read_in_child(ReadImage {
        source: source.clone(),
        kind,
    })
}

/// Request for the pixels of a slice.
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

/// Request to identify a file by its header. `asked_for`: named by the user, not found in a folder.
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

/// Decodes one slice in this process: used in the child process, and by benchmarks that measure the cost of the child.
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

/// How an image file, or a slice of a NIfTI volume, is rotated or mirrored for display. Runs in the child process.
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
            .map_or("not an image file", |p| p.reason.as_str());
        return Error::at_path(TRIED, path, reason).with_advice(ADVICE);
    }
    let reason = match (catalog.passed_over.len(), failure) {
        (0, _) => "the folder is empty".to_owned(),
        (1, Some(only)) => format!(
            "no images found in this folder; its only file, {}, cannot be opened: {}",
            file_name_text(&only.path),
            only.reason
        ),
        (n, Some(first)) => format!(
            "no images found in this folder ({n} files skipped); {}: {}",
            file_name_text(&first.path),
            first.reason
        ),
        (1, None) => "no images found in this folder (1 file skipped)".to_owned(),
        (n, None) => format!("no images found in this folder ({n} files skipped)"),
    };
    Error::at_path(TRIED, path, reason).with_advice(ADVICE)
}

const ADVICE: &str = "Labrum opens DICOM, NIfTI, PNG, JPEG, TIFF, BMP and WebP files";

/// Reads file headers in parallel; the results are in the order of the files. After a cancelled search, threads that still
/// wait for a server end by themselves.
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
        let files = files.clone();
        let asked_for = asked_for.clone();
        let next = next.clone();
        let found = found.clone();
        let cancel = cancel.clone();
        thread::Builder::new()
            .name("labrum-look".into())
            .spawn(move || look_at_next_files(&files, &asked_for, &next, &found, &cancel))
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
    let looks = all.into_iter().map(|look| {
        look.unwrap_or_else(|| FileLook::from_failure("the file could not be read".into()))
    });
    Ok(looks.collect())
}

/// The work of one thread: takes the next file until none is left, and sends its index with what was found.
fn look_at_next_files(
    files: &[PathBuf],
    asked_for: &HashSet<PathBuf>,
    next: &AtomicUsize,
    found: &Sender<(usize, FileLook)>,
    cancel: &Cancel,
) {
    loop {
        let i = next.fetch_add(1, Relaxed);
        let Some(file) = files.get(i) else { return };
        if cancel.is_cancelled() {
            return;
        }
        let look = LookAt::look_in_child(file, asked_for.contains(file));
        if found.send((i, look)).is_err() {
            return;
        }
    }
}

/// What a file contains.
#[derive(Serialize, Deserialize)]
pub(super) enum FileLook {
    Dicom(Box<Instance>),
    /// How other images are shown.
    Presentation(Box<PresentationState>),
    /// The series of an image file or a NIfTI volume.
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
        Self::without_image(reason, true)
    }

    /// A file without an image. `is_failure`: it was expected to be one.
    fn without_image(reason: String, is_failure: bool) -> Self {
        Self::Passed {
            reason,
            is_failure,
            has_masks: false,
        }
    }
}

/// Identifies a file in this process, without decoding pixels. `asked_for`: named by the user, not found in a folder.
fn look_at_content(path: &Path, asked_for: bool) -> FileLook {
    #[cfg(test)]
    slow::apply_delay(path);
    // Reading a pipe would block until somebody writes to it.
    if fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        let reason = "not a regular file (a pipe or a device)".to_owned();
        return FileLook::without_image(reason, asked_for);
    }
    match dicom::catalog::read_file_header(path) {
        FileContent::Image(instance) => return FileLook::Dicom(instance),
        FileContent::Presentation(state) => return FileLook::Presentation(state),
        FileContent::NoImage(reason) => return FileLook::without_image(reason, false),
        FileContent::Masks(reason) => {
            return FileLook::Passed {
                reason,
                is_failure: false,
                has_masks: true,
            };
        }
        FileContent::Broken(reason) => return FileLook::from_failure(reason),
        FileContent::NotDicom => {}
    }
    let mut head = Vec::new();
    if let Err(e) = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head)) {
        return FileLook::from_failure(labrum_core::reason_of(&e));
    }
    if picture::format_of(&head).is_some() {
        return match picture::read_series(path) {
            Ok(series) => FileLook::Pictures(series),
            Err(error) => FileLook::from_failure(error.reason),
        };
    }
    if nifti::is_nifti(path) {
        return match nifti::read_series(path) {
            Ok(series) => FileLook::Pictures(series),
            Err(error) => FileLook::from_failure(error.reason),
        };
    }
    let is_failure = asked_for || claims_to_be_an_image(path);
    let reason = match image::guess_format(&head) {
        _ if head.is_empty() => "the file is empty".to_owned(),
        Ok(format) => format!("image format {format:?} is not supported"),
        Err(_) => "not a DICOM or image file".to_owned(),
    };
    FileLook::without_image(reason, is_failure)
}

/// True if the extension is that of an image file.
fn claims_to_be_an_image(path: &Path) -> bool {
    let name = file_name_text(path).to_lowercase();
    let endings = [
        ".dcm", ".dicom", ".ima", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp",
        ".nii", ".nii.gz",
    ];
    endings.iter().any(|ending| name.ends_with(ending))
}

/// The slices of all series of an image file or a NIfTI volume, for callers that treat each slice as a separate image.
///
/// # Errors
/// If the file is neither, or cannot be read.
pub fn list_slices(path: &Path) -> Result<Vec<Source>> {
    match LookAt::look_in_child(path, true) {
        FileLook::Pictures(parts) => Ok(parts
            .into_iter()
            .flat_map(|series| series.slices)
            .map(|s| s.source)
            .collect()),
        FileLook::Passed { reason, .. } => Err(Error::at_path("read the image", path, reason)),
        FileLook::Dicom(_) | FileLook::Presentation(_) => Err(Error::at_path(
            "read the image",
            path,
            "this is a DICOM file; an image file or a NIfTI volume is needed here",
        )),
    }
}

/// Compares names with numbers by value: "slice 2" comes before "slice 10".
pub(crate) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let x = take_number(&mut a);
                let y = take_number(&mut b);
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

/// Takes the digits that come next, without leading zeros, so that of two numbers the longer one is larger.
fn take_number(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    digits.trim_start_matches('0').to_owned()
}

/// Makes a folder respond as slowly as a remote share, for tests.
#[cfg(test)]
pub(crate) mod slow {
    use parking_lot::Mutex;
    use std::{
        path::{Path, PathBuf},
        thread,
        time::Duration,
    };

    static SLOW: Mutex<Vec<(PathBuf, Duration)>> = Mutex::new(Vec::new());

    /// Delays every header and every image read from this folder by `each`.
    pub(crate) fn delay_folder(folder: &Path, each: Duration) {
        SLOW.lock().push((folder.to_owned(), each));
    }

    pub(super) fn apply_delay(path: &Path) {
        let all = SLOW.lock();
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
