//! The one error of the crate: what was tried, on which file, why it failed and what can be done.

use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a function that can fail returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is: all that decides by an error decides by this, never by its words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// Something did not work.
    #[default]
    Other,
    /// The request itself makes no sense.
    Usage,
    /// A person cancelled it.
    Cancelled,
    /// What was looked for does not exist.
    NotFound,
    /// No model is made for this image.
    NoModel,
    /// The disk cannot be written to now: it is full, read-only, gone, or another program holds the file. The same can
    /// succeed later; other files on it would fare no better.
    Disk,
    /// What was read is not what it was announced to be.
    Mismatch,
    /// Masks name other images than those on which they should be laid: they may be laid by position alone, if a person
    /// wants it.
    NamesOtherImages,
    /// Masks lie in another place than these images: they are of others.
    Elsewhere,
    /// Masks belong to one of this many times, and do not say to which: a person has to choose.
    TimeWanted(u32),
    /// A server cannot be reached, does not answer, or has trouble of its own: it may go better later.
    Unreachable,
    /// The connection to a server was lost: what was sent may have arrived.
    ConnectionLost,
    /// A server asks who it is, or does not accept the answer.
    SignIn,
    /// A server refuses, or its answer cannot be understood.
    Refused,
    /// The connection to a server cannot be trusted.
    Untrusted,
    /// The settings of a server make no sense.
    Settings,
}

impl ErrorKind {
    /// True where a person can answer what nothing in the files says, and it goes on.
    pub fn is_question(self) -> bool {
        matches!(self, Self::NamesOtherImages | Self::TimeWanted(_))
    }

    /// True where masks are of other images, and nothing is wrong with them.
    pub fn is_of_others(self) -> bool {
        matches!(
            self,
            Self::NotFound | Self::NamesOtherImages | Self::Elsewhere
        )
    }

    /// True where the same may succeed later without anybody doing anything.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::ConnectionLost)
    }

    /// True where what was to be sent may have arrived.
    pub fn is_uncertain(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::Cancelled)
    }
}

/// A failure that a person can act upon: `cannot <tried> "<path>": <reason>. <advice>`.
#[derive(Clone, Debug)]
pub struct Error {
    /// What was tried, as an infinitive: "read the image". The path stands behind it, or in the place of `{path}` in it.
    pub tried: String,
    /// The file or folder that it was tried on.
    pub path: Option<PathBuf>,
    /// Why it failed, in the words of a user.
    pub reason: String,
    /// What can be done about it, a whole sentence.
    pub advice: Option<String>,
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// The error of a library or of the system behind it, where there is one.
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Equal where they say the same: what lies behind them cannot be compared.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        let said = |e: &Self| {
            (
                e.kind,
                e.tried.clone(),
                e.path.clone(),
                e.reason.clone(),
                e.advice.clone(),
            )
        };
        said(self) == said(other)
    }
}

impl Eq for Error {}

impl Error {
    /// An error about nothing on disk.
    pub fn new(tried: impl Into<String>, reason: impl ToString) -> Self {
        Self {
            tried: tried.into(),
            path: None,
            reason: reason.to_string(),
            advice: None,
            kind: ErrorKind::Other,
            source: None,
        }
    }

    /// An error about a file or folder.
    pub fn at_path(
        tried: impl Into<String>,
        path: impl AsRef<Path>,
        reason: impl ToString,
    ) -> Self {
        Self {
            path: Some(path.as_ref().to_owned()),
            ..Self::new(tried, reason)
        }
    }

    /// Adds what the user can do.
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Keeps the error of a library or of the system that lies behind it.
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Says what kind of failure it is.
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.path, self.tried.split_once("{path}")) {
            (Some(path), Some((before, after))) => {
                write!(f, "cannot {before}\"{}\"{after}", path.display())?
            }
            (Some(path), None) => write!(f, "cannot {} \"{}\"", self.tried, path.display())?,
            (None, _) => write!(f, "cannot {}", self.tried)?,
        }
        write!(f, ": {}", self.reason.trim_end_matches('.'))?;
        match &self.advice {
            Some(advice) => write!(f, ". {advice}"),
            None => Ok(()),
        }
    }
}

/// Why the system could not do it, in a user's words where there are some.
pub fn reason_of(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "it may not be read (permission denied)".into(),
        ErrorKind::UnexpectedEof => "the file ends before its data".into(),
        ErrorKind::IsADirectory => "it is a folder, not a file".into(),
        ErrorKind::NotADirectory => "it is a file, not a folder".into(),
        _ => error.to_string(),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}
