//! One HTTP exchange: who we are, time limits, and what failures mean to a person.

use super::failure::server_error;
use crate::{Error, ErrorKind, Result};
use base64::Engine;
use labrum_core::pacs::{Secret, Server, SignIn};
use std::{io, sync::Arc, time::Duration};
use ureq::{
    Agent, Body, RequestBuilder,
    http::{Response, StatusCode},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
    typestate::{WithBody, WithoutBody},
};

/// A connection has to be there after so long.
const CONNECT: Duration = Duration::from_secs(10);
/// Nothing is waited for longer than this between two pieces.
const PATIENCE: Duration = Duration::from_secs(60);
/// A connection that nobody has used for so long is not used again: servers close theirs after a second and more.
const IDLE: Duration = Duration::from_millis(500);
/// Connections that are kept for the next question.
const KEPT: usize = 4;

/// How a server is reached over HTTP.
#[derive(Clone)]
pub(super) struct HttpLine {
    pub(super) server: Arc<Server>,
    agent: Agent,
    base: String,
    authorization: Option<Authorization>,
}

/// The header that signs us in; never shown.
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

    /// What a failure of the line means. `has_sent`: something of worth was on its way.
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

    /// What an answer that is no success means.
    pub(super) fn status_error(&self, tried: &str, answer: &mut Response<Body>) -> Error {
        let status = answer.status();
        let (kind, reason) = match status {
            StatusCode::UNAUTHORIZED if self.server.sign_in == SignIn::None => (
                ErrorKind::SignIn,
                "it asks for a user and a password, or a token".to_owned(),
            ),
            StatusCode::UNAUTHORIZED => (
                ErrorKind::SignIn,
                "it does not accept the password or the token".to_owned(),
            ),
            StatusCode::FORBIDDEN => (ErrorKind::SignIn, "this user may not do that".to_owned()),
            StatusCode::NOT_FOUND => (
                ErrorKind::NotFound,
                "there is nothing at this address (404 Not Found)".to_owned(),
            ),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                (ErrorKind::Unreachable, format!("it is too busy ({status})"))
            }
            _ if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => (
                ErrorKind::Unreachable,
                format!("it has troubles of its own ({status})"),
            ),
            _ => (ErrorKind::Refused, format!("it answers {status}")),
        };
        server_error(kind, &self.server, tried, reason)
    }

    /// The server spoke, and it made no sense.
    pub(super) fn invalid_answer(&self, tried: &str, reason: &str) -> Error {
        server_error(ErrorKind::Refused, &self.server, tried, reason).with_advice(
            "Check that the address is that of its DICOMweb, as in https://HOST/dicom-web.",
        )
    }
}

fn authorization_header(server: &Server, secret: Option<&Secret>) -> Result<Option<String>> {
    let missing = |what: &str| {
        server_error(
            ErrorKind::SignIn,
            server,
            "sign in",
            format!("the {what} is missing"),
        )
    };
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
                return Err(server_error(
                    ErrorKind::SignIn,
                    server,
                    "sign in",
                    "the token has letters that no token has",
                ));
            }
            Some(format!("Bearer {token}"))
        }
        (SignIn::Password, None) => return Err(missing("password")),
        (SignIn::Token, None) => return Err(missing("token")),
    })
}

/// The certificates that are trusted: the system's, or those of a file.
fn root_certificates(server: &Server) -> Result<RootCerts> {
    let Some(path) = &server.certificates else {
        return Ok(RootCerts::PlatformVerifier);
    };
    let tried = "read the certificates";
    let failed = |reason: String| {
        Error::at_path(tried, path, reason)
            .with_advice("Choose a PEM file in the server's settings.")
            .of_kind(ErrorKind::Settings)
    };
    let pem = std::fs::read(path).map_err(|e| failed(labrum_core::reason_of(&e)))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    if certificates.is_empty() {
        return Err(failed("there is no certificate in it".into()));
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

/// True where nothing can have been sent.
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
    let unreachable = |reason: &str| (ErrorKind::Unreachable, reason.to_owned());
    match error {
        E::HostNotFound => unreachable("there is no computer of this name"),
        E::ConnectionFailed => unreachable("no connection could be made"),
        E::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => (
            ErrorKind::Unreachable,
            format!("it cannot be reached within {} s", CONNECT.as_secs()),
        ),
        E::Timeout(_) => (
            ErrorKind::Unreachable,
            format!("it hangs: nothing came for {} s", PATIENCE.as_secs()),
        ),
        E::Io(e) => explain_io(e),
        E::Rustls(_) | E::Tls(_) | E::Pem(_) => {
            (ErrorKind::Untrusted, untrusted_reason(&error.to_string()))
        }
        E::BadUri(_) | E::Http(_) => (ErrorKind::Settings, "its address is none".to_owned()),
        E::Protocol(_) | E::LargeResponseHeader(..) => (
            ErrorKind::Refused,
            "it does not speak HTTP, or its answer is damaged".to_owned(),
        ),
        E::RedirectFailed | E::TooManyRedirects => (
            ErrorKind::Refused,
            "it sends us from one address to another".to_owned(),
        ),
        E::BodyExceedsLimit(_) => (ErrorKind::Refused, "its answer is too long".to_owned()),
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
            format!("no secure connection could be made: it may not speak TLS there ({inner})"),
        );
    }
    if words.contains("lookup address") {
        return (
            ErrorKind::Unreachable,
            "there is no computer of this name".to_owned(),
        );
    }
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing answers there (connection refused)".to_owned(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => "the connection broke off".to_owned(),
        io::ErrorKind::UnexpectedEof => "its answer breaks off".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("it hangs: nothing came for {} s", PATIENCE.as_secs())
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no way to it in this network".to_owned()
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
    format!("its certificate is not trusted ({words})")
}
