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
//! Until [`start_pool`] was called, and where the system does not start the child at all, files are read in this process:
//! sizes are held against the file and panics are caught there too, but no crash and no endless loop.

mod child;
mod limits;
mod pixels;
mod pool;
mod serve;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

pub use pixels::MaskWithNote;
pub use serve::{RequestReader, serve_requests};
pub use wire::{Answer, Plain, RawBytes, receive_bytes};

use super::guard::catch_panic;
use crate::{Error, Result};
use pool::{ChildPool, ReadTrouble};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

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

static POOL: OnceLock<ChildPool> = OnceLock::new();

/// Has files read in children from now on: processes of `program`, which must call [`serve_requests`] with all its readers where
/// it is given [`COMMAND`]. The first child is started when there is something to read. Only the first call counts.
pub fn start_pool(program: PathBuf) {
    POOL.get_or_init(|| ChildPool::new(program));
}

/// This program, for [`start_pool`]. On Linux also where its file was replaced or removed meanwhile.
///
/// # Errors
/// Where the system does not tell.
pub fn this_program() -> std::io::Result<PathBuf> {
    let itself = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && itself.exists() {
        Ok(itself.to_owned())
    } else {
        std::env::current_exe()
    }
}

/// Process numbers of the children that live now, for those who measure.
pub fn child_process_ids() -> Vec<u32> {
    POOL.get()
        .map_or_else(Vec::new, ChildPool::child_process_ids)
}

/// Something that is read from a file in a child process; each reader declares what it can be asked for.
///
/// The program has to hand [`RequestReader::for_request`] it to [`serve_requests`].
pub trait Request: Serialize + DeserializeOwned {
    /// What program and child call it: no two requests have one name.
    const NAME: &'static str;
    /// What is tried, as an [`Error`] says it.
    const TRIED: &'static str;
    /// What is read.
    type Answer: Answer;

    /// The file that an error is about.
    fn path(&self) -> &Path;

    /// How long reading may take.
    fn time_limit(&self) -> Duration {
        SLICE
    }

    /// Reads, in the process that this is called in.
    ///
    /// # Errors
    /// Whatever is wrong with the file.
    fn read_in_process(self) -> Result<Self::Answer>;
}

/// Asks a child; reads in this process where there are none.
///
/// # Errors
/// Those of the request; where reading takes too long or too much memory, or brings the child down.
pub fn read_in_child<R: Request>(request: R) -> Result<R::Answer> {
    let Some(pool) = POOL.get() else {
        return read_here(request);
    };
    match pool.send_to_child(&request, request.time_limit()) {
        Ok(answer) => answer,
        Err(ReadTrouble::CannotStart) => read_here(request),
        Err(ReadTrouble::Lost(reason)) => Err(Error::at_path(R::TRIED, request.path(), reason)),
    }
}

/// Reads in this process, where a panic is an error about the file.
fn read_here<R: Request>(request: R) -> Result<R::Answer> {
    let path = request.path().to_owned();
    catch_panic(|| request.read_in_process())
        .unwrap_or_else(|| Err(Error::at_path(R::TRIED, &path, "it is damaged")))
}

/// For [`Request::time_limit`]: how long reading all of a file may take.
pub fn whole_file(path: &Path) -> Duration {
    let megabytes = std::fs::metadata(path).map_or(0, |about| about.len() >> 20);
    SLICE + EACH_MEGABYTE * u32::try_from(megabytes).unwrap_or(u32::MAX).min(2000)
}

/// For [`Request::time_limit`]: how long reading the masks of so many slices may take.
pub fn masks_of_slices(slices: usize) -> Duration {
    SLICE + EACH_SLICE * u32::try_from(slices).unwrap_or(u32::MAX).min(3000)
}
