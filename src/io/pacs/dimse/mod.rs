//! DIMSE (PS3.7): C-ECHO, C-FIND, C-GET or C-MOVE, and C-STORE, over the upper layer of `dicom-ul`.

mod arrival;
mod command;
mod fetch;
mod find;
mod line;
mod store;

use super::{Arrived, Object, patience::run_cancellable};
use crate::Result;
use command::{CommandSet, ECHO_RQ};
use labrum_core::{
    pacs::{FoundStudies, Query, RemoteInstance, RemoteSeries, Server},
    progress::Cancel,
};
use line::Association;
use std::{path::Path, sync::Arc, thread};

/// A DIMSE node.
#[derive(Clone)]
pub(super) struct DimseClient(Arc<Server>);

impl DimseClient {
    pub(super) fn new(server: &Server) -> Self {
        Self(Arc::new(server.clone()))
    }

    /// Runs an exchange that can be cancelled at once.
    fn run_cancellable<T: Send + 'static>(
        &self,
        tried: &'static str,
        cancel: &Cancel,
        work: impl FnOnce(&Server, &Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let server = self.0.clone();
        let guard = cancel.clone();
        run_cancellable(&self.0, tried, cancel, move || work(&server, &guard))
    }

    pub(super) fn echo(&self, cancel: &Cancel) -> Result<()> {
        let tried = "connect over DIMSE";
        self.run_cancellable(tried, cancel, move |server, cancel| {
            let verification = dicom_dictionary_std::uids::VERIFICATION;
            let mut line = Association::connect_to(
                server,
                tried,
                cancel,
                vec![(verification.into(), line::uncompressed_syntaxes())],
                &[],
            )?;
            let context = line.context_for_class(verification, None)?;
            line.send_message(
                context,
                &CommandSet::new_request(ECHO_RQ, verification),
                None,
            )?;
            let answer = line.next_message()?;
            line.expect_success(&answer)?;
            line.release();
            Ok(())
        })
    }

    pub(super) fn find_studies(&self, query: &Query, cancel: &Cancel) -> Result<FoundStudies> {
        let query = query.clone();
        self.run_cancellable("find studies", cancel, move |server, cancel| {
            find::query_studies(server, &query, cancel)
        })
    }

    pub(super) fn find_series(&self, study: &str, cancel: &Cancel) -> Result<Vec<RemoteSeries>> {
        let study = study.to_owned();
        self.run_cancellable("list the series", cancel, move |server, cancel| {
            find::query_series(server, &study, cancel)
        })
    }

    pub(super) fn find_instances(
        &self,
        study: &str,
        series: &str,
        cancel: &Cancel,
    ) -> Result<Vec<RemoteInstance>> {
        let study = study.to_owned();
        let series = series.to_owned();
        self.run_cancellable("list the objects", cancel, move |server, cancel| {
            find::query_instances(server, &study, &series, cancel)
        })
    }

    pub(super) fn has_instance(
        &self,
        study: &str,
        series: &str,
        sop: &str,
        cancel: &Cancel,
    ) -> Result<bool> {
        let study = study.to_owned();
        let series = series.to_owned();
        let sop = sop.to_owned();
        self.run_cancellable("look up the object", cancel, move |server, cancel| {
            find::has_instance(server, &study, &series, &sop, cancel)
        })
    }

    pub(super) fn fetch_instances(
        &self,
        study: &str,
        series: &str,
        wanted: &[RemoteInstance],
        folder: &Path,
        arrived: &mut Arrived<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        let order = fetch::FetchOrder {
            study: study.to_owned(),
            series: series.to_owned(),
            wanted: wanted.to_vec(),
            folder: folder.to_owned(),
        };
        // `arrived` is called while the exchange is running.
        let (tell, told) = crossbeam_channel::unbounded();
        let client = self.clone();
        let guard = cancel.clone();
        thread::scope(|scope| {
            let exchange = scope.spawn(move || {
                client.run_cancellable("receive objects", &guard, move |server, cancel| {
                    fetch::retrieve_instances(server, &order, &tell, cancel)
                })
            });
            for instance in &told {
                let (instance, bytes): (RemoteInstance, u64) = instance;
                arrived(&instance, Ok(bytes));
            }
            exchange
                .join()
                .unwrap_or_else(|_| Err(crate::Error::new("receive objects", "a thread failed")))
        })
    }

    pub(super) fn store_object(&self, object: &Object, cancel: &Cancel) -> Result<()> {
        let object = object.clone();
        self.run_cancellable("send an object", cancel, move |server, cancel| {
            store::send_object(server, &object, cancel)
        })
    }
}
