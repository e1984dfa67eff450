//! Archives (PACS) as the window and the command line know them: servers, questions, answers, and what waits to be sent.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How a server is spoken to.
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
    /// Both.
    pub const ALL: [Self; 2] = [Self::DicomWeb, Self::Dimse];

    /// What it is called.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::DicomWeb => "DICOMweb",
            Self::Dimse => "DIMSE",
        }
    }
}

/// How one proves to a DICOMweb server who one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// Not at all.
    #[default]
    None,
    /// A user with a password (HTTP Basic).
    Password,
    /// A token (HTTP Bearer).
    Token,
}

impl SignIn {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Password, Self::Token];

    /// What it is called.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Password => "Password",
            Self::Token => "Token",
        }
    }
}

/// A server, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// What people call it; unique among the servers.
    pub name: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// DICOMweb: the base address, `https://pacs.example.org/dicom-web`. DIMSE: `host:port`.
    pub address: String,
    /// DIMSE: its AE title.
    pub called_ae: String,
    /// DIMSE: our AE title.
    pub calling_ae: String,
    /// DIMSE: the port that objects are sent to by C-MOVE; `None` fetches by C-GET.
    pub move_port: Option<u16>,
    /// DICOMweb: how one signs in.
    pub sign_in: SignIn,
    /// DICOMweb: the user.
    pub user: String,
    /// DICOMweb: certificates (PEM) that are trusted instead of the system's.
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
    /// What stands for the server in names of files: other words for the same address are the same server.
    pub fn file_key(&self) -> String {
        let address = self.address.trim().trim_end_matches('/').to_lowercase();
        match self.protocol {
            Protocol::DicomWeb => format!("web {address}"),
            Protocol::Dimse => format!("dimse {}@{address}", self.called_ae.trim()),
        }
    }

    /// True where a secret would cross the network in the clear.
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

    /// What is wrong with it, as a clause.
    pub fn find_problem(&self) -> Option<&'static str> {
        let address = self.address.trim();
        let host = address.split_once("://").map_or(address, |(_, rest)| rest);
        let authority = host.split('/').next().unwrap_or_default();
        match self.protocol {
            _ if self.name.trim().is_empty() => Some("it has no name"),
            _ if authority.is_empty() => Some("it has no address"),
            Protocol::DicomWeb
                if !address.starts_with("http://") && !address.starts_with("https://") =>
            {
                Some("its address must begin with https:// or http://")
            }
            Protocol::DicomWeb if authority.contains('@') => Some(
                "user and password do not belong into the address: name the user, the password is asked for",
            ),
            Protocol::DicomWeb
                if self.sign_in == SignIn::Password && self.user.trim().is_empty() =>
            {
                Some("it has no user")
            }
            Protocol::Dimse
                if address
                    .rsplit_once(':')
                    .is_none_or(|(_, port)| port.parse::<u16>().is_err()) =>
            {
                Some("its address must be host:port")
            }
            Protocol::Dimse if !is_ae_title(&self.called_ae) || !is_ae_title(&self.calling_ae) => {
                Some("an AE title has 1 to 16 letters")
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

/// A password or a token. It is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Which studies are looked for. What is empty is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A part of the Patient's Name; `*` and `?` stand for any letters.
    pub patient_name: String,
    /// Patient ID, whole unless it has `*`.
    pub patient_id: String,
    /// Study Date, YYYYMMDD or YYYY-MM-DD: from this day on.
    pub from: String,
    /// To this day.
    pub to: String,
    /// Modality of one of its series: "CT".
    pub modality: String,
    /// Accession Number.
    pub accession: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// So many at most; 0 for as many as are usual.
    pub limit: usize,
}

/// Most studies that one question is answered with, where nothing else is said.
pub const USUAL_LIMIT: usize = 200;

impl Query {
    /// So many studies at most.
    pub fn study_limit(&self) -> usize {
        if self.limit == 0 {
            USUAL_LIMIT
        } else {
            self.limit
        }
    }

    /// Study Date as DICOM asks for it: "20260101-20261231"; `None` where no day is named.
    ///
    /// # Errors
    /// Where a day is none: what was written.
    pub fn study_date_range(&self) -> Result<Option<String>, String> {
        let (from, to) = (parse_day(&self.from)?, parse_day(&self.to)?);
        Ok(match (from.is_empty(), to.is_empty()) {
            (true, true) => None,
            _ if from == to => Some(from),
            _ => Some(format!("{from}-{to}")),
        })
    }

    /// Patient's Name as DICOM matches it.
    pub fn name_pattern(&self) -> Option<String> {
        let name = self.patient_name.trim();
        match name {
            "" => None,
            _ if name.contains(['*', '?']) => Some(name.to_owned()),
            // People write "Doe John" for what is kept as "DOE^JOHN".
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
    /// Patient's Name with spaces. Never written to a log.
    pub patient_name: String,
    /// Patient ID. Never written to a log.
    pub patient_id: String,
    /// Study Date as YYYY-MM-DD; empty where unknown.
    pub date: String,
    /// Study Description.
    pub description: String,
    /// Accession Number.
    pub accession: String,
    /// Modalities in Study.
    pub modalities: Vec<String>,
    /// Number of Study Related Series, where the server says it.
    pub series: Option<u32>,
    /// Number of Study Related Instances, where the server says it.
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
    /// Number of Series Related Instances, where the server says it.
    pub instances: Option<u32>,
}

/// An object on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct RemoteInstance {
    /// SOP Instance UID.
    pub sop_uid: String,
    /// SOP Class UID; empty where the server does not say it.
    pub sop_class: String,
}

/// What a question for studies found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundStudies {
    /// The newest first.
    pub studies: Vec<RemoteStudy>,
    /// There are more than were asked for.
    pub is_cut: bool,
}

/// How far a study is that is being received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receiving {
    /// Objects that are here.
    pub done: usize,
    /// Objects in all, as far as is known.
    pub total: usize,
    /// Bytes received.
    pub bytes: u64,
    /// The connection was lost; it is tried again.
    pub is_waiting: bool,
}

/// Where an object stands that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendState {
    /// It waits for its turn.
    Waiting,
    /// It is on its way, or was when the program broke off.
    Sending,
    /// The server has it.
    Sent,
    /// The server does not take it; a person has to look.
    Refused,
    /// A person does not want it sent any more.
    Cancelled,
}

impl SendState {
    /// True while something is still to be done.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Sending)
    }

    /// What it is called.
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

/// An object that is to be sent. It names no patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendItem {
    /// Tells it from the others: the same for the same object and server.
    pub id: String,
    /// Where it goes.
    pub server: Server,
    /// Name of the file that it came from.
    pub file: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_uid: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Where it stands.
    pub state: SendState,
    /// How often it was tried.
    pub attempts: u32,
    /// A try began and its end is not known: before it is sent again, the server is asked whether it has it.
    pub may_have_arrived: bool,
    /// When it is tried next, milliseconds since 1970.
    pub next_try: i64,
    /// Why the last try failed.
    pub trouble: Option<String>,
    /// When it was queued, milliseconds since 1970.
    pub queued: i64,
    /// When its state changed last, milliseconds since 1970.
    pub changed: i64,
}

/// True for what can be a UID (PS3.5 9.1): digits and points, 64 at most. Whatever a server says is held against this
/// before it becomes the name of a file.
pub fn is_uid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
