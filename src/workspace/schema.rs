//! The tables, and migrations from older versions.

use super::failure::{damaged_error, sql_error};
use crate::{Error, Result};
use rusqlite::{Connection, Row, TransactionBehavior};
use std::{fs, path::Path, result};

/// Entry `n` migrates from version `n` to version `n + 1`. Released entries never change.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/places.sql"),
    include_str!("schema/steps.sql"),
    include_str!("schema/measurements.sql"),
    include_str!("schema/prompts.sql"),
    include_str!("schema/times.sql"),
];

/// "LABR", to recognise databases of other programs.
const APPLICATION: i32 = 0x4c41_4252;

/// State of a database before anything is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchemaState {
    /// It has no tables.
    Blank,
    /// A workspace of this or an older version.
    Version(usize),
}

/// Checks the whole database and returns its state; nothing is written.
///
/// # Errors
/// If the database is damaged, of another program, of a version newer than `migrations`, or if its tables differ from
/// those that `migrations` create.
pub(super) fn recognise_state(
    connection: &Connection,
    folder: &Path,
    migrations: &[&str],
) -> Result<SchemaState> {
    let tried = "open the workspace";
    let newest = migrations.len();
    check_integrity(connection, folder)?;
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |r| r.get(0))
        .map_err(|e| sql_error(e, tried, folder))?;
    match tables_version(connection).map_err(|e| sql_error(e, tried, folder))? {
        Some(version) if application != APPLICATION || version == 0 => {
            let error =
                Error::at_path(tried, folder, "workspace.sqlite belongs to another program");
            Err(error.with_advice("Choose another folder."))
        }
        Some(version) if version > newest => {
            let reason =
                format!("a newer Labrum made it (version {version}; supported up to {newest})");
            Err(Error::at_path(tried, folder, reason)
                .with_advice("Update Labrum, or choose another folder."))
        }
        Some(version)
            if !has_own_tables(connection, &migrations[..version])
                .map_err(|e| sql_error(e, tried, folder))? =>
        {
            Err(damaged_error(
                tried,
                folder,
                "its tables are not those of Labrum",
            ))
        }
        Some(version) => Ok(SchemaState::Version(version)),
        None => Ok(SchemaState::Blank),
    }
}

/// True if tables, indices and triggers are exactly those that `migrations` create. Foreign views or triggers could run
/// arbitrary SQL with every read and write.
pub(super) fn has_own_tables(
    connection: &Connection,
    migrations: &[&str],
) -> rusqlite::Result<bool> {
    let own = Connection::open_in_memory()?;
    migrations
        .iter()
        .try_for_each(|sql| own.execute_batch(sql))?;
    Ok(read_definitions(connection)? == read_definitions(&own)?)
}

/// A table, an index or a trigger: its type, its name, and the SQL that creates it.
type Definition = (String, String, String);

fn read_definitions(connection: &Connection) -> rusqlite::Result<Vec<Definition>> {
    // Without objects made by SQLite itself (indices of UNIQUE columns, tables of statistics), which are harmless.
    let mut query = connection.prepare(
        "SELECT type, name, sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND NOT (type = 'table' AND substr(name, 1, 7) = 'sqlite_') ORDER BY type, name",
    )?;
    query.query_map((), read_definition)?.collect()
}

fn read_definition(row: &Row) -> rusqlite::Result<Definition> {
    // Line ends depend on the system that the program was built on.
    let sql = row.get::<_, String>(2)?.replace('\r', "");
    Ok((row.get(0)?, row.get(1)?, sql))
}

/// Creates the tables, or migrates those of an older version to the newest, keeping a copy of the older database.
///
/// # Errors
/// If the database or the copy cannot be written.
pub(super) fn migrate_to_newest(
    connection: &mut Connection,
    folder: &Path,
    found: SchemaState,
    migrations: &[&str],
) -> Result<()> {
    let tried = "open the workspace";
    let version = match found {
        SchemaState::Blank => 0,
        SchemaState::Version(version) => version,
    };
    if version > 0 && version < migrations.len() {
        keep_copy(connection, folder, version).map_err(|e| sql_error(e, tried, folder))?;
    }
    for (version, sql) in (1..).zip(migrations).skip(version) {
        run_migration(connection, version, sql).map_err(|e| sql_error(e, tried, folder))?;
    }
    Ok(())
}

/// The version of the tables; `None` if there are no tables yet.
fn tables_version(connection: &Connection) -> rusqlite::Result<Option<usize>> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |r| r.get(0))?;
    Ok((version > 0 || tables > 0).then_some(version as usize))
}

/// Runs one migration in a transaction.
fn run_migration(connection: &mut Connection, version: u32, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// Copies the database to `workspace-version-<n>.sqlite`, replacing an older copy of the same version.
fn keep_copy(connection: &Connection, folder: &Path, version: usize) -> rusqlite::Result<()> {
    let copy = folder.join(format!("workspace-version-{version}.sqlite"));
    // A copy of the same version is left from an interrupted migration.
    let _ = fs::remove_file(&copy);
    connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .map(drop)
}

/// Checks all pages of the database.
///
/// # Errors
/// If one of them is damaged.
fn check_integrity(connection: &Connection, folder: &Path) -> Result<()> {
    let tried = "open the workspace";
    let report: result::Result<String, _> =
        connection.query_row("PRAGMA quick_check(1)", (), |r| r.get(0));
    match report {
        Ok(report) if report == "ok" => Ok(()),
        Ok(report) => Err(damaged_error(tried, folder, &report)),
        Err(error) => Err(sql_error(error, tried, folder)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{DATABASE, Workspace};
    use super::*;

    /// A made-up migration to the next version.
    const NEXT: &str =
        "ALTER TABLE workspace ADD COLUMN motto TEXT NOT NULL DEFAULT 'primum non nocere'";

    fn next() -> Vec<&'static str> {
        [MIGRATIONS, &[NEXT]].concat()
    }

    #[test]
    fn foreign_tables_triggers_and_views_are_refused() {
        let changes = [
            "CREATE TRIGGER t AFTER UPDATE ON workspace BEGIN SELECT 1; END",
            "DROP TABLE workspace; CREATE VIEW workspace AS
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1 AS id, max(i) AS name FROM n",
            "DROP TRIGGER subjects_are_kept",
        ];
        for change in changes {
            let folder = tempfile::tempdir().unwrap();
            Workspace::open(folder.path()).unwrap().close().unwrap();
            Connection::open(folder.path().join(DATABASE))
                .unwrap()
                .execute_batch(change)
                .unwrap();
            let error = Workspace::open(folder.path()).unwrap_err();
            assert!(
                error.reason.contains("its tables are not those of Labrum"),
                "{error}"
            );
            assert_eq!(
                crate::workspace::glance_at(folder.path()).unwrap().cases,
                None
            );
        }
    }

    #[test]
    fn an_older_workspace_is_migrated_and_a_copy_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut old = Workspace::open(folder.path()).unwrap();
        old.set_name("Hips").unwrap();
        old.close().unwrap();
        let mut new = Workspace::open_with(folder.path(), &next()).unwrap();
        let motto = |c: &Connection| {
            Ok(c.query_row("SELECT motto FROM workspace", (), |r| r.get::<_, String>(0))?)
        };
        assert_eq!(
            new.read_database("read", motto).unwrap(),
            "primum non nocere"
        );
        assert_eq!(new.read_name().unwrap(), "Hips");
        let copy = Connection::open(
            folder
                .path()
                .join(format!("workspace-version-{}.sqlite", MIGRATIONS.len())),
        )
        .unwrap();
        assert_eq!(tables_version(&copy).unwrap(), Some(MIGRATIONS.len()));
        let name: String = copy
            .query_row("SELECT name FROM workspace", (), |r| r.get(0))
            .unwrap();
        assert_eq!(name, "Hips");
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        Workspace::open(folder.path()).unwrap().close().unwrap();
        let half = format!("{NEXT}; INSERT INTO nowhere VALUES (1)");
        let migrations = [MIGRATIONS, &[half.as_str()]].concat();
        assert!(Workspace::open_with(folder.path(), &migrations).is_err());
        let mut workspace = Workspace::open(folder.path()).unwrap();
        let columns = |c: &Connection| {
            Ok(c.query_row(
                "SELECT count(*) FROM pragma_table_info('workspace')",
                (),
                |r| r.get::<_, i64>(0),
            )?)
        };
        assert_eq!(workspace.read_database("read", columns).unwrap(), 3);
    }

    #[test]
    fn a_newer_workspace_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Workspace::open_with(folder.path(), &next())
            .unwrap()
            .close()
            .unwrap();
        let error = Workspace::open(folder.path()).unwrap_err().to_string();
        let known = MIGRATIONS.len();
        let expected = format!(
            "a newer Labrum made it (version {}; supported up to {known})",
            known + 1
        );
        assert!(error.contains(&expected), "{error}");
        assert!(error.contains("Update Labrum"), "{error}");
        assert!(Workspace::open_with(folder.path(), &next()).is_ok());
    }

    #[test]
    fn a_database_of_another_program_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE songs (title TEXT)")
            .unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = Workspace::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("belongs to another program"), "{error}");
        assert!(
            std::fs::read(&path).unwrap() == before,
            "the file was changed"
        );
    }

    #[test]
    fn a_file_that_is_not_a_database_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        let text = "Dear diary, ".repeat(1000);
        std::fs::write(&path, &text).unwrap();
        let error = Workspace::open(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("workspace.sqlite is not a database"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_damaged_database_is_detected_on_opening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        Workspace::open(folder.path()).unwrap().close().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        // All but the first pages, which hold the schema.
        let half = bytes.len() / 2;
        bytes[half..].fill(0xa5);
        std::fs::write(&path, &bytes).unwrap();
        let error = Workspace::open(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("is damaged") && error.contains("Restore the folder from a backup"),
            "{error}"
        );
        assert!(
            std::fs::read(&path).unwrap() == bytes,
            "the file was changed"
        );
        std::fs::write(&path, &bytes[..half - 100]).unwrap();
        let error = Workspace::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }
}
