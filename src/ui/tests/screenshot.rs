//! Screenshots, and folders shown from messages.

use super::*;
use crate::session::job::ViewerJob;

#[test]
fn a_message_about_a_file_shows_its_folder() {
    let mut harness = window(Session::new(Settings::default()));
    harness.state_mut().session.on_event(Event::Written {
        text: "exported the report to /out".into(),
        folder: "/out".into(),
    });
    harness.run_steps(4);
    let message = "Exported the report to /out.";
    assert!(harness.query_by_label(message).is_some());
    harness.get_by_label("Show folder").click();
    harness.run_steps(2);
    let shows = |job: &Job| matches!(job, Job::Viewer(ViewerJob::ShowFolder(folder)) if folder.as_os_str() == "/out");
    assert_eq!(
        harness.state().jobs.iter().filter(|job| shows(job)).count(),
        1
    );
}
