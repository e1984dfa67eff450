//! The database of a workspace, opened and asked for all that is in it.
#![no_main]

use labrum::workspace::{Workspace, glance_at};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let place = if Path::new("/dev/shm").is_dir() {
        "/dev/shm".into()
    } else {
        std::env::temp_dir()
    };
    let folder = tempfile::tempdir_in(place).expect("a folder");
    std::fs::write(folder.path().join("workspace.sqlite"), bytes).expect("room for the file");
    let _ = glance_at(folder.path());
    let Ok(mut workspace) = Workspace::open(folder.path()) else {
        return;
    };
    let _ = workspace.read_labels();
    let _ = workspace.list_versions();
    let _ = workspace.running_round();
    let _ = workspace.work_report();
    if let Ok(masks) = workspace.accepted_masks() {
        masks.iter().for_each(|slice| drop(slice.mask.to_mask()));
    }
    let mut keys = Vec::new();
    for entry in workspace.list_cases().unwrap_or_default() {
        keys.push(entry.key);
        if let Ok(Some(case)) = workspace.find_case(&entry.description.identity) {
            case.slices
                .iter()
                .filter_map(|slice| slice.mask.as_ref())
                .for_each(|mask| drop(mask.to_mask()));
        }
    }
    let _ = workspace.recent_steps(&keys, 1000);
    let _ = workspace.fold_journal(10);
});
