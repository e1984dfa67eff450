//! What the accepted cases cost.

use super::*;

#[test]
fn the_work_report_lists_the_cost_of_accepted_cases() {
    let (_folder, mut workspace) = workspace();
    assert_eq!(workspace.work_report().unwrap(), WorkReport::default());
    let (knee, hip, other) = (
        case(&mut workspace, "k"),
        case(&mut workspace, "h"),
        case(&mut workspace, "o"),
    );
    let drawn = workspace.adopt_case(&picture(3)).unwrap();
    // The second slice was proposed first.
    for (slice, version) in [(1, "1"), (0, "2")] {
        workspace
            .put_proposal(knee, slice, &proposal(&square(0, 0, 4), version), None)
            .unwrap();
    }
    workspace
        .put_proposal(hip, 0, &proposal(&square(0, 0, 3), ""), None)
        .unwrap();
    let mut mask = packed(&square(0, 0, 4), 1).to_mask();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 2), 0);
    paint(&mut workspace, drawn, 0, &mut blank(), &square(0, 0, 3), 1);
    paint(&mut workspace, other, 0, &mut blank(), &square(0, 0, 3), 1);
    workspace.add_seconds(knee, 20.0).unwrap();
    for (case, at) in [(hip, 300), (drawn, 200), (knee, 100)] {
        workspace.set_status(case, Status::Accepted).unwrap();
        workspace
            .write_transaction("date", |t| {
                Ok(t.execute(
                    "UPDATE scan SET accepted_at = ?2 WHERE id = ?1",
                    (case.0, at),
                )?)
            })
            .unwrap();
    }
    let version = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let report = workspace.work_report().unwrap();
    let costs: Vec<_> = report
        .cases
        .iter()
        .map(|c| {
            (
                c.accepted_at,
                c.seconds,
                c.pixels_changed,
                c.pixels,
                c.model.as_str(),
            )
        })
        .collect();
    assert_eq!(
        costs,
        [
            (100, 20.0, 4, 12 + 16, "knee 1"),
            (200, 0.0, 9, 9, ""),
            (300, 0.0, 0, 9, "knee")
        ]
    );
    let mut held_out = |c: CaseKey| {
        workspace
            .list_cases()
            .unwrap()
            .iter()
            .any(|e| e.key == c && e.side == Some(Side::HoldOut))
    };
    let sides = [knee, drawn, hip].map(&mut held_out);
    assert_eq!(
        report.cases.iter().map(|c| c.held_out).collect::<Vec<_>>(),
        sides
    );
    assert_eq!(report.cases[1].name, "sha256:3");
    assert_eq!(report.versions, [version]);
}
