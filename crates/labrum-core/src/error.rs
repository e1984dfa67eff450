//! The error type: what was attempted, on which file, why it failed and what the user can do.

use serde::{Deserialize, Serialize};
use std::{
    error, fmt, io,
    path::{Path, PathBuf},
    result,
    sync::Arc,
};

/// Result of a function that can fail.
pub type Result<T, E = Error> = result::Result<T, E>;

/// Kind of failure. Code that handles errors depends on this, never on their text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// Any other failure.
    #[default]
    Other,
    /// The request itself is invalid.
    Usage,
    /// The user cancelled it.
    Cancelled,
    /// The file or object does not exist.
    NotFound,
    /// No model is intended for this image.
    NoModel,
    /// The disk cannot be written to: it is full, read-only or gone, or another program has locked the file. A retry
    /// may succeed later; other files on the same disk would fail as well.
    Disk,
    /// The data read differs from what was expected.
    Mismatch,
    /// The masks refer to other images than those they should be applied to. They can still be applied by position if
    /// the user agrees.
    NamesOtherImages,
    /// The masks have another position than these images, so they belong to other images.
    Elsewhere,
    /// The masks belong to one of this many time points without saying which; the user has to choose.
    TimeWanted(u32),
    /// A server cannot be reached, does not answer, or reports an internal error; a retry may succeed later.
    Unreachable,
    /// The connection to a server was lost; the data sent may have arrived.
    ConnectionLost,
    /// A server requires a sign-in or rejects the credentials.
    SignIn,
    /// A server refuses the request, or its answer is invalid.
    Refused,
    /// The connection to a server cannot be trusted.
    Untrusted,
    /// The settings of a server are invalid.
    Settings,
    /// A training cannot be resumed, because it was started with other settings or images.
    SettingsDiffer,
}

impl ErrorKind {
    /// True if the work can continue once the user answers a question that the files leave open.
    pub fn is_question(self) -> bool {
        matches!(self, Self::NamesOtherImages | Self::TimeWanted(_))
    }

    /// True if the masks are valid but belong to other images.
    pub fn is_of_others(self) -> bool {
        matches!(
            self,
            Self::NotFound | Self::NamesOtherImages | Self::Elsewhere
        )
    }

    /// True if a retry may succeed later without any action by the user.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::ConnectionLost)
    }

    /// True if the data may have arrived despite the failure.
    pub fn is_uncertain(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::Cancelled)
    }
}

/// A failure that the user can act upon, shown as `cannot <tried> "<path>": <reason>. <advice>`.
#[derive(Clone, Debug)]
pub struct Error {
    /// What was attempted, as an infinitive: "read the image". The path follows it, or replaces `{path}` within it.
    pub tried: String,
    /// The file or folder concerned.
    pub path: Option<PathBuf>,
    /// Why it failed, in plain words: a clause without a full stop.
    pub reason: String,
    /// What the user can do about it, in whole sentences.
    pub advice: Option<String>,
    /// Kind of failure.
    pub kind: ErrorKind,
    /// The underlying error of a library or of the system, if any.
    pub source: Option<Arc<dyn error::Error + Send + Sync>>,
}

/// Compares everything except `source`, which cannot be compared.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.tried == other.tried
            && self.path == other.path
            && self.reason == other.reason
            && self.advice == other.advice
    }
}

impl Eq for Error {}

impl Error {
    /// An error that concerns no file or folder.
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

    /// An error that concerns a file or folder.
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

    /// Adds advice for the user.
    pub fn with_advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds the underlying error of a library or of the system.
    pub fn caused_by(mut self, source: impl error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Sets the kind of failure.
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Describes an I/O error in plain words where there are any.
pub fn reason_of(error: &io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "file not found".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::UnexpectedEof => "the file is truncated".into(),
        ErrorKind::IsADirectory => "this is a folder, not a file".into(),
        ErrorKind::NotADirectory => "this is a file, not a folder".into(),
        _ => error.to_string(),
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn error::Error + 'static))
    }
}
