//! Why an exchange with a server failed, and whether it is worth another try.

use crate::{Error, domain::pacs::Server};

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody stopped it.
    Cancelled,
    /// The server cannot be reached, hangs, or has troubles of its own: it may be better later.
    Unreachable,
    /// The connection broke off or the answer did: what was sent may have arrived.
    BrokenOff,
    /// The server does not let us in.
    SignIn,
    /// The server says no, or what it says cannot be understood.
    Refused,
    /// The connection cannot be trusted.
    Untrusted,
    /// The settings of the server, or what was asked, make no sense.
    Settings,
    /// Something here: a file, a folder, a thread.
    Here,
}

/// A failure of an exchange with a server.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// What to tell a person.
    pub error: Error,
}

impl Failure {
    /// A failure about a server: `tried` is what was tried, "find studies".
    pub(super) fn new(kind: Kind, server: &Server, tried: &str, reason: impl ToString) -> Self {
        let on = if server.name.is_empty() { &server.address } else { &server.name };
        let error = Error::new(format!("{tried} on the server \"{on}\""), reason);
        Self { kind, error: with_advice(error, kind) }
    }

    /// Somebody stopped it.
    pub(super) fn cancelled(server: &Server, tried: &str) -> Self {
        Self::new(Kind::Cancelled, server, tried, "it was cancelled")
    }

    /// It may go better later without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, Kind::Unreachable | Kind::BrokenOff)
    }

    /// What was to be sent may have arrived.
    pub fn is_uncertain(&self) -> bool {
        matches!(self.kind, Kind::BrokenOff | Kind::Cancelled)
    }
}

fn with_advice(error: Error, kind: Kind) -> Error {
    match kind {
        Kind::Unreachable | Kind::BrokenOff => error.advise("Check the server's address and the network."),
        Kind::SignIn => error.advise("Check user and password, or the token, in the server's settings."),
        Kind::Untrusted => {
            error.advise("Name the certificate of your hospital's authority (PEM) in the server's settings.")
        }
        Kind::Settings => error.advise("Change the server's settings."),
        Kind::Cancelled | Kind::Refused | Kind::Here => error,
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { kind: Kind::Here, error }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}
