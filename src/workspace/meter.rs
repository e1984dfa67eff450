//! Progress of the work: cases done, time spent on them, pixels changed against the proposals.

use super::{Workspace, failure::Cause, masks};
use crate::Result;
use labrum_core::journal::Meter;
use rusqlite::{Connection, Row};

impl Workspace {
    /// Progress of the work. Slices of accepted cases that changed since the last call are counted again.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub fn count_progress(&mut self) -> Result<Meter> {
        self.write_transaction("read the progress of the workspace", |t| {
            count_changes(t)?;
            Ok(t.query_row(
                "SELECT count(*) FILTER (WHERE status = 'accepted'), count(*) FILTER (WHERE status = 'skipped'),
                     count(*), coalesce(sum(seconds) FILTER (WHERE status = 'accepted'), 0.0),
                     (SELECT coalesce(sum(changed_pixels), 0) FROM slice JOIN scan ON scan.id = scan_id
                      WHERE status = 'accepted' AND removed_at IS NULL),
                     (SELECT count(*) FROM scan WHERE removed_at IS NOT NULL)
                 FROM scan WHERE removed_at IS NULL",
                (),
                read_meter,
            )?)
        })
    }
}

/// Counts changed pixels for every edited slice of accepted cases that has no count yet.
pub(super) fn count_changes(connection: &Connection) -> Result<(), Cause> {
    let mut query = connection.prepare_cached(
        "SELECT slice.id FROM scan JOIN slice ON slice.scan_id = scan.id
         WHERE status = 'accepted' AND changed_pixels IS NULL AND EXISTS (SELECT 1 FROM edit WHERE slice_id = slice.id)",
    )?;
    let slices: Vec<i64> = query
        .query_map((), |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for slice in slices {
        let Some(mask) = masks::current_mask(connection, slice)? else {
            continue;
        };
        let reference = masks::reference_mask(connection, slice)?;
        let changed = mask
            .to_mask()
            .pixel_labels()
            .iter()
            .zip(reference.pixel_labels())
            .filter(|(a, b)| a != b)
            .count();
        connection
            .prepare_cached("UPDATE slice SET changed_pixels = ?2 WHERE id = ?1")?
            .execute((slice, changed as i64))?;
    }
    Ok(())
}

fn read_meter(row: &Row) -> rusqlite::Result<Meter> {
    Ok(Meter {
        accepted: row.get(0)?,
        skipped: row.get(1)?,
        total: row.get(2)?,
        seconds_of_accepted: row.get(3)?,
        pixels_changed: row.get::<_, i64>(4)?.unsigned_abs(),
        out_of_list: row.get(5)?,
    })
}
