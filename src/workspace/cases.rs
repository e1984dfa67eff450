//! Cases: known again by identity wherever their files are, listed, restored with their masks.

use super::{
    Workspace, also,
    failure::Cause,
    masks, now_millis,
    places::{ImagePlaces, absolute_path},
    subjects,
};
use crate::{Error, Result};
use labrum_core::{
    holdout::Side,
    journal::{
        CaseDescription, CaseEntry, CaseKey, SliceDescription, StoredCase, StoredSlice, TaskKey,
    },
    study::{Source, Status},
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
};

const COLUMNS: &str = "id, identity, study, description, modality, study_date, columns, rows, status, shown, seconds, opened_at, accepted_at,
    subject, fingerprint, (SELECT side FROM subject WHERE subject.id = scan.subject), task, removed_at IS NULL";

impl Workspace {
    /// Takes a case in, or finds the one of the same identity and notes where its files are now. Slices are known again
    /// by SOP Instance UID and frame, else by place: what was drawn on them follows them when files come or go. Where the
    /// description says whom it is of, its side of the line is decided, once and for all.
    ///
    /// # Errors
    /// Where the case is known with images of another size and something was drawn on them; where the database cannot
    /// be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn adopt_case(&mut self, case: &CaseDescription) -> Result<CaseKey> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.write_transaction("take the case into the workspace", |t| {
            insert_or_relocate(t, case, &places)
        })
    }

    /// Takes many cases in at once, which spares the disk; the key of each, or why it cannot be taken.
    ///
    /// # Errors
    /// Where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)): then none was taken in.
    pub fn adopt_all(&mut self, cases: &[CaseDescription]) -> Result<Vec<Result<CaseKey>>> {
        let tried = "take the cases into the workspace";
        let folder = self.folder.clone();
        // A refused case has written nothing.
        let places = ImagePlaces::for_workspace(&folder);
        let one = |t: &Connection, case| match insert_or_relocate(t, case, &places) {
            Err(Cause::Sql(error)) => Err(Cause::Sql(error)),
            result => Ok(result.map_err(|cause| cause.into_error(tried, &folder))),
        };
        self.write_transaction(tried, |t| cases.iter().map(|case| one(t, case)).collect())
    }

    /// All cases of the list in the order in which they came in.
    ///
    /// # Errors
    /// Where the database cannot be read.
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

    /// The case of an identity with all that is kept of it; `None` where there is none.
    ///
    /// # Errors
    /// Where the database cannot be read. A mask that cannot be restored is left out and named in
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

    /// Says where a case stands.
    ///
    /// # Errors
    /// For an unknown case; where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_status(&mut self, case: CaseKey, status: Status) -> Result<()> {
        let accepted_at = (status == Status::Accepted).then(now_millis);
        self.update_case(case, "save the status in the workspace", |c| {
            c.prepare_cached("UPDATE scan SET status = ?2, accepted_at = ?3 WHERE id = ?1")?
                .execute((case.0, status.storage_name(), accepted_at))
        })
    }

    /// Says which slice of a case is shown now.
    ///
    /// # Errors
    /// For an unknown case; where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_shown(&mut self, case: CaseKey, slice: u32) -> Result<()> {
        self.update_case(case, "save the slice shown in the workspace", |c| {
            // Two within a millisecond: the later one counts.
            c.prepare_cached(
                "UPDATE scan SET shown = ?2, shown_at = max(?3, coalesce((SELECT max(shown_at) + 1 FROM scan), 0))
                 WHERE id = ?1",
            )?
            .execute((case.0, slice, now_millis()))
        })
    }

    /// Where the work stopped: the file of the slice that was shown last, and its place in its series. `None` where none
    /// was, or it is not among the files now.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn last_shown(&mut self) -> Result<Option<(PathBuf, u32)>> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.read_database("read where the work stopped", |c| {
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
    /// For an unknown case; where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn add_seconds(&mut self, case: CaseKey, seconds: f64) -> Result<()> {
        self.update_case(case, "save the time worked in the workspace", |c| {
            c.prepare_cached("UPDATE scan SET seconds = seconds + max(?2, 0) WHERE id = ?1")?
                .execute((case.0, seconds))
        })
    }

    /// Runs an update that must find its case.
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
        .query_row([&case.identity], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    if let Some((id, columns, rows)) = known
        && (columns, rows) != (case.columns, case.rows)
        && has_masks(connection, id)?
    {
        return Err(Cause::Refused(format!(
            "\"{}\" is known with masks of {columns} × {rows} pixels, its images have {} × {} now",
            case.description, case.columns, case.rows
        )));
    }
    let id = connection
        .prepare_cached(
            "INSERT INTO scan (identity, study, description, modality, study_date, columns, rows, opened_at, fingerprint)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (identity) DO UPDATE SET study = excluded.study, description = excluded.description,
                 modality = excluded.modality, study_date = excluded.study_date,
                 columns = excluded.columns, rows = excluded.rows,
                 fingerprint = coalesce(excluded.fingerprint, fingerprint)
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
            ),
            |r| r.get(0),
        )?;
    place_slices(connection, id, &case.slices, places)?;
    subjects::assign_to_case(connection, id, &case.subject)?;
    Ok(CaseKey(id))
}

fn has_masks(connection: &Connection, scan: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM slice WHERE scan_id = ?1 AND (
                   id IN (SELECT slice_id FROM edit) OR id IN (SELECT slice_id FROM base)
                   OR id IN (SELECT slice_id FROM proposal)))";
    connection.query_row(sql, [scan], |r| r.get(0))
}

/// What a slice is known by.
#[derive(PartialEq, Eq, Hash)]
enum SliceIdentity {
    Instance(String, u32),
    Place(u32),
}

/// Gives every slice its place; slices that are not among these lose theirs and keep all else.
fn place_slices(
    connection: &Connection,
    scan: i64,
    slices: &[SliceDescription],
    places: &ImagePlaces,
) -> Result<(), Cause> {
    // Faulty series carry one UID twice: such slices go by their order.
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
        let (path, beside) = (absolute_path(path), places.relative_path(path));
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

/// The path of a slice in columns `path` and, behind it, `beside`: where it is now.
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
    let read = |row: &Row| {
        let source = Source {
            path: read_path(row, 0, places)?,
            frame: row.get(2)?,
        };
        Ok(SliceDescription {
            source,
            sop_instance_uid: row.get(3)?,
        })
    };
    query.query_map([case.0], read)?.collect()
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
    let mut case = StoredCase {
        entry,
        slices: Vec::new(),
        problems: Vec::new(),
    };
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
                // Nothing may take the place of what is there.
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
            "a mask in it has another size than its image".into(),
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
