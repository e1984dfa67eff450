//! Short jobs that a person waits for, on a thread of their own: a search for files may take minutes.

use super::Outbox;
use crate::{
    io,
    session::job::{Event, ViewerJob},
};
use std::sync::Arc;

pub(super) fn run_job(job: ViewerJob, outbox: &Outbox) {
    match job {
        ViewerJob::ReadHeader { key, path } => {
            let result = labrum_dicom::elements::read_header(&path).map(Arc::new);
            outbox.send_event(Event::Header { key, result });
        }
        ViewerJob::ShowFolder(folder) => {
            if let Err(error) = io::desktop::show_folder(&folder) {
                outbox.send_event(Event::Failed(error));
            }
        }
    }
}
