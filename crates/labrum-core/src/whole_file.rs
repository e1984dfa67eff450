//! Atomic file writing: to a temporary file in the same folder, synced, verified and only then renamed.

use crate::{Error, Result};
use std::{
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Write},
    path::Path,
};

/// Writes `path` (its folder must exist) with `fill`; an existing file is kept until the new one is complete.
///
/// `tried` is used in errors: "write the mask". Nothing is left behind on errors.
pub fn write_atomically(
    path: &Path,
    tried: &str,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    write_checked(path, tried, fill, |_| Ok(()))
}

/// Like [`write_atomically`], but `check` verifies the temporary file before it is renamed.
pub fn write_checked(
    path: &Path,
    tried: &str,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    check: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let mut file = create_temporary_beside(path, tried)?;
    let mut buffered = BufWriter::new(file.as_file_mut());
    fill(&mut buffered)
        .and_then(|()| buffered.flush())
        .map_err(|e| explain_io_error(tried, path, &e))?;
    drop(buffered);
    file.as_file()
        .sync_all()
        .map_err(|e| explain_io_error(tried, path, &e))?;
    check(file.path())?;
    file.persist(path)
        .map_err(|e| explain_io_error(tried, path, &e.error))?;
    // Sync the folder to make the rename durable; on systems that cannot, the file itself is synced already.
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Checks before long work that [`write_atomically`] could write now; leaves nothing behind.
pub fn check_writable(path: &Path, tried: &str) -> Result<()> {
    create_temporary_beside(path, tried).map(drop)
}

/// Creates the folder and its parents if missing, and checks that files can be created in it.
pub fn make_folder(folder: &Path) -> Result<()> {
    let tried = "create the folder";
    fs::create_dir_all(folder).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => {
            Error::at_path(tried, folder, "a file with that name already exists")
                .with_advice("Choose another folder.")
        }
        _ => explain_io_error(tried, folder, &e),
    })?;
    create_temporary_in(folder)
        .map(drop)
        .map_err(|e| match e.kind() {
            ErrorKind::PermissionDenied => Error::at_path("write to", folder, "permission denied")
                .with_advice("Choose another folder."),
            _ => explain_io_error("write to", folder, &e),
        })
}

/// Creates a temporary file in the folder of `path`.
fn create_temporary_beside(path: &Path, tried: &str) -> Result<tempfile::NamedTempFile> {
    if path.is_dir() {
        return Err(
            Error::at_path(tried, path, "a folder with that name already exists")
                .of_kind(crate::ErrorKind::Disk),
        );
    }
    // Renaming onto a device or pipe would replace it for all programs.
    if path.exists() && !path.is_file() {
        return Err(
            Error::at_path(tried, path, "this is a device or pipe, not a file")
                .with_advice("Choose another name.")
                .of_kind(crate::ErrorKind::Disk),
        );
    }
    create_temporary_in(folder_of(path)).map_err(|e| explain_io_error(tried, path, &e))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn create_temporary_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".labrum-").suffix(".part");
    // Temporary files are private by default; an export gets the permissions that the user's umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Turns an I/O error into an error with plain words and advice.
fn explain_io_error(tried: &str, path: &Path, error: &io::Error) -> Error {
    let (reason, advice) = match error.kind() {
        ErrorKind::PermissionDenied => (
            "no permission to write to its folder",
            "Choose another folder.",
        ),
        ErrorKind::ReadOnlyFilesystem => {
            ("the disk is read-only", "Choose a folder on another disk.")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (
            "the disk is full",
            "Free some space or choose a folder on another disk.",
        ),
        ErrorKind::NotFound => (
            "its folder does not exist",
            "Create the folder or choose another one.",
        ),
        ErrorKind::NotADirectory => ("its folder is a file", "Choose another folder."),
        _ => return Error::at_path(tried, path, error).of_kind(crate::ErrorKind::Disk),
    };
    Error::at_path(tried, path, reason)
        .with_advice(advice)
        .of_kind(crate::ErrorKind::Disk)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_replaces_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        std::fs::write(&path, "old").unwrap();
        write_atomically(&path, "write the mask", |w| w.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["mask.png"]);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        std::fs::write(&path, "old").unwrap();
        let full = |w: &mut dyn Write| {
            w.write_all(b"half")?;
            Err(ErrorKind::StorageFull.into())
        };
        let error = write_atomically(&path, "write the mask", full).unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["mask.png"]);
    }

    #[test]
    fn a_file_that_fails_its_check_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = |path: &Path| Err(Error::at_path("check the mask", path, "it differs"));
        let path = folder.path().join("mask.png");
        assert!(write_checked(&path, "write the mask", |w| w.write_all(b"x"), wrong).is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = write_atomically(&path, "write the mask", |w| w.write_all(b"new")).unwrap_err();
        assert!(error.to_string().contains("not a file"), "{error}");
        assert!(check_writable(&path, "write the mask").is_err());
        assert!(!path.is_file());
        assert_eq!(names(folder.path()), ["socket"]);
    }

    #[test]
    fn a_missing_folder_is_named_as_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomically(&folder.path().join("no/mask.png"), "write the mask", |_| {
            Ok(())
        })
        .unwrap_err();
        assert!(
            error.to_string().contains("its folder does not exist"),
            "{error}"
        );
        let error = write_atomically(folder.path(), "write the mask", |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("already exists"), "{error}");
    }

    #[test]
    fn checking_a_path_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("model"), "write the model").unwrap();
        make_folder(&folder.path().join("a/b")).unwrap();
        assert_eq!(names(folder.path()), ["a"]);
        std::fs::write(folder.path().join("file"), "x").unwrap();
        let error = make_folder(&folder.path().join("file")).unwrap_err();
        assert!(error.to_string().contains("already exists"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_read_only_folder_is_named_as_the_reason() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
        let probe = File::create(folder.path().join("probe"));
        // The superuser may write anywhere.
        if probe.is_err() {
            let error =
                write_atomically(
                    &folder.path().join("mask.png"),
                    "write the mask",
                    |_| Ok(()),
                )
                .unwrap_err();
            assert!(error.to_string().contains("may not be written"), "{error}");
        }
    }
}
