//! Reads foreign files in a child process of this program, which a hostile or damaged file may crash, fill or block
//! without harm to the work in the window.
//!
//! The child is the program itself with [`COMMAND`] as its argument. It takes requests on standard input and answers on
//! standard output, one at a time, and is reused until something goes wrong. If it dies, the cause becomes an ordinary
//! error about the file.
//!
//! | resource | limit | systems |
//! |---|---|---|
//! | time per request | [`SLICE`], plus 0.1 s for each slice of a series of masks or each MiB of a file that is read whole; the parent kills the child | all |
//! | memory from the allocator | [`MEMORY`] | all |
//! | address space, which includes what a decoder allocates from the system directly | that at its start plus [`MEMORY`] | Linux |
//! | files written, core dumps (they would contain patient images) | none allowed | Linux, macOS |
//!
//! Before [`start_pool`] is called, and if the system cannot start a child, files are read in this process: sizes are
//! checked against the file and panics are caught there too, but crashes and endless loops are not.

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
    env, fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

/// The argument that makes the program a child.
pub const COMMAND: &str = "decode-worker";
/// Bytes that a child may allocate; the largest image that can be shown (16384 x 16384) takes less.
pub const MEMORY: usize = 2 << 30;
/// Time limit for reading one slice or one header. The watch checks four times a second, so it ends before 10 s.
pub const SLICE: Duration = Duration::from_secs(9);
/// Added to [`SLICE`] for each slice when the masks of a whole series are read.
const EACH_SLICE: Duration = Duration::from_millis(100);

/// Added to [`SLICE`] for each MiB when a file is read whole.
const EACH_MEGABYTE: Duration = Duration::from_millis(100);

static POOL: OnceLock<ChildPool> = OnceLock::new();

/// Reads files in child processes from now on. `program` must call [`serve_requests`] with all its readers when run
/// with [`COMMAND`]. The first child starts with the first request. Later calls have no effect.
pub fn start_pool(program: PathBuf) {
    POOL.get_or_init(|| ChildPool::new(program));
}

/// The path of this program, for [`start_pool`]. On Linux it works even if the file was replaced or removed since.
///
/// # Errors
/// If the system does not know the path.
pub fn this_program() -> io::Result<PathBuf> {
    let itself = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && itself.exists() {
        Ok(itself.to_owned())
    } else {
        env::current_exe()
    }
}

/// Process IDs of the running children, for measurements.
pub fn child_process_ids() -> Vec<u32> {
    POOL.get()
        .map_or_else(Vec::new, ChildPool::child_process_ids)
}

/// A request to read something from a file in a child process.
///
/// The program must pass a [`RequestReader::for_request`] of it to [`serve_requests`].
pub trait Request: Serialize + DeserializeOwned {
    /// Unique name of the request, used between program and child.
    const NAME: &'static str;
    /// What is attempted, worded for [`Error::tried`].
    const TRIED: &'static str;
    /// The result.
    type Answer: Answer;

    /// The file to name in errors.
    fn path(&self) -> &Path;

    /// Time limit for reading.
    fn time_limit(&self) -> Duration {
        SLICE
    }

    /// Reads in the calling process.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn read_in_process(self) -> Result<Self::Answer>;
}

/// Reads in a child, or in this process if there are no children.
///
/// # Errors
/// Those of the request; also if reading takes too long or too much memory, or crashes the child.
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

/// Reads in this process; a panic becomes an error about the file.
fn read_here<R: Request>(request: R) -> Result<R::Answer> {
    let path = request.path().to_owned();
    catch_panic(|| request.read_in_process())
        .unwrap_or_else(|| Err(Error::at_path(R::TRIED, &path, "the file is damaged")))
}

/// For [`Request::time_limit`]: time limit for reading a whole file.
pub fn whole_file(path: &Path) -> Duration {
    let megabytes = fs::metadata(path).map_or(0, |about| about.len() >> 20);
    SLICE + EACH_MEGABYTE * u32::try_from(megabytes).unwrap_or(u32::MAX).min(2000)
}

/// For [`Request::time_limit`]: time limit for reading the masks of this many slices.
pub fn masks_of_slices(slices: usize) -> Duration {
    SLICE + EACH_SLICE * u32::try_from(slices).unwrap_or(u32::MAX).min(3000)
}
