//! What the fuzz targets share.

use std::{cell::RefCell, io::Write, path::Path};

/// Calls `read` with a file of these bytes that ends in `ending`.
pub fn with_file<T>(bytes: &[u8], ending: &str, read: impl FnOnce(&Path) -> T) -> T {
    thread_local! {
        static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
    }
    // In memory, where there is such a place.
    let place = if Path::new("/dev/shm").is_dir() {
        "/dev/shm".into()
    } else {
        std::env::temp_dir()
    };
    FOLDER.with_borrow_mut(|folder| {
        let folder = folder
            .get_or_insert_with(|| tempfile::tempdir_in(place).expect("a folder for the file"));
        let path = folder.path().join(format!("file.{ending}"));
        let mut file = std::fs::File::create(&path).expect("a new file");
        file.write_all(bytes).expect("room for the file");
        drop(file);
        read(&path)
    })
}
