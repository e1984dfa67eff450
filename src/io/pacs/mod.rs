//! Archives (PACS): studies are found and received, objects are sent, over DICOMweb or DIMSE.
//!
//! Whatever waits for a server can be cancelled at once: each exchange happens on a thread of its own, which is left to
//! itself where nobody wants its answer any more (`patience`).

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

/// A server that can be spoken to. Cheap to clone; making one touches no network.
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

/// Told of each object that a fetch brought, or of why it did not come.
pub(crate) type Arrived<'a> = dyn FnMut(&RemoteInstance, Result<u64>) + 'a;

impl Archive {
    /// A server with the secret that it asks for.
    ///
    /// # Errors
    /// Where the server's settings make no sense, a certificate cannot be read, or the secret is missing.
    pub fn new(server: &Server, secret: Option<&Secret>) -> Result<Self> {
        if let Some(problem) = server.find_problem() {
            return Err(server_error(ErrorKind::Settings, server, "use", problem));
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

    /// Which server it is.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Asks whether the server is there and lets us in.
    ///
    /// # Errors
    /// Where it is not, or does not.
    pub fn echo(&self, cancel: &Cancel) -> Result<()> {
        match &self.by {
            By::Web(client) => client.echo(cancel),
            By::Dimse(client) => client.echo(cancel),
        }
    }

    /// Studies that fit, the newest first.
    ///
    /// # Errors
    /// Where the server cannot be asked or its answer cannot be understood.
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

    /// The series of a study in order of their numbers.
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

    /// Brings objects of a series as files `UID.dcm` into `folder`; `arrived` is told of each. What is in the folder
    /// appears whole and is the object that was asked for.
    ///
    /// # Errors
    /// Where the exchange as a whole fails; those objects of which `arrived` was told nothing did not come.
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

    /// Whether the server has an object.
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

    /// Sends an object into its study.
    ///
    /// # Errors
    /// Where the server does not take it, or it is not known whether it did: then [`ErrorKind::is_uncertain`].
    pub fn store_object(&self, object: &Object, cancel: &Cancel) -> Result<()> {
        match &self.by {
            By::Web(client) => client.store_object(object, cancel),
            By::Dimse(client) => client.store_object(object, cancel),
        }
    }
}
