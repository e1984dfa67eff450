//! The headers of slices, as long as their dialog is open.

use super::{
    Session,
    case::Case,
    job::{Job, SliceKey, ViewerJob},
};
use crate::{Error, Result};
use labrum_core::{header::FileHeader, study::Kind};
use std::sync::Arc;

/// Most headers that are kept: those of two slices that are compared, and of the slice that was shown before.
const MOST: usize = 3;

/// A request about headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderAction {
    /// Read the header of a slice of an open case.
    Read(SliceKey),
    /// Forget all headers, because the dialog is closed.
    Forget,
}

/// The headers that were asked for, the newest last; `None` while one is being read.
#[derive(Debug, Default)]
pub struct Headers {
    asked: Vec<(SliceKey, Option<Result<Arc<FileHeader>>>)>,
}

impl Headers {
    /// The header of a slice, or why it could not be read; `None` if it was not asked for or is being read.
    pub fn header_of(&self, key: SliceKey) -> Option<Result<&Arc<FileHeader>, &Error>> {
        let (_, found) = self.asked.iter().find(|(asked, _)| *asked == key)?;
        found.as_ref().map(Result::as_ref)
    }

    /// True if a slice was asked for.
    pub fn is_asked(&self, key: SliceKey) -> bool {
        self.asked.iter().any(|(asked, _)| *asked == key)
    }
}

impl Session {
    pub(super) fn header_action(&mut self, action: HeaderAction) {
        match action {
            HeaderAction::Read(key) if self.headers.is_asked(key) => {}
            HeaderAction::Read(key) => self.read_header(key),
            HeaderAction::Forget => self.headers = Headers::default(),
        }
    }

    fn read_header(&mut self, key: SliceKey) {
        let case = self.cases.iter().find(|case| case.id == key.case);
        let Some(slice) = case.and_then(|case| case.slice_info(key.slice)) else {
            return;
        };
        self.jobs.push(Job::Viewer(ViewerJob::ReadHeader {
            key,
            path: slice.source.path.clone(),
        }));
        let asked = &mut self.headers.asked;
        asked.push((key, None));
        let too_many = asked.len().saturating_sub(MOST);
        asked.drain(..too_many);
    }

    pub(super) fn on_header(&mut self, key: SliceKey, result: Result<Arc<FileHeader>>) {
        let mut asked = self.headers.asked.iter_mut();
        // The dialog may have been closed meanwhile.
        if let Some((_, found)) = asked.find(|(asked, _)| *asked == key) {
            *found = Some(result);
        }
    }
}

/// Why a case has no header to show.
pub(super) fn refuse_header(case: &Case) -> Option<&'static str> {
    (case.series.kind == Kind::Picture).then_some("Only DICOM files have a header")
}

#[cfg(test)]
mod tests;
