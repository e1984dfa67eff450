//! Random access to a file through a small window, so that headers are read without the pixels behind them.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// Bytes read at once; most headers fit.
const WINDOW: usize = 16 * 1024;

/// The bytes of a file, or of an inflated dataset.
pub struct FileBytes {
    file: Option<File>,
    length: u64,
    start: u64,
    window: Vec<u8>,
}

impl FileBytes {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// If it cannot be opened or is not a regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        Ok(Self {
            file: Some(file),
            length: about.len(),
            start: 0,
            window: Vec::new(),
        })
    }

    /// Wraps bytes that are already in memory.
    pub fn from_memory(bytes: Vec<u8>) -> Self {
        Self {
            file: None,
            length: bytes.len() as u64,
            start: 0,
            window: bytes,
        }
    }

    /// Number of bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// True if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// `count` bytes at offset `at`, for short ranges; `None` past the end or if reading fails.
    pub fn get(&mut self, at: u64, count: usize) -> Option<&[u8]> {
        let end = at.checked_add(count as u64)?;
        if end > self.length {
            return None;
        }
        if at < self.start || end > self.start + self.window.len() as u64 {
            let wanted = (count.max(WINDOW) as u64).min(self.length - at);
            self.window = self.read_file(at, wanted).ok()?;
            self.start = at;
        }
        let from = usize::try_from(at - self.start).ok()?;
        self.window.get(from..from + count)
    }

    /// Copies `count` bytes at offset `at`, for long ranges. Checks the file's length before it allocates.
    ///
    /// # Errors
    /// If the file is too short or reading fails.
    pub fn read_range(&mut self, at: u64, count: u64) -> io::Result<Vec<u8>> {
        if at.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is truncated",
            ));
        }
        if self.file.is_none() {
            let from = at as usize;
            return Ok(self.window[from..from + count as usize].to_vec());
        }
        self.read_file(at, count)
    }

    fn read_file(&mut self, at: u64, count: u64) -> io::Result<Vec<u8>> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = vec![0; usize::try_from(count).map_err(io::Error::other)?];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
