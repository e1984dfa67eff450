//! Types for PACS access, used by the window and the command line: servers, queries, results and the send queue.

use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// Protocol of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// QIDO-RS, WADO-RS and STOW-RS (PS3.18).
    #[default]
    DicomWeb,
    /// C-ECHO, C-FIND, C-GET or C-MOVE, and C-STORE (PS3.7).
    Dimse,
}

impl Protocol {
    /// Both protocols.
    pub const ALL: [Self; 2] = [Self::DicomWeb, Self::Dimse];

    /// Display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::DicomWeb => "DICOMweb",
            Self::Dimse => "DIMSE",
        }
    }
}

/// Authentication with a DICOMweb server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// No authentication.
    #[default]
    None,
    /// User name and password (HTTP Basic).
    Password,
    /// Token (HTTP Bearer).
    Token,
}

impl SignIn {
    /// All kinds of authentication.
    pub const ALL: [Self; 3] = [Self::None, Self::Password, Self::Token];

    /// Display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Password => "Password",
            Self::Token => "Token",
        }
    }
}

/// Settings of a server, without password or token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Display name; unique among the servers.
    pub name: String,
    /// Protocol.
    pub protocol: Protocol,
    /// DICOMweb: base URL, `https://pacs.example.org/dicom-web`. DIMSE: `host:port`.
    pub address: String,
    /// DIMSE: AE title of the server.
    pub called_ae: String,
    /// DIMSE: own AE title.
    pub calling_ae: String,
    /// DIMSE: local port for C-MOVE; `None` to use C-GET.
    pub move_port: Option<u16>,
    /// DICOMweb: authentication.
    pub sign_in: SignIn,
    /// DICOMweb: user name.
    pub user: String,
    /// DICOMweb: certificate file (PEM) to trust instead of the system's certificates.
    pub certificates: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            name: String::new(),
            protocol: Protocol::DicomWeb,
            address: String::new(),
            called_ae: "ANY-SCP".into(),
            calling_ae: "LABRUM".into(),
            move_port: None,
            sign_in: SignIn::None,
            user: String::new(),
            certificates: None,
        }
    }
}

impl Server {
    /// Key of the server in file names; equal for different spellings of the same address.
    pub fn file_key(&self) -> String {
        let address = self.address.trim().trim_end_matches('/').to_lowercase();
        match self.protocol {
            Protocol::DicomWeb => format!("web {address}"),
            Protocol::Dimse => format!("dimse {}@{address}", self.called_ae.trim()),
        }
    }

    /// True if the password or token would be sent unencrypted.
    pub fn is_secret_in_the_clear(&self) -> bool {
        let address = self.address.to_lowercase();
        let host = address.strip_prefix("http://").unwrap_or_default();
        let is_here = ["localhost", "127.0.0.1", "[::1]"]
            .iter()
            .any(|here| host.starts_with(here));
        self.protocol == Protocol::DicomWeb
            && self.sign_in != SignIn::None
            && !host.is_empty()
            && !is_here
    }

    /// What is wrong with the settings, as a clause; `None` if they are valid.
    pub fn find_problem(&self) -> Option<&'static str> {
        let address = self.address.trim();
        let host = address.split_once("://").map_or(address, |(_, rest)| rest);
        let authority = host.split('/').next().unwrap_or_default();
        match self.protocol {
            _ if self.name.trim().is_empty() => Some("the name is missing"),
            _ if authority.is_empty() => Some("the address is missing"),
            Protocol::DicomWeb
                if !address.starts_with("http://") && !address.starts_with("https://") =>
            {
                Some("the address must begin with https:// or http://")
            }
            Protocol::DicomWeb if authority.contains('@') => Some(
                "the address must not contain a user name or password; enter the user name in its own field, \
                 the password is asked for when connecting",
            ),
            Protocol::DicomWeb
                if self.sign_in == SignIn::Password && self.user.trim().is_empty() =>
            {
                Some("the user name is missing")
            }
            Protocol::Dimse
                if address
                    .rsplit_once(':')
                    .is_none_or(|(_, port)| port.parse::<u16>().is_err()) =>
            {
                Some("the address must be host:port")
            }
            Protocol::Dimse if !is_ae_title(&self.called_ae) || !is_ae_title(&self.calling_ae) => {
                Some("AE titles must have 1 to 16 characters")
            }
            _ => None,
        }
    }
}

fn is_ae_title(title: &str) -> bool {
    let title = title.trim();
    (1..=16).contains(&title.len())
        && title
            .bytes()
            .all(|b| (b' '..=b'~').contains(&b) && b != b'\\')
}

/// A password or token. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Query for studies. Empty fields match everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Part of the Patient's Name; `*` and `?` are wildcards.
    pub patient_name: String,
    /// Patient ID: exact, unless it contains `*`.
    pub patient_id: String,
    /// First Study Date, YYYYMMDD or YYYY-MM-DD.
    pub from: String,
    /// Last Study Date, inclusive.
    pub to: String,
    /// Modality of one of the series: "CT".
    pub modality: String,
    /// Accession Number.
    pub accession: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// Maximum number of studies; 0 for [`USUAL_LIMIT`].
    pub limit: usize,
}

/// Default maximum number of studies for a query.
pub const USUAL_LIMIT: usize = 200;

impl Query {
    /// Maximum number of studies.
    pub fn study_limit(&self) -> usize {
        if self.limit == 0 {
            USUAL_LIMIT
        } else {
            self.limit
        }
    }

    /// Study Date as a DICOM range: "20260101-20261231"; `None` if both dates are empty.
    ///
    /// # Errors
    /// If a date is invalid: its text.
    pub fn study_date_range(&self) -> Result<Option<String>, String> {
        let from = parse_day(&self.from)?;
        let to = parse_day(&self.to)?;
        Ok(match (from.is_empty(), to.is_empty()) {
            (true, true) => None,
            _ if from == to => Some(from),
            _ => Some(format!("{from}-{to}")),
        })
    }

    /// Patient's Name as a DICOM matching pattern; `None` if empty.
    pub fn name_pattern(&self) -> Option<String> {
        let name = self.patient_name.trim();
        match name {
            "" => None,
            _ if name.contains(['*', '?']) => Some(name.to_owned()),
            // People write "Doe John" for "DOE^JOHN".
            _ => Some(format!(
                "*{}*",
                name.split([' ', ',', '^'])
                    .filter(|w| !w.is_empty())
                    .collect::<Vec<_>>()
                    .join("*")
            )),
        }
    }
}

fn parse_day(text: &str) -> Result<String, String> {
    let digits: String = text
        .trim()
        .chars()
        .filter(|c| !"-./".contains(*c))
        .collect();
    let is_day = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || is_day {
        Ok(digits)
    } else {
        Err(text.trim().to_owned())
    }
}

/// A study on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RemoteStudy {
    /// Study Instance UID.
    pub study_uid: String,
    /// Patient's Name, with spaces between its parts. Never written to a log.
    pub patient_name: String,
    /// Patient ID. Never written to a log.
    pub patient_id: String,
    /// Study Date as YYYY-MM-DD; empty if unknown.
    pub date: String,
    /// Study Description.
    pub description: String,
    /// Accession Number.
    pub accession: String,
    /// Modalities in Study.
    pub modalities: Vec<String>,
    /// Number of Study Related Series, if the server returns it.
    pub series: Option<u32>,
    /// Number of Study Related Instances, if the server returns it.
    pub instances: Option<u32>,
}

/// A series on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RemoteSeries {
    /// Series Instance UID.
    pub series_uid: String,
    /// Modality.
    pub modality: String,
    /// Series Number.
    pub number: Option<i64>,
    /// Series Description.
    pub description: String,
    /// Number of Series Related Instances, if the server returns it.
    pub instances: Option<u32>,
}

/// An instance on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct RemoteInstance {
    /// SOP Instance UID.
    pub sop_uid: String,
    /// SOP Class UID; empty if the server does not return it.
    pub sop_class: String,
}

/// Result of a query for studies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundStudies {
    /// The studies, newest first.
    pub studies: Vec<RemoteStudy>,
    /// True if there are more studies than the limit.
    pub is_cut: bool,
}

/// Progress of receiving a study.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receiving {
    /// Number of objects received.
    pub done: usize,
    /// Total number of objects, as far as known.
    pub total: usize,
    /// Bytes received.
    pub bytes: u64,
    /// True while waiting to reconnect after the connection was lost.
    pub is_waiting: bool,
}

/// State of an object in the send queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendState {
    /// Waiting.
    Waiting,
    /// Being sent, or interrupted while being sent.
    Sending,
    /// Received by the server.
    Sent,
    /// Rejected by the server; needs the user's attention.
    Refused,
    /// Cancelled by the user.
    Cancelled,
}

impl SendState {
    /// True while sending is not finished.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Sending)
    }

    /// Display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Sending => "Sending",
            Self::Sent => "Sent",
            Self::Refused => "Not sent",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// An object in the send queue. Contains no patient data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendItem {
    /// ID, equal for the same object and server.
    pub id: String,
    /// Destination.
    pub server: Server,
    /// Name of the source file.
    pub file: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_uid: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// State.
    pub state: SendState,
    /// Number of attempts.
    pub attempts: u32,
    /// True if the outcome of the last attempt is unknown; before the next one, the server is asked whether it has the
    /// object.
    pub may_have_arrived: bool,
    /// Time of the next attempt, milliseconds since 1970.
    pub next_try: i64,
    /// Why the last attempt failed.
    pub trouble: Option<String>,
    /// Time of queueing, milliseconds since 1970.
    pub queued: i64,
    /// Time of the last change of state, milliseconds since 1970.
    pub changed: i64,
}

impl SendItem {
    /// What the object holds, for messages.
    pub fn content_name(&self) -> &'static str {
        match self.sop_class.as_str() {
            // Secondary Capture Image Storage.
            "1.2.840.10008.5.1.4.1.1.7" => "screenshot",
            // The storage classes of structured reports.
            class if class.starts_with("1.2.840.10008.5.1.4.1.1.88.") => "measurement report",
            _ => "segmentation",
        }
    }
}

/// True for a possible UID (PS3.5 9.1): digits and dots, at most 64 characters. UIDs from servers are checked with this
/// before they are used as file names.
pub fn is_uid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
