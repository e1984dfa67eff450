//! What a second look at a promotion needs: the version before the active one, and the cases that neither has learned
//! from.

use super::{Workspace, failure::Cause};
use crate::Result;
use labrum_core::{
    journal::CaseKey,
    learning::{PreviousVersion, RoundKey, Version, VersionKey, VersionState},
};
use rusqlite::Connection;

impl Workspace {
    /// The version that was active before `start`, from which the round starts, and the training cases of the round whose
    /// subjects neither of them has learned from. `None` if one of them is no accepted version of this workspace.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn previous_version(
        &mut self,
        round: RoundKey,
        start: Option<VersionKey>,
    ) -> Result<Option<PreviousVersion>> {
        let versions = self.list_versions()?;
        let Some(active) = accepted_version(&versions, start) else {
            return Ok(None);
        };
        let Some(previous) = accepted_version(&versions, active.parent) else {
            return Ok(None);
        };
        let unseen = self.read_database("read the cases that came in since a version", |c| {
            cases_unseen_until(c, round, active.round)
        })?;
        Ok(Some(PreviousVersion {
            name: previous.name.clone(),
            file: previous.file.clone(),
            unseen,
        }))
    }
}

/// The accepted version with this key.
fn accepted_version(versions: &[Version], key: Option<VersionKey>) -> Option<&Version> {
    let mut accepted = versions
        .iter()
        .filter(|v| v.state == VersionState::Accepted);
    accepted.find(|v| Some(v.key) == key)
}

/// The training cases of `round` whose subjects have no training case in a finished round up to `last`.
fn cases_unseen_until(
    connection: &Connection,
    round: RoundKey,
    last: RoundKey,
) -> Result<Vec<CaseKey>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT DISTINCT scan.id
         FROM lesson JOIN slice ON slice.id = slice_id JOIN scan ON scan.id = scan_id
         WHERE lesson.round_id = ?1 AND lesson.side = 'training' AND scan.subject IS NOT NULL
             AND scan.subject NOT IN (
                 SELECT known.subject
                 FROM lesson AS old JOIN round ON round.id = old.round_id
                     JOIN slice AS part ON part.id = old.slice_id
                     JOIN scan AS known ON known.id = part.scan_id
                 WHERE round.state = 'done' AND old.side = 'training' AND old.round_id <= ?2
                     AND known.subject IS NOT NULL)
         ORDER BY scan.id",
    )?;
    let cases = query
        .query_map((round.0, last.0), |row| row.get(0).map(CaseKey))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(cases)
}
