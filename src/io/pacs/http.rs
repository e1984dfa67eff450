//! HTTP requests to a server: authorization, time limits, and error messages for people.

use super::failure::server_error;
use crate::{Error, ErrorKind, Result};
use base64::Engine;
use labrum_core::pacs::{Secret, Server, SignIn};
use std::{fs, io, path::Path, sync::Arc, time::Duration};
use ureq::{
    Agent, Body, RequestBuilder,
    http::{Response, StatusCode},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
    typestate::{WithBody, WithoutBody},
};

/// Time limit for connecting.
const CONNECT: Duration = Duration::from_secs(10);
/// Time limit for each read and write.
const PATIENCE: Duration = Duration::from_secs(60);
/// A connection that was idle for this long is not reused: some servers close theirs after a second.
const IDLE: Duration = Duration::from_millis(500);
/// Number of idle connections kept for reuse.
const KEPT: usize = 4;

/// A server that is reached over HTTP.
#[derive(Clone)]
pub(super) struct HttpLine {
    pub(super) server: Arc<Server>,
    agent: Agent,
    base: String,
    authorization: Option<Authorization>,
}

/// The value of the `Authorization` header; must never be logged or shown.
#[derive(Clone)]
struct Authorization(String);

impl HttpLine {
    pub(super) fn new(server: &Server, secret: Option<&Secret>) -> Result<Self> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(PATIENCE))
            .timeout_per_write(Some(PATIENCE))
            .max_idle_connections_per_host(KEPT)
            .max_idle_age(IDLE)
            .user_agent(concat!("labrum/", env!("CARGO_PKG_VERSION")))
            .tls_config(
                TlsConfig::builder()
                    .root_certs(root_certificates(server)?)
                    .build(),
            )
            .build();
        Ok(Self {
            server: Arc::new(server.clone()),
            agent: config.into(),
            base: server.address.trim().trim_end_matches('/').to_owned(),
            authorization: authorization_header(server, secret)?.map(Authorization),
        })
    }

    pub(super) fn get(&self, path: &str, accept: &str) -> RequestBuilder<WithoutBody> {
        let request = self
            .agent
            .get(format!("{}/{path}", self.base))
            .header("accept", accept);
        match &self.authorization {
            Some(header) => request.header("authorization", &header.0),
            None => request,
        }
    }

    pub(super) fn post(&self, path: &str, accept: &str) -> RequestBuilder<WithBody> {
        let request = self
            .agent
            .post(format!("{}/{path}", self.base))
            .header("accept", accept);
        match &self.authorization {
            Some(header) => request.header("authorization", &header.0),
            None => request,
        }
    }

    /// The error for a failed exchange. `has_sent`: an object was being sent and may have arrived.
    pub(super) fn transport_error(
        &self,
        tried: &str,
        error: &ureq::Error,
        has_sent: bool,
    ) -> Error {
        let (kind, reason) = explain_error(error);
        let kind = if kind == ErrorKind::Unreachable && has_sent && !never_connected(error) {
            ErrorKind::ConnectionLost
        } else {
            kind
        };
        server_error(kind, &self.server, tried, reason)
    }

    /// The error for an HTTP status other than success.
    pub(super) fn status_error(&self, tried: &str, answer: &mut Response<Body>) -> Error {
        let status = answer.status();
        let (kind, reason) = match status {
            StatusCode::UNAUTHORIZED if self.server.sign_in == SignIn::None => (
                ErrorKind::SignIn,
                "the server requires a user name and password, or a token".to_owned(),
            ),
            StatusCode::UNAUTHORIZED => (
                ErrorKind::SignIn,
                "the server does not accept the password or token".to_owned(),
            ),
            StatusCode::FORBIDDEN => (
                ErrorKind::SignIn,
                "this user does not have permission".to_owned(),
            ),
            StatusCode::NOT_FOUND => (
                ErrorKind::NotFound,
                "address not found on the server (404 Not Found)".to_owned(),
            ),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => (
                ErrorKind::Unreachable,
                format!("the server is too busy ({status})"),
            ),
            _ if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                (ErrorKind::Unreachable, format!("server error ({status})"))
            }
            _ => (
                ErrorKind::Refused,
                format!("the server responded with {status}"),
            ),
        };
        server_error(kind, &self.server, tried, reason)
    }

    /// The error for an answer that is not valid DICOMweb.
    pub(super) fn invalid_answer(&self, tried: &str, reason: &str) -> Error {
        server_error(ErrorKind::Refused, &self.server, tried, reason).with_advice(
            "Check that the address is that of the DICOMweb service, such as \
             https://HOST/dicom-web.",
        )
    }
}

fn authorization_header(server: &Server, secret: Option<&Secret>) -> Result<Option<String>> {
    Ok(match (server.sign_in, secret) {
        (SignIn::None, _) => None,
        (SignIn::Password, Some(secret)) => {
            let pair = format!("{}:{}", server.user.trim(), secret.expose_secret());
            Some(format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(pair)
            ))
        }
        (SignIn::Token, Some(secret)) => {
            let token = secret.expose_secret().trim();
            if !token.bytes().all(|b| b.is_ascii_graphic()) {
                let reason = "the token contains invalid characters";
                return Err(sign_in_error(server, reason));
            }
            Some(format!("Bearer {token}"))
        }
        (SignIn::Password, None) => {
            return Err(sign_in_error(server, "the password is missing"));
        }
        (SignIn::Token, None) => return Err(sign_in_error(server, "the token is missing")),
    })
}

fn sign_in_error(server: &Server, reason: &str) -> Error {
    server_error(ErrorKind::SignIn, server, "sign in", reason)
}

/// The trusted root certificates: those of the system, or of a file.
fn root_certificates(server: &Server) -> Result<RootCerts> {
    let Some(path) = &server.certificates else {
        return Ok(RootCerts::PlatformVerifier);
    };
    let pem = fs::read(path).map_err(|e| certificates_error(path, labrum_core::reason_of(&e)))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(certificates_error(path, error)),
        }
    }
    if certificates.is_empty() {
        return Err(certificates_error(path, "the file contains no certificate"));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

fn certificates_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("read the certificates", path, reason)
        .with_advice("Choose a PEM file in the server's settings.")
        .of_kind(ErrorKind::Settings)
}

/// True if there was no connection, so that nothing can have been sent.
fn never_connected(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Timeout(limit) => {
            matches!(limit, ureq::Timeout::Connect | ureq::Timeout::Resolve)
        }
        ureq::Error::Io(e) => e.kind() == io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

fn explain_error(error: &ureq::Error) -> (ErrorKind, String) {
    use ureq::Error as E;
    match error {
        E::HostNotFound => (ErrorKind::Unreachable, "host not found".to_owned()),
        E::ConnectionFailed => (ErrorKind::Unreachable, "the connection failed".to_owned()),
        E::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => (
            ErrorKind::Unreachable,
            format!("no connection within {} s", CONNECT.as_secs()),
        ),
        E::Timeout(_) => (
            ErrorKind::Unreachable,
            format!("no answer for {} s", PATIENCE.as_secs()),
        ),
        E::Io(e) => explain_io(e),
        E::Rustls(_) | E::Tls(_) | E::Pem(_) => {
            (ErrorKind::Untrusted, untrusted_reason(&error.to_string()))
        }
        E::BadUri(_) | E::Http(_) => (
            ErrorKind::Settings,
            "the server address is not valid".to_owned(),
        ),
        E::Protocol(_) | E::LargeResponseHeader(..) => (
            ErrorKind::Refused,
            "not an HTTP server, or a damaged answer".to_owned(),
        ),
        E::RedirectFailed | E::TooManyRedirects => (
            ErrorKind::Refused,
            "too many or invalid redirects".to_owned(),
        ),
        E::BodyExceedsLimit(_) => (ErrorKind::Refused, "the answer is too long".to_owned()),
        other => (ErrorKind::Unreachable, other.to_string()),
    }
}

fn explain_io(error: &io::Error) -> (ErrorKind, String) {
    let words = error.to_string();
    let inner = error.get_ref().map(ToString::to_string).unwrap_or_default();
    if inner.contains("certificate") || inner.contains("UnknownIssuer") {
        return (ErrorKind::Untrusted, untrusted_reason(&inner));
    }
    if inner.contains("corrupt message")
        || inner.contains("peer is incompatible")
        || inner.contains("alert")
    {
        return (
            ErrorKind::Untrusted,
            format!("no secure connection: the server may not support TLS at this port ({inner})"),
        );
    }
    if words.contains("lookup address") {
        return (ErrorKind::Unreachable, "host not found".to_owned());
    }
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => "the connection was lost".to_owned(),
        io::ErrorKind::UnexpectedEof => "the answer is incomplete".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("no answer for {} s", PATIENCE.as_secs())
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "the server cannot be reached from this network".to_owned()
        }
        io::ErrorKind::InvalidData => return (ErrorKind::Refused, words),
        _ => words,
    };
    (ErrorKind::Unreachable, reason)
}

fn untrusted_reason(words: &str) -> String {
    let words = words
        .trim_start_matches("io: ")
        .trim_start_matches("rustls: ");
    format!("the server's certificate is not trusted ({words})")
}
