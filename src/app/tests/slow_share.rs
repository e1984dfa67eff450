//! On a slow share, where each file takes 0.4 s, the window stays responsive and can cancel.

use super::*;
use crate::{io::open::slow, session::Action};

const EACH: Duration = Duration::from_millis(400);

/// A copy of the bundled CT on a slow share.
fn share() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(samples().join("sarcoma-ct")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    slow::delay_folder(folder.path(), EACH);
    folder
}

impl Bench {
    /// Runs frames until `done`; returns the longest frame time.
    fn longest_until(&mut self, what: &str, done: impl Fn(&Session) -> bool) -> Duration {
        let (begun, mut longest) = (Instant::now(), Duration::ZERO);
        while !done(self.session()) {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "timed out waiting for {what}"
            );
            std::thread::sleep(Duration::from_millis(2));
            let frame = Instant::now();
            self.harness.step();
            longest = longest.max(frame.elapsed());
        }
        longest
    }
}

#[test]
fn no_frame_waits_for_a_slow_share() {
    let share = share();
    let mut bench = Bench::new(vec![share.path().to_owned()]);
    bench.harness.step();
    let listing = bench.longest_until("the case list", |s| !s.cases.is_empty());
    let loading = bench.longest_until("the image", |s| s.current_loaded().is_some());
    bench.harness.key_press(Key::Home);
    bench.harness.step();
    assert_eq!(
        bench.session().cases.current_case().unwrap().slice,
        0,
        "scrolling does not wait for pixels"
    );
    let scrolling = bench.longest_until("the first slice", |s| s.current_loaded().is_some());
    let longest = listing.max(loading).max(scrolling);
    assert!(longest < EACH * 3 / 4, "a frame took {longest:?}");
}

#[test]
fn opening_from_a_slow_share_is_cancelled_at_once() {
    let share = share();
    let mut bench = Bench::new(vec![share.path().to_owned()]);
    bench.harness.step();
    assert!(bench.session().opening.is_some());
    bench
        .harness
        .state_mut()
        .as_mut()
        .unwrap()
        .session
        .apply_action(Action::Command(
            crate::session::command::UserCommand::Cancel,
        ));
    let begun = Instant::now();
    bench.until("the end of the search", |s| s.opening.is_none());
    assert!(begun.elapsed() < EACH, "{:?}", begun.elapsed());
    assert!(bench.session().cases.is_empty());
}
