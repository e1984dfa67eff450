//! PACS servers: finds and receives studies and sends objects, over DICOMweb or DIMSE.
//!
//! Every exchange can be cancelled at once: it runs on a thread of its own, which is abandoned when cancelled (`patience`).

mod claim;
mod dimse;
mod failure;
mod http;
mod json;
mod multipart;
mod object;
mod patience;
mod queue;
mod receive;
mod secrets;
mod stamp;
mod web;

pub use claim::{Claim, STALE};
pub use object::Object;
pub use queue::SendQueue;
pub use receive::{Received, folder_of_study, receive_study};
pub use secrets::{forget_secret, keep_secret, kept_secret};
pub use stamp::{ResultName, rename_object};

use crate::{ErrorKind, Result};
use failure::server_error;
use labrum_core::{
    pacs::{FoundStudies, Protocol, Query, RemoteInstance, RemoteSeries, Secret, Server},
    progress::Cancel,
};
use std::path::Path;

/// A client for one server. Cheap to clone; creating one does not access the network.
#[derive(Clone)]
pub struct Archive {
    server: Server,
    by: By,
}

#[derive(Clone)]
enum By {
    Web(web::WebClient),
    Dimse(dimse::DimseClient),
}

/// Called for each received object with its size in bytes, or with the error.
pub(crate) type Arrived<'a> = dyn FnMut(&RemoteInstance, Result<u64>) + 'a;

impl Archive {
    /// A client for a server, with the password or token that it requires.
    ///
    /// # Errors
    /// If the server's settings are not valid, a certificate cannot be read, or the secret is missing.
    pub fn new(server: &Server, secret: Option<&Secret>) -> Result<Self> {
        if let Some(problem) = server.find_problem() {
            return Err(server_error(
                ErrorKind::Settings,
                server,
                "connect",
                problem,
            ));
        }
        let by = match server.protocol {
            Protocol::DicomWeb => By::Web(web::WebClient::new(server, secret)?),
            Protocol::Dimse => By::Dimse(dimse::DimseClient::new(server)),
        };
        Ok(Self {
            server: server.clone(),
            by,
        })
    }

    /// The settings of the server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Tests the connection and the sign-in.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub fn echo(&self, cancel: &Cancel) -> Result<()> {
        match &self.by {
            By::Web(client) => client.echo(cancel),
            By::Dimse(client) => client.echo(cancel),
        }
    }

    /// Matching studies, newest first.
    ///
    /// # Errors
    /// If the server cannot be reached or its answer is not valid.
    pub fn find_studies(&self, query: &Query, cancel: &Cancel) -> Result<FoundStudies> {
        let mut found = match &self.by {
            By::Web(client) => client.find_studies(query, cancel)?,
            By::Dimse(client) => client.find_studies(query, cancel)?,
        };
        found.studies.sort_by(|a, b| {
            b.date
                .cmp(&a.date)
                .then_with(|| a.patient_name.cmp(&b.patient_name))
        });
        Ok(found)
    }

    /// The series of a study, ordered by series number.
    ///
    /// # Errors
    /// As [`Self::find_studies`].
    pub fn find_series(&self, study_uid: &str, cancel: &Cancel) -> Result<Vec<RemoteSeries>> {
        let mut series = match &self.by {
            By::Web(client) => client.find_series(study_uid, cancel)?,
            By::Dimse(client) => client.find_series(study_uid, cancel)?,
        };
        series.sort_by(|a, b| {
            a.number
                .cmp(&b.number)
                .then_with(|| a.description.cmp(&b.description))
        });
        Ok(series)
    }

    /// The objects of a series.
    ///
    /// # Errors
    /// As [`Self::find_studies`].
    pub fn find_instances(
        &self,
        study_uid: &str,
        series_uid: &str,
        cancel: &Cancel,
    ) -> Result<Vec<RemoteInstance>> {
        match &self.by {
            By::Web(client) => client.find_instances(study_uid, series_uid, cancel),
            By::Dimse(client) => client.find_instances(study_uid, series_uid, cancel),
        }
    }

    /// Receives objects of a series as files `UID.dcm` in `folder` and calls `arrived` for each. Files appear only when they
    /// are complete and verified to be the requested object.
    ///
    /// # Errors
    /// If the exchange as a whole fails. Objects for which `arrived` was not called were not received.
    pub(crate) fn fetch_instances(
        &self,
        study_uid: &str,
        series_uid: &str,
        wanted: &[RemoteInstance],
        folder: &Path,
        arrived: &mut Arrived<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        match &self.by {
            By::Web(client) => {
                client.fetch_instances(study_uid, series_uid, wanted, folder, arrived, cancel)
            }
            By::Dimse(client) => {
                client.fetch_instances(study_uid, series_uid, wanted, folder, arrived, cancel)
            }
        }
    }

    /// True if the server has an object.
    ///
    /// # Errors
    /// As [`Self::find_studies`].
    pub fn has_instance(
        &self,
        study_uid: &str,
        series_uid: &str,
        sop_uid: &str,
        cancel: &Cancel,
    ) -> Result<bool> {
        match &self.by {
            By::Web(client) => client.has_instance(study_uid, series_uid, sop_uid, cancel),
            By::Dimse(client) => client.has_instance(study_uid, series_uid, sop_uid, cancel),
        }
    }

    /// Sends an object to the server.
    ///
    /// # Errors
    /// If the server does not accept it, or it is unknown whether it arrived ([`ErrorKind::is_uncertain`]).
    pub fn store_object(&self, object: &Object, cancel: &Cancel) -> Result<()> {
        match &self.by {
            By::Web(client) => client.store_object(object, cancel),
            By::Dimse(client) => client.store_object(object, cancel),
        }
    }
}
