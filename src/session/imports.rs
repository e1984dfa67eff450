//! Masks from files: they take the place of those of the case, as one step that can be undone.

use super::{
    Session,
    job::{CaseId, ImportedMasks, Job, SliceKey},
    notice::Severity,
};
use crate::{
    Result,
    domain::{edit::Edit, mask::Mask, region::Region},
};
use std::path::PathBuf;

impl Session {
    /// Files with masks that were opened with the images, of this case or of others.
    pub(super) fn masks_found(&self) -> Vec<PathBuf> {
        self.passed_over.iter().filter(|passed| passed.has_masks).map(|passed| passed.path.clone()).collect()
    }

    /// Says that there are masks to be taken in.
    pub(super) fn tell_masks_found(&mut self, count: usize) {
        let files = match count {
            0 => return,
            1 => "A file with masks was opened with the images".to_owned(),
            n => format!("{n} files with masks were opened with the images"),
        };
        self.notices.add(Severity::Info, format!("{files}: Ctrl+Shift+I takes in those of the case."));
    }

    pub(super) fn import_masks(&mut self, paths: Vec<PathBuf>) {
        if let Some(case) = self.case() {
            if !case.is_restored {
                return self.notices.add(Severity::Info, "The workspace is being opened: import once it is.");
            }
            let (id, series) = (case.id, case.series.clone());
            self.jobs.push(Job::Import { case: id, series, paths });
        }
    }

    pub(super) fn on_imported(&mut self, case: CaseId, result: Result<ImportedMasks>) {
        let imported = match result {
            Ok(imported) => imported,
            Err(error) => return self.fail(&error),
        };
        self.drop_hand();
        let values = self.values_of(&imported.labels);
        let rule = self.locks();
        let mut edits: Vec<(usize, Edit)> = Vec::new();
        for (slice, mask) in &imported.masks {
            let mask = relabelled(mask, &values);
            let whole = Region::whole(mask.columns(), mask.rows());
            let key = SliceKey { case, slice: *slice };
            edits.push((*slice, self.write_mask(key, |m| m.take(&mask, &whole, &rule))));
        }
        let count = match edits.len() {
            1 => "1 slice".to_owned(),
            n => format!("{n} slices"),
        };
        let changed = edits.iter().any(|(_, e)| !e.is_empty());
        self.commit("Import masks", case, edits);
        let text = match changed {
            true => format!("Masks of {count} were imported; Ctrl+Z takes them back."),
            false => format!("The masks of {count} are the same as those here: nothing changed."),
        };
        self.notices.add(Severity::Info, text);
        for note in imported.notes {
            self.notices.add(Severity::Warning, super::sentence(&note));
        }
    }
}

/// The mask with the values of the workspace.
fn relabelled(mask: &Mask, values: &[u8]) -> Mask {
    let value = |l: &u8| usize::from(*l).checked_sub(1).and_then(|i| values.get(i)).copied().unwrap_or(0);
    let labels = mask.labels().iter().map(value).collect();
    Mask::from_labels(mask.columns(), mask.rows(), labels).unwrap_or_else(|| Mask::empty(mask.columns(), mask.rows()))
}
