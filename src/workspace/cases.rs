//! Cases: recognised by identity wherever their files are, listed, and restored with their masks.

use super::{
    Workspace, also,
    failure::Cause,
    masks, measurements, now_millis, phases,
    places::{ImagePlaces, absolute_path},
    subjects,
};
use crate::{Error, Result};
use labrum_core::{
    cine::TimePoint,
    holdout::Side,
    journal::{CaseDescription, CaseEntry, CaseKey, SliceDescription, StoredCase, StoredSlice},
    label::TaskKey,
    measurement::MarkedPhases,
    study::{Source, Status},
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
};

const COLUMNS: &str = "id, identity, study, description, modality, study_date, columns, rows, status, shown, seconds, opened_at, accepted_at,
    subject, fingerprint, (SELECT side FROM subject WHERE subject.id = scan.subject), task, removed_at IS NULL,
    time_group, time_index, time_count";

impl Workspace {
    /// Adds a case, or finds the one with the same identity and updates the location of its files. Slices are
    /// recognised by SOP Instance UID and frame, else by index, so that masks stay with their slices when files come or
    /// go. If the description has a subject, the case is assigned to the training or the hold-out set for good.
    ///
    /// # Errors
    /// If the case has masks and its images now have another size, or if the database cannot be written
    /// ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn adopt_case(&mut self, case: &CaseDescription) -> Result<CaseKey> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.write_transaction("add the case to the workspace", |t| {
            insert_or_relocate(t, case, &places)
        })
    }

    /// Adds many cases in one transaction, which is faster; returns the key of each, or why it could not be added.
    ///
    /// # Errors
    /// If the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)): then none was added.
    pub fn adopt_all(&mut self, cases: &[CaseDescription]) -> Result<Vec<Result<CaseKey>>> {
        let tried = "add the cases to the workspace";
        let folder = self.folder.clone();
        // A case that is refused has written nothing.
        let places = ImagePlaces::for_workspace(&folder);
        self.write_transaction(tried, |t| {
            let mut adopted = Vec::with_capacity(cases.len());
            for case in cases {
                adopted.push(match insert_or_relocate(t, case, &places) {
                    Err(Cause::Sql(error)) => return Err(Cause::Sql(error)),
                    result => result.map_err(|cause| cause.into_error(tried, &folder)),
                });
            }
            Ok(adopted)
        })
    }

    /// All cases in the list, in the order in which they were added.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn list_cases(&mut self) -> Result<Vec<CaseEntry>> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.read_database("read the cases of the workspace", |c| {
            let mut query = c.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM scan WHERE removed_at IS NULL ORDER BY id"
            ))?;
            let mut entries = query
                .query_map((), read_entry)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for entry in &mut entries {
                entry.description.slices = read_slices(c, entry.key, &places)?;
            }
            Ok(entries)
        })
    }

    /// The case with an identity, with everything stored for it; `None` if there is none.
    ///
    /// # Errors
    /// If the database cannot be read. A mask that cannot be restored is left out and reported in
    /// [`StoredCase::problems`].
    pub fn find_case(&mut self, identity: &str) -> Result<Option<StoredCase>> {
        let folder = self.folder.clone();
        self.read_database("read the case from the workspace", |c| {
            let mut query =
                c.prepare_cached(&format!("SELECT {COLUMNS} FROM scan WHERE identity = ?1"))?;
            let entry = query.query_row([identity], read_entry).optional()?;
            entry
                .map(|entry| read_stored_case(c, entry, &folder))
                .transpose()
        })
    }

    /// Sets the status of a case.
    ///
    /// # Errors
    /// If the case is unknown, or if the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_status(&mut self, case: CaseKey, status: Status) -> Result<()> {
        let accepted_at = (status == Status::Accepted).then(now_millis);
        self.update_case(case, "save the status in the workspace", |c| {
            c.prepare_cached("UPDATE scan SET status = ?2, accepted_at = ?3 WHERE id = ?1")?
                .execute((case.0, status.storage_name(), accepted_at))
        })
    }

    /// Saves which slice of a case is shown.
    ///
    /// # Errors
    /// If the case is unknown, or if the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_shown(&mut self, case: CaseKey, slice: u32) -> Result<()> {
        self.update_case(case, "save the current slice in the workspace", |c| {
            // Keep times distinct if two calls come within a millisecond.
            c.prepare_cached(
                "UPDATE scan SET shown = ?2, shown_at = max(?3, coalesce((SELECT max(shown_at) + 1 FROM scan), 0))
                 WHERE id = ?1",
            )?
            .execute((case.0, slice, now_millis()))
        })
    }

    /// The slice shown last: its file and its index in the series. `None` if there is none, or if it is no longer part
    /// of the series.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn last_shown(&mut self) -> Result<Option<(PathBuf, u32)>> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.read_database("read the last shown slice of the workspace", |c| {
            let mut query = c.prepare_cached(
                "SELECT path, beside, place FROM scan JOIN slice ON scan_id = scan.id AND place = shown
                 WHERE shown_at IS NOT NULL AND removed_at IS NULL ORDER BY shown_at DESC LIMIT 1",
            )?;
            Ok(query.query_row((), |row| Ok((read_path(row, 0, &places)?, row.get(2)?))).optional()?)
        })
    }

    /// Adds seconds of work on a case.
    ///
    /// # Errors
    /// If the case is unknown, or if the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn add_seconds(&mut self, case: CaseKey, seconds: f64) -> Result<()> {
        self.update_case(case, "save the working time in the workspace", |c| {
            c.prepare_cached("UPDATE scan SET seconds = seconds + max(?2, 0) WHERE id = ?1")?
                .execute((case.0, seconds))
        })
    }

    /// Runs an update; an error if the case does not exist.
    fn update_case(
        &mut self,
        case: CaseKey,
        tried: &str,
        update: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<()> {
        self.write_transaction(tried, |t| match update(t)? {
            0 => Err(Cause::Refused(format!("there is no case {}", case.0))),
            _ => Ok(()),
        })
    }
}

fn insert_or_relocate(
    connection: &Connection,
    case: &CaseDescription,
    places: &ImagePlaces,
) -> Result<CaseKey, Cause> {
    let known: Option<(i64, u32, u32)> = connection
        .prepare_cached("SELECT id, columns, rows FROM scan WHERE identity = ?1")?
        .query_row([&case.identity], |row| row.try_into())
        .optional()?;
    if let Some((id, columns, rows)) = known
        && (columns, rows) != (case.columns, case.rows)
        && has_masks(connection, id)?
    {
        return Err(Cause::Refused(format!(
            "\"{}\" has masks of {columns} × {rows} pixels, but its images now have {} × {}",
            case.description, case.columns, case.rows
        )));
    }
    let time = case.time_point.as_ref();
    let id = connection
        .prepare_cached(
            "INSERT INTO scan (identity, study, description, modality, study_date, columns, rows, opened_at, fingerprint,
                 time_group, time_index, time_count)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (identity) DO UPDATE SET study = excluded.study, description = excluded.description,
                 modality = excluded.modality, study_date = excluded.study_date,
                 columns = excluded.columns, rows = excluded.rows,
                 fingerprint = coalesce(excluded.fingerprint, fingerprint),
                 time_group = coalesce(excluded.time_group, time_group),
                 time_index = coalesce(excluded.time_index, time_index),
                 time_count = coalesce(excluded.time_count, time_count)
             RETURNING id",
        )?
        .query_row(
            (
                &case.identity,
                &case.study,
                &case.description,
                &case.modality,
                &case.date,
                case.columns,
                case.rows,
                now_millis(),
                case.fingerprint.map(u64::cast_signed),
                time.map(|time| &time.group),
                time.map(|time| time.index as u32),
                time.map(|time| time.count as u32),
            ),
            |r| r.get(0),
        )?;
    place_slices(connection, id, &case.slices, places)?;
    subjects::assign_to_case(connection, id, &case.subject)?;
    Ok(CaseKey(id))
}

/// True if there are masks or measurements on slices of the case.
fn has_masks(connection: &Connection, scan: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM slice WHERE scan_id = ?1 AND (
                   id IN (SELECT slice_id FROM edit) OR id IN (SELECT slice_id FROM base)
                   OR id IN (SELECT slice_id FROM proposal)
                   OR id IN (SELECT slice_id FROM measurement_change WHERE slice_id IS NOT NULL)))";
    connection.query_row(sql, [scan], |r| r.get(0))
}

/// What identifies a slice within its case.
#[derive(PartialEq, Eq, Hash)]
enum SliceIdentity {
    Instance(String, u32),
    Place(u32),
}

/// Sets the index of every slice; slices that are no longer in the series lose theirs and keep everything else.
fn place_slices(
    connection: &Connection,
    scan: i64,
    slices: &[SliceDescription],
    places: &ImagePlaces,
) -> Result<(), Cause> {
    // In faulty series two slices can have the same UID: they are matched in order.
    let mut known: HashMap<SliceIdentity, VecDeque<i64>> = HashMap::new();
    let mut query = connection.prepare_cached(
        "SELECT id, place, frame, sop_instance_uid FROM slice WHERE scan_id = ?1 ORDER BY place NULLS LAST, id",
    )?;
    let mut rows = query.query([scan])?;
    while let Some(row) = rows.next()? {
        let identity = match (row.get(3)?, row.get::<_, Option<u32>>(1)?) {
            (Some(uid), _) => SliceIdentity::Instance(uid, row.get(2)?),
            (None, Some(place)) => SliceIdentity::Place(place),
            (None, None) => continue,
        };
        known.entry(identity).or_default().push_back(row.get(0)?);
    }
    connection
        .prepare_cached("UPDATE slice SET place = NULL WHERE scan_id = ?1")?
        .execute([scan])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO slice (scan_id, place, path, beside, frame, sop_instance_uid) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut update = connection.prepare_cached(
        "UPDATE slice SET place = ?2, path = ?3, beside = ?4, frame = ?5 WHERE id = ?1",
    )?;
    for (place, slice) in (0u32..).zip(slices) {
        let Source { path, frame } = &slice.source;
        let identity = match &slice.sop_instance_uid {
            Some(uid) => SliceIdentity::Instance(uid.clone(), *frame),
            None => SliceIdentity::Place(place),
        };
        let beside = places.relative_path(path);
        let path = absolute_path(path);
        let path = path.to_string_lossy();
        match known.get_mut(&identity).and_then(VecDeque::pop_front) {
            Some(id) => update.execute((id, place, path, beside, frame))?,
            None => insert.execute((scan, place, path, beside, frame, &slice.sop_instance_uid))?,
        };
    }
    Ok(())
}

fn read_entry(row: &Row) -> rusqlite::Result<CaseEntry> {
    let description = CaseDescription {
        identity: row.get(1)?,
        study: row.get(2)?,
        description: row.get(3)?,
        modality: row.get(4)?,
        date: row.get(5)?,
        columns: row.get(6)?,
        rows: row.get(7)?,
        subject: row.get::<_, Option<String>>(13)?.unwrap_or_default(),
        fingerprint: row.get::<_, Option<i64>>(14)?.map(i64::cast_unsigned),
        time_point: read_time_point(row, 18)?,
        slices: Vec::new(),
    };
    let status = Status::from_storage_name(&row.get::<_, String>(8)?);
    Ok(CaseEntry {
        key: CaseKey(row.get(0)?),
        description,
        status,
        shown: row.get(9)?,
        seconds: row.get(10)?,
        opened_at: row.get(11)?,
        accepted_at: row.get(12)?,
        side: row
            .get::<_, Option<String>>(15)?
            .map(|name| Side::from_storage_name(&name)),
        task: TaskKey(row.get(16)?),
        is_listed: row.get(17)?,
    })
}

/// Which time of a series a case is, from the column `time_group` and those of the index and the count after it.
fn read_time_point(row: &Row, column: usize) -> rusqlite::Result<Option<TimePoint>> {
    let group: Option<String> = row.get(column)?;
    let [index, count]: [Option<u32>; 2] = [row.get(column + 1)?, row.get(column + 2)?];
    Ok(match (group, index, count) {
        (Some(group), Some(index), Some(count)) => Some(TimePoint {
            group,
            index: index as usize,
            count: count as usize,
        }),
        _ => None,
    })
}

/// The current path of a slice, from column `path` and the column after it, `beside`.
pub(super) fn read_path(
    row: &Row,
    column: usize,
    places: &ImagePlaces,
) -> rusqlite::Result<PathBuf> {
    Ok(places.find_image(
        &row.get::<_, String>(column)?,
        row.get::<_, Option<String>>(column + 1)?.as_deref(),
    ))
}

fn read_slices(
    connection: &Connection,
    case: CaseKey,
    places: &ImagePlaces,
) -> rusqlite::Result<Vec<SliceDescription>> {
    let mut query = connection.prepare_cached(
        "SELECT path, beside, frame, sop_instance_uid FROM slice
         WHERE scan_id = ?1 AND place IS NOT NULL ORDER BY place",
    )?;
    query
        .query_map([case.0], |row| read_slice_row(row, places))?
        .collect()
}

/// A slice from the columns `path`, `beside`, `frame` and `sop_instance_uid`.
fn read_slice_row(row: &Row, places: &ImagePlaces) -> rusqlite::Result<SliceDescription> {
    let source = Source {
        path: read_path(row, 0, places)?,
        frame: row.get(2)?,
    };
    Ok(SliceDescription {
        source,
        sop_instance_uid: row.get(3)?,
    })
}

fn read_stored_case(
    connection: &Connection,
    mut entry: CaseEntry,
    folder: &Path,
) -> Result<StoredCase, Cause> {
    entry.description.slices =
        read_slices(connection, entry.key, &ImagePlaces::for_workspace(folder))?;
    let mut query = connection.prepare_cached(
        "SELECT id FROM slice WHERE scan_id = ?1 AND place IS NOT NULL ORDER BY place",
    )?;
    let ids: Vec<i64> = query
        .query_map([entry.key.0], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let marked = match &entry.description.time_point {
        Some(time) => phases::marked_phases(connection, &time.group)?,
        None => MarkedPhases::default(),
    };
    let mut case = StoredCase {
        slices: Vec::new(),
        measurements: Vec::new(),
        phases: phases::done_changes(connection, entry.key)?,
        marked,
        entry,
        problems: Vec::new(),
    };
    match measurements::current_measurements(connection, case.entry.key) {
        Ok(measurements) => case.measurements = measurements,
        Err(Cause::Sql(error)) => return Err(Cause::Sql(error)),
        Err(Cause::Refused(reason)) => {
            let title = &case.entry.description.description;
            let tried = format!("restore the measurements of \"{title}\" from the workspace");
            case.problems.push(Error::at_path(tried, folder, reason));
        }
    }
    for id in ids {
        let size = (case.entry.description.columns, case.entry.description.rows);
        let slice = match restore_slice(connection, id, size) {
            Ok(slice) => slice,
            Err(Cause::Sql(error)) => return Err(Cause::Sql(error)),
            Err(Cause::Refused(reason)) => {
                let title = &case.entry.description.description;
                let tried = format!(
                    "restore slice {} of \"{title}\" from the workspace",
                    case.slices.len() + 1
                );
                case.problems.push(Error::at_path(tried, folder, reason));
                // Touched, so that no proposal replaces the stored mask.
                StoredSlice {
                    is_touched: true,
                    ..StoredSlice::default()
                }
            }
        };
        case.slices.push(slice);
    }
    Ok(case)
}

/// A slice of `size`, columns and rows.
fn restore_slice(
    connection: &Connection,
    slice: i64,
    size: (u32, u32),
) -> Result<StoredSlice, Cause> {
    let proposal = masks::newest_proposal(connection, slice)?;
    let mask = masks::current_mask(connection, slice)?;
    if mask
        .iter()
        .chain(proposal.iter().map(|p| &p.mask))
        .any(|mask| mask.columns_and_rows() != size)
    {
        return Err(Cause::Refused(
            "the stored mask and the image differ in size".into(),
        ));
    }
    let is_proposal_apart = match &proposal {
        Some(proposal) => masks::is_proposal_apart(connection, slice, proposal)?,
        None => false,
    };
    let is_touched = masks::is_touched(connection, slice)?;
    Ok(StoredSlice {
        mask,
        proposal,
        is_proposal_apart,
        is_touched,
        absent: also::absent_labels(connection, slice)?,
    })
}
