//! The work report: time, corrections and prompts spent on accepted cases, and the versions of the models.

use super::{Workspace, failure::Cause, masks, meter, versions};
use crate::Result;
use labrum_core::learning::{CaseCost, WorkReport};
use rusqlite::{Connection, Row};

impl Workspace {
    /// The cost of every accepted case, in the order of acceptance, and all versions of the model.
    ///
    /// # Errors
    /// If the database cannot be read or written, or if a mask cannot be read.
    pub fn work_report(&mut self) -> Result<WorkReport> {
        let folder = self.folder.clone();
        self.write_transaction("make the work report of the workspace", |t| {
            meter::count_changes(t)?;
            Ok(WorkReport {
                cases: case_costs(t)?,
                versions: versions::read_all(t, &folder)?,
            })
        })
    }
}

fn case_costs(connection: &Connection) -> Result<Vec<CaseCost>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT id, description, coalesce(accepted_at, 0), seconds,
             (SELECT coalesce(sum(changed_pixels), 0) FROM slice WHERE scan_id = scan.id),
             coalesce((SELECT trim(model || ' ' || model_version) FROM proposal JOIN slice ON slice.id = slice_id
                       WHERE scan_id = scan.id ORDER BY proposal.id LIMIT 1), ''),
             coalesce((SELECT side = 'hold-out' FROM subject WHERE subject.id = scan.subject), 0),
             coalesce((SELECT sum(step_prompt.count) FROM step_prompt JOIN step ON step.seq = step_prompt.seq
                       WHERE step.scan_id = scan.id AND step.state = 'done'), 0),
             coalesce((SELECT sum(begins) FROM step_prompt JOIN step ON step.seq = step_prompt.seq
                       WHERE step.scan_id = scan.id AND step.state = 'done'), 0),
             coalesce((SELECT step_prompt.model FROM step_prompt JOIN step ON step.seq = step_prompt.seq
                       WHERE step.scan_id = scan.id AND step.state = 'done'
                       ORDER BY step_prompt.seq DESC LIMIT 1), '')
         FROM scan WHERE status = 'accepted' AND removed_at IS NULL ORDER BY accepted_at, id",
    )?;
    let cases: Vec<(i64, CaseCost)> = query
        .query_map((), read_cost)?
        .collect::<rusqlite::Result<_>>()?;
    cases
        .into_iter()
        .map(|(id, cost)| {
            Ok(CaseCost {
                pixels: mask_pixel_count(connection, id)?,
                ..cost
            })
        })
        .collect()
}

/// Reads a row; the pixels of the masks are counted separately.
fn read_cost(row: &Row) -> rusqlite::Result<(i64, CaseCost)> {
    let cost = CaseCost {
        name: row.get(1)?,
        accepted_at: row.get(2)?,
        seconds: row.get(3)?,
        pixels_changed: row.get::<_, i64>(4)?.unsigned_abs(),
        pixels: 0,
        model: row.get(5)?,
        held_out: row.get(6)?,
        prompts: row.get(7)?,
        objects: row.get(8)?,
        click_model: row.get(9)?,
    };
    Ok((row.get(0)?, cost))
}

/// Number of mask pixels of a case, including slices that are no longer in the series, as for changed pixels.
fn mask_pixel_count(connection: &Connection, scan: i64) -> Result<u64, Cause> {
    let mut query = connection.prepare_cached("SELECT id FROM slice WHERE scan_id = ?1")?;
    let slices: Vec<i64> = query
        .query_map([scan], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut sum = 0;
    for slice in slices {
        sum +=
            masks::current_mask(connection, slice)?.map_or(0, |mask| mask.count_labelled_pixels());
    }
    Ok(sum)
}
