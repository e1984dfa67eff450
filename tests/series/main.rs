//! A series that is larger than the memory it may take: read where it is looked at, and let go of where it is not.

#![allow(clippy::unwrap_used, clippy::panic)]

mod editor;
mod generator;

use editor::{Editor, memory};
use generator::Wanted;
use labrum::session::{Action, settings::Settings};

/// One test in a process of its own: the memory that is measured is that of the whole process.
#[test]
fn a_series_is_scrolled_through_within_the_limit_and_what_comes_next_is_there_already() {
    let folder = tempfile::tempdir().unwrap();
    let scans = folder.path().join("scans");
    // 300 slices of half a megabyte each, in 30 MB.
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
            "the slice of this place"
        );
        assert!(editor.session.picture_bytes() <= limit);
        // A wheel that is turned fast: some 60 slices a second.
        editor.until({
            let begun = std::time::Instant::now();
            move |_| begun.elapsed().as_millis() >= 16
        });
    }
    assert!(
        waited_for < 30,
        "{waited_for} of 300 slices were not there when they were turned to"
    );

    // Backwards the slices just seen are there without being read again.
    for slice in (280..299).rev() {
        editor.act(Action::SetSlice(slice));
        assert!(editor.session.current_loaded().is_some(), "slice {slice}");
    }
    if let (Some((start, _)), Some((_, peak))) = (before, memory()) {
        let more = peak - start;
        assert!(
            more < limit as f64 / 1e6 + 48.0,
            "{more:.0} MB more than at the start, {} of pictures",
            limit / 1_000_000
        );
    }
}
