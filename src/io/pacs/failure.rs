//! Errors of the communication with a server.

use crate::{Error, ErrorKind};
use labrum_core::pacs::Server;

/// An error about a server. `tried` is what was tried, such as "find studies".
pub(super) fn server_error(
    kind: ErrorKind,
    server: &Server,
    tried: &str,
    reason: impl ToString,
) -> Error {
    let on = if server.name.is_empty() {
        &server.address
    } else {
        &server.name
    };
    let error = Error::new(format!("{tried} (server \"{on}\")"), reason).of_kind(kind);
    match advice_for_kind(kind) {
        Some(advice) => error.with_advice(advice),
        None => error,
    }
}

/// The error for an exchange that a person cancelled.
pub(super) fn cancelled_error(server: &Server, tried: &str) -> Error {
    server_error(ErrorKind::Cancelled, server, tried, "cancelled")
}

fn advice_for_kind(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Unreachable | ErrorKind::ConnectionLost => {
            Some("Check the server's address and the network.")
        }
        ErrorKind::SignIn => {
            Some("Check the user name and password, or the token, in the server's settings.")
        }
        ErrorKind::Untrusted => Some(
            "Set the certificate file (PEM) of your hospital's certificate authority in the \
             server's settings.",
        ),
        ErrorKind::Settings => Some("Change the server's settings."),
        _ => None,
    }
}
