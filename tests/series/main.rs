//! A series that is larger than the image cache: slices are read when shown and dropped afterwards.

#![allow(clippy::unwrap_used, clippy::panic)]

mod editor;
mod generator;

use editor::{Editor, memory};
use generator::Wanted;
use labrum::session::{Action, settings::Settings};

/// The only test of this binary, because it measures the memory of the whole process.
#[test]
fn scrolling_keeps_the_memory_limit_and_prefetches_the_next_slices() {
    let folder = tempfile::tempdir().unwrap();
    let scans = folder.path().join("scans");
    // 300 slices of 0.5 MB each, more than the image cache holds.
    generator::write(
        &scans,
        Wanted {
            slices: 300,
            side: 512,
            gap: 1.0,
        },
    )
    .unwrap();
    let settings = Settings {
        memory_mb: 300,
        ..Settings::default()
    };
    let limit = settings.picture_bytes();
    let before = memory();
    let mut editor = Editor::open(folder.path(), &scans, settings);
    editor.until(|s| s.current_loaded().is_some());
    assert_eq!(
        editor.session.cases.current_case().unwrap().slices.len(),
        300
    );

    editor.act(Action::SetSlice(0));
    let mut waited_for = 0;
    for slice in 0..300 {
        editor.act(Action::SetSlice(slice));
        waited_for += usize::from(editor.session.current_loaded().is_none());
        editor.until(|s| s.current_loaded().is_some());
        let image = &editor.session.current_loaded().unwrap().image;
        assert_eq!(
            image.plane.unwrap().position[2],
            slice as f64,
            "position of the slice"
        );
        assert!(editor.session.picture_bytes() <= limit);
        // Fast scrolling: about 60 slices a second.
        editor.until({
            let begun = std::time::Instant::now();
            move |_| begun.elapsed().as_millis() >= 16
        });
    }
    assert!(
        waited_for < 30,
        "{waited_for} of 300 slices were not loaded when scrolled to"
    );

    // On the way back, the last slices are still in the cache.
    for slice in (280..299).rev() {
        editor.act(Action::SetSlice(slice));
        assert!(editor.session.current_loaded().is_some(), "slice {slice}");
    }
    if let (Some((start, _)), Some((_, peak))) = (before, memory()) {
        let more = peak - start;
        assert!(
            more < limit as f64 / 1e6 + 48.0,
            "{more:.0} MB more than at the start; the cache may hold {} MB",
            limit / 1_000_000
        );
    }
}
