//! The one error of the crate: what was tried, on which file, why it failed and what can be done.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a function that can fail returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What a program can do about a failure but show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// Nothing.
    #[default]
    Other,
    /// Masks name other images than those on which they should be laid: they may be laid by their place alone, if a person
    /// wants it.
    NamesOtherImages,
    /// Masks are of one of so many times, and do not say of which: a person has to.
    TimeWanted(usize),
}

/// A failure that a person can act upon: `cannot <tried> "<path>": <reason>. <advice>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What was tried, as an infinitive: "read the image".
    pub tried: String,
    /// The file or folder that it was tried on.
    pub path: Option<PathBuf>,
    /// Why it failed, in the words of a user.
    pub reason: String,
    /// What can be done about it, a whole sentence.
    pub advice: Option<String>,
    /// What else can be done about it.
    pub kind: ErrorKind,
}

impl Error {
    /// An error about nothing on disk.
    pub fn new(tried: impl Into<String>, reason: impl ToString) -> Self {
        Self { tried: tried.into(), path: None, reason: reason.to_string(), advice: None, kind: ErrorKind::Other }
    }

    /// An error about a file or folder.
    pub fn at(tried: impl Into<String>, path: impl AsRef<Path>, reason: impl ToString) -> Self {
        Self { path: Some(path.as_ref().to_owned()), ..Self::new(tried, reason) }
    }

    /// Adds what the user can do.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Says what kind it is.
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot {}", self.tried)?;
        if let Some(path) = &self.path {
            write!(f, " \"{}\"", path.display())?;
        }
        write!(f, ": {}", self.reason.trim_end_matches('.'))?;
        match &self.advice {
            Some(advice) => write!(f, ". {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
