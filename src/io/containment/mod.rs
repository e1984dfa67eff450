//! Files of others are read in a child process of this program, which a hostile or damaged one may crash, fill or hold up
//! without harm to the work in the window.
//!
//! The child is the program itself with [`COMMAND`] as its argument. It takes requests on its standard input and answers
//! on its standard output, one after the other, and lives as long as nothing goes wrong. What it dies of becomes an
//! ordinary error about the file.
//!
//! | what | limit | on which systems |
//! |---|---|---|
//! | time of a request | [`SLICE`] (and 0.1 s for each slice of a series of masks, or each MiB of a file that is read whole); the parent kills the child | all |
//! | memory from the allocator | [`MEMORY`] | all |
//! | address space, which counts what a decoder asks of the system itself | as at its start and [`MEMORY`] | Linux |
//! | files written, core dumps (they would hold a patient's picture) | none | Linux, macOS |
//!
//! Until [`start`] was called, and where the system does not start the child at all, files are read in this process:
//! sizes are held against the file and panics are caught there too, but no crash and no endless loop.

mod child;
mod limits;
mod pool;
mod serve;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

pub use serve::serve;

use super::{
    dicom::{
        self,
        deidentify::{self, Deidentification},
        rewrite::Rewritten,
    },
    guard::contained,
    import::{self, Imported},
    label_file::{self, MaskOf},
    label_values::{Reading, Values},
    nifti,
    open::{self, FileLook},
};
use crate::{
    Error, Result,
    domain::{
        image::Image,
        import::MaskChoice,
        mask::Mask,
        study::{Kind, Series, Source},
    },
};
use pool::{Pool, Trouble};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};
use wire::{Answer, Request};

/// The argument that makes the program a child.
pub const COMMAND: &str = "decode-worker";
/// What a child may allocate; the largest picture that is shown (16384 x 16384) takes less.
pub const MEMORY: usize = 2 << 30;
/// How long reading one slice or one header may take. The watch looks four times a second: it is over before 10 s.
pub const SLICE: Duration = Duration::from_secs(9);
/// What each slice of a series adds to [`SLICE`] where masks of all of them are read.
const EACH_SLICE: Duration = Duration::from_millis(100);

/// What each MiB of a file adds to [`SLICE`] where all of it is read.
const EACH_MEGABYTE: Duration = Duration::from_millis(100);

static POOL: OnceLock<Pool> = OnceLock::new();

/// Has files read in children from now on: processes of `program`, which must call [`serve`] where it is given
/// [`COMMAND`]. The first child is started when there is something to read. Only the first call counts.
pub fn start(program: PathBuf) {
    POOL.get_or_init(|| Pool::new(program));
}

/// This program, for [`start`]. On Linux also where its file was replaced or removed meanwhile.
///
/// # Errors
/// Where the system does not tell.
pub fn this_program() -> std::io::Result<PathBuf> {
    let itself = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && itself.exists() { Ok(itself.to_owned()) } else { std::env::current_exe() }
}

/// Process numbers of the children that live now, for those who measure.
pub fn children() -> Vec<u32> {
    POOL.get().map_or_else(Vec::new, Pool::children)
}

/// What a file is, from its header.
pub(super) fn look(path: &Path, asked_for: bool) -> FileLook {
    let request = Request::Look { path: path.into(), asked_for };
    let here = || Ok(contained(|| open::look(path, asked_for)).unwrap_or_else(FileLook::damaged));
    let found = ask("open", path, SLICE, &request, here, |answer| match answer {
        Answer::Look(look) => Some(*look),
        _ => None,
    });
    found.unwrap_or_else(|error| FileLook::failed(error.reason))
}

/// The pixels of a slice.
pub(super) fn image(source: &Source, kind: Kind) -> Result<Image> {
    let tried = "read the image";
    let request = Request::Image { source: source.clone(), kind };
    let here = || contained(|| open::decode(source, kind)).unwrap_or_else(|| damaged(tried, &source.path));
    ask(tried, &source.path, SLICE, &request, here, |answer| match answer {
        Answer::Image(image) => Some(*image),
        _ => None,
    })
}

/// A page of the picture `path` as a mask, as it lies on `image`; and how it was brought there, where that is worth a word.
pub(super) fn mask(
    path: &Path,
    frame: u32,
    reading: Reading,
    image: Option<&MaskOf>,
) -> Result<(Mask, Option<String>)> {
    let tried = "read the mask";
    let here = || contained(|| label_file::decode(path, frame, reading, image)).unwrap_or_else(|| damaged(tried, path));
    let request = Request::Mask { path: path.into(), frame, reading, image: image.cloned() };
    ask(tried, path, SLICE, &request, here, |answer| match answer {
        Answer::Mask(mask, note) => Some((mask, note)),
        _ => None,
    })
}

/// The header of the NIfTI volume `path`.
pub(super) fn volume(path: &Path) -> Result<nifti::Header> {
    let tried = "read the NIfTI volume";
    let here = || contained(|| nifti::header(path)).unwrap_or_else(|| damaged(tried, path));
    ask(tried, path, SLICE, &Request::Volume { path: path.into() }, here, |answer| match answer {
        Answer::Volume(header) => Some(*header),
        _ => None,
    })
}

/// What values a page of the picture `path` holds, as a mask.
pub(super) fn mask_values(path: &Path, frame: u32) -> Result<Values> {
    let tried = "read the mask";
    let here = || contained(|| label_file::decode_values(path, frame)).unwrap_or_else(|| damaged(tried, path));
    ask(tried, path, SLICE, &Request::MaskValues { path: path.into(), frame }, here, |answer| match answer {
        Answer::MaskValues(values) => Some(values),
        _ => None,
    })
}

/// Masks of a series.
pub(super) fn masks(paths: &[PathBuf], series: &Series, choice: &MaskChoice) -> Result<Imported> {
    let tried = "import the masks";
    let Some(first) = paths.first() else { return import::decode(paths, series, choice) };
    let request = Request::Masks {
        paths: paths.iter().map(Into::into).collect(),
        series: Box::new(series.clone()),
        choice: choice.clone(),
    };
    let slices = u32::try_from(series.slices.len()).unwrap_or(u32::MAX);
    let here = || contained(|| import::decode(paths, series, choice)).unwrap_or_else(|| damaged(tried, first));
    ask(tried, first, SLICE + EACH_SLICE * slices.min(3000), &request, here, |answer| match answer {
        Answer::Masks(imported) => Some(imported),
        _ => None,
    })
}

/// Photometric Interpretation of a file, as written in it; `None` where it has none or cannot be read.
pub(super) fn photometric(path: &Path) -> Option<String> {
    let here = || Ok(contained(|| dicom::photometric(path)).flatten());
    ask("open", path, SLICE, &Request::Photometric { path: path.into() }, here, text).ok().flatten()
}

/// What tells the pixels of a DICOM file from others; `None` where they cannot be read.
pub(super) fn pixel_digest(path: &Path) -> Option<String> {
    let here = || Ok(contained(|| dicom::digest(path)).flatten());
    ask("open", path, whole(path), &Request::PixelDigest { path: path.into() }, here, text).ok().flatten()
}

fn text(answer: Answer) -> Option<Option<String>> {
    match answer {
        Answer::Text(text) => Some(text),
        _ => None,
    }
}

/// A DICOM file without its patient.
pub(super) fn deidentified(path: &Path, how: &Deidentification) -> Result<Rewritten> {
    let tried = deidentify::TRIED;
    let here = || contained(|| how.rewrite(path)).unwrap_or_else(|| damaged(tried, path));
    let request = Request::Deidentify { path: path.into(), how: how.clone() };
    ask(tried, path, whole(path), &request, here, rewritten)
}

/// Whether the file `written` is `path` without its patient.
pub(super) fn is_deidentified(path: &Path, written: &Path, how: &Deidentification) -> Result<bool> {
    let here = || Ok(contained(|| how.verify(path, written)).unwrap_or(false));
    let request = Request::Verify { path: path.into(), written: written.into(), how: how.clone() };
    ask(deidentify::TRIED, path, 2 * whole(path), &request, here, |answer| match answer {
        Answer::Verdict(verdict) => Some(verdict),
        _ => None,
    })
}

/// The dataset of a DICOM file in another transfer syntax.
pub(super) fn encoded_as(path: &Path, syntax: &str) -> Result<Rewritten> {
    let tried = "encode the object to be sent";
    let here = || contained(|| dicom::rewrite::encoded_as(path, syntax)).unwrap_or_else(|| damaged(tried, path));
    let request = Request::Encode { path: path.into(), syntax: syntax.to_owned() };
    ask(tried, path, whole(path), &request, here, rewritten)
}

fn rewritten(answer: Answer) -> Option<Rewritten> {
    match answer {
        Answer::Rewritten(rewritten) => Some(rewritten),
        _ => None,
    }
}

/// How long reading a whole file may take.
fn whole(path: &Path) -> Duration {
    let megabytes = std::fs::metadata(path).map_or(0, |about| about.len() >> 20);
    SLICE + EACH_MEGABYTE * u32::try_from(megabytes).unwrap_or(u32::MAX).min(2000)
}

fn damaged<T>(tried: &str, path: &Path) -> Result<T> {
    Err(Error::at(tried, path, "it is damaged"))
}

/// Asks a child, or does it `here` where there are none.
fn ask<T>(
    tried: &str,
    path: &Path,
    limit: Duration,
    request: &Request,
    here: impl FnOnce() -> Result<T>,
    wanted: impl FnOnce(Answer) -> Option<T>,
) -> Result<T> {
    let Some(pool) = POOL.get() else { return here() };
    match pool.ask(request, limit) {
        Ok(Answer::Refused(refusal)) => Err(refusal.into()),
        Ok(answer) => wanted(answer).ok_or_else(|| Error::at(tried, path, "the process that reads files got muddled")),
        Err(Trouble::CannotStart) => here(),
        Err(Trouble::Lost(reason)) => Err(Error::at(tried, path, reason)),
    }
}
