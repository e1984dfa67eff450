//! Measurements that people drew, as the steps of the journal left them.

use super::{Workspace, failure::Cause, masks};
use crate::Result;
use labrum_core::{
    journal::{CaseKey, JournalStep},
    measurement::{DrawnMeasurement, MeasurementChange, MeasurementPlace},
};
use rusqlite::{Connection, Row};
use std::collections::HashSet;

/// Of the changes of measurements, the newest done change of each, if it did not delete the measurement.
const CURRENT: &str = "step.state = 'done' AND change.after IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM measurement_change AS later JOIN step AS other ON other.seq = later.seq
                    WHERE later.key = change.key AND later.seq > change.seq AND other.state = 'done')";

impl Workspace {
    /// The cases in which measurements are drawn.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn measured_cases(&mut self) -> Result<HashSet<CaseKey>> {
        self.read_database("read the measurements of the workspace", |c| {
            let mut query = c.prepare_cached(&format!(
                "SELECT DISTINCT step.scan_id FROM measurement_change AS change
                 JOIN step ON step.seq = change.seq WHERE {CURRENT}"
            ))?;
            let cases = query.query_map((), |row| row.get(0).map(CaseKey))?;
            Ok(cases.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// Where a stored measurement lies now.
enum StoredPlace {
    /// On the slice with this index in the series.
    Slice(u32),
    /// On a slice that is no longer in the series.
    Gone,
    /// Across the slices.
    View,
}

/// Saves the changes of measurements of a new step.
pub(super) fn append_changes(connection: &Connection, step: &JournalStep) -> Result<(), Cause> {
    for change in &step.also.measurements {
        let Some(measurement) = change.measurement() else {
            continue;
        };
        let slice = match measurement.place {
            MeasurementPlace::Slice(slice) => Some(masks::slice_id(connection, step.case, slice)?),
            MeasurementPlace::View(_) => None,
        };
        let [before, after] = [&change.before, &change.after].map(|side| {
            side.as_ref()
                .map(|drawn| {
                    serde_json::to_string(drawn).map_err(|e| Cause::Refused(e.to_string()))
                })
                .transpose()
        });
        connection
            .prepare_cached(
                "INSERT INTO measurement_change (seq, slice_id, key, before, after)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((step.seq, slice, &measurement.id, before?, after?))?;
    }
    Ok(())
}

/// The changes of measurements of a step, without those on slices that are no longer in the series.
pub(super) fn read_changes(
    connection: &Connection,
    seq: i64,
) -> Result<Vec<MeasurementChange>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT before, after, slice_id IS NULL, place FROM measurement_change
         LEFT JOIN slice ON slice.id = slice_id WHERE seq = ?1 ORDER BY measurement_change.id",
    )?;
    let mut rows = query.query([seq])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let place = read_place(row, 2)?;
        let change = MeasurementChange {
            before: parse_measurement(row.get(0)?, &place)?,
            after: parse_measurement(row.get(1)?, &place)?,
        };
        changes.extend(change.measurement().is_some().then_some(change));
    }
    Ok(changes)
}

/// The measurements of a case, in the order in which they were first drawn.
pub(super) fn current_measurements(
    connection: &Connection,
    case: CaseKey,
) -> Result<Vec<DrawnMeasurement>, Cause> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT change.after, change.slice_id IS NULL, place FROM measurement_change AS change
         JOIN step ON step.seq = change.seq LEFT JOIN slice ON slice.id = change.slice_id
         WHERE step.scan_id = ?1 AND {CURRENT}
         ORDER BY (SELECT min(seq) FROM measurement_change AS oldest WHERE oldest.key = change.key), change.id"
    ))?;
    let mut rows = query.query([case.0])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let place = read_place(row, 1)?;
        all.extend(parse_measurement(row.get(0)?, &place)?);
    }
    Ok(all)
}

/// True if another step in this state, before or after, changes a measurement that this step changes.
pub(super) fn shares_measurement(
    connection: &Connection,
    seq: i64,
    condition: &str,
) -> Result<bool, Cause> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM measurement_change AS own
             JOIN measurement_change AS other ON other.key = own.key
             JOIN step ON step.seq = other.seq
             WHERE own.seq = ?1 AND {condition})"
    );
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([seq], |r| r.get(0))?)
}

/// Where a measurement lies, from a column that is true for one across the slices, and the index of its slice after it.
fn read_place(row: &Row, column: usize) -> rusqlite::Result<StoredPlace> {
    Ok(match (row.get(column)?, row.get(column + 1)?) {
        (true, _) => StoredPlace::View,
        (false, Some(place)) => StoredPlace::Slice(place),
        (false, None) => StoredPlace::Gone,
    })
}

/// A measurement with the current index of its slice; `None` if there is none, or if its slice is gone.
fn parse_measurement(
    json: Option<String>,
    place: &StoredPlace,
) -> Result<Option<DrawnMeasurement>, Cause> {
    let Some(json) = json.filter(|_| !matches!(place, StoredPlace::Gone)) else {
        return Ok(None);
    };
    let mut measurement: DrawnMeasurement = serde_json::from_str(&json)
        .map_err(|e| Cause::Refused(format!("a measurement cannot be read: {e}")))?;
    if let StoredPlace::Slice(slice) = place {
        measurement.place = MeasurementPlace::Slice(*slice);
    }
    Ok(Some(measurement))
}
