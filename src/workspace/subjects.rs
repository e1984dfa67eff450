//! Subjects of cases, and with them the training or hold-out set: decided when a case is added, never changed.

use super::{failure::Cause, now_millis};
use crate::Result;
use labrum_core::holdout;
use rusqlite::{Connection, OptionalExtension};

/// Assigns a subject, and with it a set, to a case that has none yet: that of an image that looks the same, else `own`.
/// Later cases of the subject `own` get the same set. Nothing happens if `own` is empty.
pub(super) fn assign_to_case(connection: &Connection, scan: i64, own: &str) -> Result<(), Cause> {
    if own.is_empty() {
        return Ok(());
    }
    let subject = match subject_of(connection, scan)? {
        Some(subject) => subject,
        None => {
            let subject = most_similar_subject(connection, scan)?.unwrap_or_else(|| own.to_owned());
            decide_side(connection, &subject)?;
            connection
                .prepare_cached("UPDATE scan SET subject = ?2 WHERE id = ?1")?
                .execute((scan, &subject))?;
            subject
        }
    };
    // Register `own` with the same set, so that later cases of it are not assigned to the other set.
    connection
        .prepare_cached(
            "INSERT INTO subject (id, side, seen_at) SELECT ?2, side, ?3 FROM subject
             WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM subject WHERE id = ?2)",
        )?
        .execute((subject, own, now_millis()))?;
    Ok(())
}

/// Assigns a subject to every case that has none: the study, or for image files the case itself.
pub(super) fn settle_all(connection: &Connection) -> Result<(), Cause> {
    let mut query = connection.prepare_cached(
        "SELECT id, CASE WHEN study <> '' AND EXISTS
                 (SELECT 1 FROM slice WHERE scan_id = scan.id AND sop_instance_uid IS NOT NULL)
             THEN study ELSE identity END
         FROM scan WHERE subject IS NULL ORDER BY id",
    )?;
    let left: Vec<(i64, String)> = query
        .query_map((), |row| row.try_into())?
        .collect::<rusqlite::Result<_>>()?;
    left.iter()
        .try_for_each(|(scan, who)| assign_to_case(connection, *scan, &holdout::subject_hash(who)))
}

fn subject_of(connection: &Connection, scan: i64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT subject FROM scan WHERE id = ?1")?
        .query_row([scan], |r| r.get(0))
}

/// Subject of the image that looks most like this one (the oldest of several); `None` if none looks the same.
fn most_similar_subject(connection: &Connection, scan: i64) -> Result<Option<String>, Cause> {
    let own: Option<Option<i64>> = connection
        .prepare_cached("SELECT fingerprint FROM scan WHERE id = ?1 AND modality = ''")?
        .query_row([scan], |r| r.get(0))
        .optional()?;
    let Some(own) = own.flatten().map(i64::cast_unsigned) else {
        return Ok(None);
    };
    let mut query = connection.prepare_cached(
        "SELECT fingerprint, subject FROM scan
         WHERE fingerprint IS NOT NULL AND modality = '' AND subject IS NOT NULL ORDER BY id",
    )?;
    let mut rows = query.query(())?;
    let mut nearest: Option<(u32, String)> = None;
    while let Some(row) = rows.next()? {
        let other = row.get::<_, i64>(0)?.cast_unsigned();
        let distance = (own ^ other).count_ones();
        if holdout::look_alike(own, other)
            && nearest.as_ref().is_none_or(|(least, _)| distance < *least)
        {
            nearest = Some((distance, row.get(1)?));
        }
    }
    Ok(nearest.map(|(_, subject)| subject))
}

/// Assigns a new subject to the training or the hold-out set.
fn decide_side(connection: &Connection, subject: &str) -> Result<(), Cause> {
    let is_known: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM subject WHERE id = ?1)")?
        .query_row([subject], |r| r.get(0))?;
    if is_known {
        return Ok(());
    }
    let (known, held_out): (u32, u32) = connection
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE side = 'hold-out') FROM subject
             WHERE EXISTS (SELECT 1 FROM scan WHERE scan.subject = subject.id)",
        )?
        .query_row((), |row| row.try_into())?;
    let side = holdout::side_of(subject, known as usize, held_out as usize);
    connection
        .prepare_cached("INSERT INTO subject (id, side, seen_at) VALUES (?1, ?2, ?3)")?
        .execute((subject, side.storage_name(), now_millis()))?;
    Ok(())
}
