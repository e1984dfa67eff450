//! Steps that change more than pixels, removed labels and cases, tasks, and older workspaces.

use super::*;
use labrum_core::{
    journal::{LabelChange, LabelUse, StatusChange},
    label::{Gone, TaskKey},
};

/// A step that changes no pixel.
fn decision(seq: i64, case: CaseKey, tool: &str, also: Also) -> JournalStep {
    JournalStep {
        tool: tool.into(),
        also,
        ..step(seq, case, Vec::new())
    }
}

fn status(before: Status, after: Status) -> Also {
    Also {
        status: Some(StatusChange { before, after }),
        ..Also::default()
    }
}

#[test]
fn an_acceptance_is_a_step_that_can_be_undone_and_redone_after_a_restart() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    paint(&mut workspace, knee, 0, &mut blank(), &square(0, 0, 4), 1);
    let seq = workspace.next_seq().unwrap();
    let accept = decision(
        seq,
        knee,
        "Accept",
        status(Status::Corrected, Status::Accepted),
    );
    workspace.append_step(&accept, &[]).unwrap();
    let mut workspace = reopened(workspace);
    let entry = stored(&mut workspace, "k").entry;
    assert_eq!(
        (entry.status, entry.accepted_at),
        (Status::Accepted, Some(accept.at))
    );
    assert_eq!(
        workspace.recent_steps(&[knee], 10).unwrap().last(),
        Some(&accept)
    );

    workspace.set_undone(seq, true).unwrap();
    let mut workspace = reopened(workspace);
    let entry = stored(&mut workspace, "k").entry;
    assert_eq!((entry.status, entry.accepted_at), (Status::Corrected, None));
    workspace.set_undone(seq, false).unwrap();
    assert_eq!(stored(&mut workspace, "k").entry.status, Status::Accepted);
    assert!(stored(&mut workspace, "k").entry.accepted_at.is_some());
    for table in ["status_change", "label_change", "absence"] {
        workspace
            .write_transaction("delete", |t| {
                Ok(t.execute(&format!("INSERT INTO {table} DEFAULT VALUES"), ())?)
            })
            .unwrap_err();
    }
    let deleted =
        workspace.write_transaction(
            "delete",
            |t| Ok(t.execute("DELETE FROM status_change", ())?),
        );
    assert!(deleted.unwrap_err().to_string().contains("never deleted"));
}

#[test]
fn undoing_a_stroke_on_an_accepted_case_restores_the_acceptance() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 4), 1);
    workspace.set_status(knee, Status::Accepted).unwrap();
    let accepted_at = stored(&mut workspace, "k").entry.accepted_at;
    let seq = workspace.next_seq().unwrap();
    let edit = mask.paint_region(&square(8, 8, 2), 1, &Rule::FREE);
    let also = status(Status::Accepted, Status::Corrected);
    workspace
        .append_step(
            &JournalStep {
                also,
                ..step(seq, knee, vec![(0, edit)])
            },
            &[],
        )
        .unwrap();
    assert_eq!(stored(&mut workspace, "k").entry.status, Status::Corrected);
    workspace.set_undone(seq, true).unwrap();
    let entry = stored(&mut workspace, "k").entry;
    assert_eq!(
        (entry.status, entry.accepted_at),
        (Status::Accepted, accepted_at)
    );
}

#[test]
fn a_slice_marked_as_absent_has_an_empty_mask_until_that_is_undone() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let seq = workspace.next_seq().unwrap();
    let also = Also {
        absent: vec![(1, 2)],
        ..status(Status::New, Status::Corrected)
    };
    let said = JournalStep {
        also,
        ..step(seq, knee, vec![(1, Edit::default())])
    };
    workspace.append_step(&said, &[]).unwrap();
    workspace.set_status(knee, Status::Accepted).unwrap();
    let mut workspace = reopened(workspace);
    let slice = stored(&mut workspace, "k").slices.remove(1);
    assert_eq!(
        (slice.mask.map(|m| m.to_mask()), slice.absent),
        (Some(blank()), vec![2])
    );
    assert!(slice.is_touched);
    assert_eq!(workspace.recent_steps(&[knee], 10).unwrap(), [said]);
    let accepted = workspace.accepted_masks().unwrap();
    assert_eq!(accepted.len(), 1, "an empty mask is used for training");
    assert_eq!(accepted[0].mask.count_labelled_pixels(), 0);
    workspace.set_undone(seq, true).unwrap();
    let slice = stored(&mut workspace, "k").slices.remove(1);
    assert_eq!((slice.mask, slice.absent), (None, Vec::new()));
    workspace.set_status(knee, Status::Accepted).unwrap();
    assert!(
        workspace.accepted_masks().unwrap().is_empty(),
        "the slice is no longer marked as absent"
    );
}

#[test]
fn renaming_a_label_is_stored_in_the_journal() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let (before, after) = (Label::with_name("Polyp", 0), Label::with_name("Adenoma", 0));
    let change = LabelChange {
        value: 1,
        before,
        after,
    };
    let also = Also {
        label: Some(Box::new(change)),
        ..Also::default()
    };
    let rename = decision(1, knee, "Rename label", also);
    workspace.append_step(&rename, &[]).unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.recent_steps(&[knee], 10).unwrap(), [rename]);
    assert_eq!(
        stored(&mut workspace, "k").entry.status,
        Status::New,
        "nothing was drawn"
    );
}

#[test]
fn a_label_is_removed_from_masks_with_steps_and_from_proposals_without() {
    let (_folder, mut workspace) = workspace();
    let (knee, hip, alone) = (
        case(&mut workspace, "k"),
        case(&mut workspace, "h"),
        case(&mut workspace, "a"),
    );
    let mut mask = blank();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 4), 1);
    paint(&mut workspace, knee, 0, &mut mask, &square(8, 8, 3), 2);
    let gone = paint(&mut workspace, knee, 0, &mut mask, &square(12, 12, 2), 2);
    workspace.set_undone(gone, true).unwrap();
    workspace.set_status(knee, Status::Accepted).unwrap();
    // A proposal that was not edited.
    workspace
        .put_proposal(hip, 1, &proposal(&square(2, 2, 5), "1"), None)
        .unwrap();
    paint(&mut workspace, alone, 2, &mut blank(), &square(1, 1, 2), 1);
    workspace.set_status(alone, Status::Accepted).unwrap();

    assert_eq!(
        workspace.label_use(1).unwrap(),
        LabelUse {
            value: 1,
            cases: 3,
            slices: 3,
            accepted: 2
        }
    );
    assert_eq!(
        workspace.label_use(7).unwrap(),
        LabelUse {
            value: 7,
            ..LabelUse::default()
        }
    );
    assert_eq!(
        workspace
            .relabel_masks(1, 0, "Remove label Polyp", "AB")
            .unwrap(),
        [knee, alone]
    );
    assert_eq!(workspace.label_use(1).unwrap().slices, 0);
    let case = stored(&mut workspace, "k");
    assert_eq!(
        case.entry.status,
        Status::Accepted,
        "the other label is still accepted"
    );
    assert_eq!(
        case.slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask()
            .count_pixels(2),
        9
    );
    assert_eq!(
        stored(&mut workspace, "a").entry.status,
        Status::Corrected,
        "no mask is left"
    );
    let hip_slice = stored(&mut workspace, "h").slices.remove(1);
    assert!(!hip_slice.is_touched && hip_slice.mask.unwrap().count_labelled_pixels() == 0);

    let steps = workspace.recent_steps(&[knee], 10).unwrap();
    let last = steps.last().unwrap();
    assert_eq!(
        (last.tool.as_str(), &last.author),
        ("Remove label Polyp", &Author::Person("AB".into()))
    );
    assert!(
        steps.iter().all(|s| s.state == StepState::Done),
        "undone steps are dropped"
    );
    workspace.set_undone(last.seq, true).unwrap();
    assert_eq!(
        stored(&mut workspace, "k").slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask()
            .count_pixels(1),
        16
    );
}

#[test]
fn a_case_removed_from_the_list_is_not_counted_or_trained_on() {
    let (_folder, mut workspace) = workspace();
    let (knee, hip) = (case(&mut workspace, "k"), case(&mut workspace, "h"));
    for key in [knee, hip] {
        paint(&mut workspace, key, 0, &mut blank(), &square(0, 0, 4), 1);
        workspace.set_status(key, Status::Accepted).unwrap();
    }
    workspace
        .put_proposal(knee, 1, &proposal(&square(2, 2, 5), "1"), None)
        .unwrap();
    workspace.set_listed(knee, false).unwrap();
    let mut workspace = reopened(workspace);
    let keys: Vec<_> = workspace
        .list_cases()
        .unwrap()
        .iter()
        .map(|c| c.key)
        .collect();
    assert_eq!(keys, [hip]);
    assert_eq!(
        (
            workspace.count_progress().unwrap().total,
            workspace.count_progress().unwrap().accepted
        ),
        (1, 1)
    );
    assert!(
        workspace
            .accepted_masks()
            .unwrap()
            .iter()
            .all(|mask| mask.case == hip)
    );
    assert_eq!(workspace.work_report().unwrap().cases.len(), 1);
    assert_eq!(workspace.count_progress().unwrap().out_of_list, 1);
    let folder = workspace.folder().to_owned();
    workspace.close().unwrap();
    assert_eq!(glance_at(&folder).unwrap().cases, Some(1));
    let mut workspace = Workspace::open(&folder).unwrap();

    let case = stored(&mut workspace, "k");
    assert!(
        !case.entry.is_listed && case.slices[0].mask.is_some(),
        "its masks are kept"
    );
    workspace.purge_removed_cases().unwrap();
    workspace.set_listed(knee, true).unwrap();
    let case = stored(&mut workspace, "k");
    assert_eq!(
        case.slices[0]
            .mask
            .as_ref()
            .unwrap()
            .count_labelled_pixels(),
        16,
        "the drawn mask is kept"
    );
    assert!(case.slices[1].mask.is_none(), "the proposal is deleted");
    let refused = workspace.set_listed(CaseKey(77), false).unwrap_err();
    assert!(
        refused.to_string().contains("there is no case 77"),
        "{refused}"
    );
}

#[test]
fn cases_belong_to_tasks() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    assert!(workspace.list_tasks().unwrap().is_empty());
    let hearts = workspace.begin_task(" Hearts ").unwrap();
    workspace.set_task(knee, hearts).unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.list_tasks().unwrap()[0].name, "Hearts");
    assert_eq!(stored(&mut workspace, "k").entry.task, hearts);
    workspace.set_task(knee, TaskKey(0)).unwrap();
    assert!(
        workspace
            .set_task(knee, TaskKey(9))
            .unwrap_err()
            .to_string()
            .contains("there is no task 9")
    );
    assert!(
        workspace
            .begin_task("  ")
            .unwrap_err()
            .to_string()
            .contains("name is empty")
    );
}

#[test]
fn labels_get_permanent_ids() {
    let (_folder, mut workspace) = workspace();
    let mut gone = Label::with_name("Ghost", 1);
    gone.kept.gone = Some(Gone::Into(1));
    workspace
        .set_labels(&[Label::with_name("Polyp", 0), gone])
        .unwrap();
    let first = workspace.read_labels().unwrap();
    assert!(!first[0].kept.id.is_empty() && first[0].kept.id != first[1].kept.id);
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.read_labels().unwrap(), first);
    let renamed = Label {
        name: "Adenoma".into(),
        ..first[0].clone()
    };
    workspace.set_labels(&[renamed]).unwrap();
    assert_eq!(
        workspace.read_labels().unwrap()[0].kept.id,
        first[0].kept.id
    );
}

/// Creates a workspace as Labrum 0.1.0 did: an accepted case with a stroke, a case with a
/// proposal, a label without an id.
fn create_version_2(folder: &Path) {
    std::fs::create_dir_all(folder.join(MODELS)).unwrap();
    let connection = Connection::open(folder.join(DATABASE)).unwrap();
    schema::MIGRATIONS[..2]
        .iter()
        .for_each(|sql| connection.execute_batch(sql).unwrap());
    connection
        .pragma_update(None, "application_id", 0x4c41_4252)
        .unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    let polyp = r#"{"name":"Polyp","color":[1,2,3],"category":{"value":"1","scheme":"SCT","meaning":"T"},
                    "concept":{"value":"2","scheme":"SCT","meaning":"U"},"visible":true,"locked":false}"#;
    let mut mask = blank();
    let edit = mask
        .paint_region(&square(3, 3, 4), 1, &Rule::FREE)
        .to_bytes();
    let proposed = packed(&square(0, 0, 6), 1).to_bytes();
    connection
        .execute(
            "INSERT INTO workspace (id, name, created_at) VALUES (1, 'Old', 5)",
            (),
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO label (value, definition) VALUES (1, ?1)",
            [polyp],
        )
        .unwrap();
    for (id, identity, status) in [(1, "k", "accepted"), (2, "h", "proposed")] {
        let scan = "INSERT INTO scan (id, identity, study, description, modality, study_date, columns, rows, status,
                        opened_at, accepted_at) VALUES (?1, ?2, '1.2', 'PD', 'MR', '', 16, 16, ?3, 6, ?4)";
        connection
            .execute(
                scan,
                (id, identity, status, (status == "accepted").then_some(9)),
            )
            .unwrap();
        let slice = "INSERT INTO slice (id, scan_id, place, path, frame, sop_instance_uid)
                         VALUES (?1, ?1, 0, '/scans/a.dcm', 0, ?2)";
        connection.execute(slice, (id, format!("uid{id}"))).unwrap();
    }
    let step = "INSERT INTO step (seq, scan_id, at, person, tool, state) VALUES (1, 1, 8, 'AB', 'Brush', 'done')";
    connection.execute(step, ()).unwrap();
    connection
        .execute(
            "INSERT INTO edit (seq, slice_id, runs) VALUES (1, 1, ?1)",
            [edit],
        )
        .unwrap();
    let proposal =
        "INSERT INTO proposal (slice_id, model, model_version, model_weights, made_at, mask)
                        VALUES (2, 'knee', '1', 'abc', 7, ?1)";
    connection.execute(proposal, [proposed]).unwrap();
}

#[test]
fn a_workspace_of_version_2_is_migrated_with_its_acceptance() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("old");
    create_version_2(&folder);
    assert_eq!(
        glance_at(&folder).unwrap().cases,
        Some(2),
        "it can be summarised before it is migrated"
    );
    let mut workspace = Workspace::open(&folder).unwrap();
    assert!(
        folder.join("workspace-version-2.sqlite").is_file(),
        "a copy is kept"
    );
    let labels = workspace.read_labels().unwrap();
    assert!(labels[0].name == "Polyp" && !labels[0].kept.id.is_empty());
    let case = stored(&mut workspace, "k");
    assert_eq!(
        (case.entry.status, case.entry.task, case.entry.is_listed),
        (Status::Accepted, TaskKey(0), true)
    );
    assert_eq!(
        case.slices[0]
            .mask
            .as_ref()
            .unwrap()
            .count_labelled_pixels(),
        16
    );
    assert_eq!(
        stored(&mut workspace, "h").slices[0].mask,
        Some(packed(&square(0, 0, 6), 1))
    );

    let steps = workspace.recent_steps(&[case.entry.key], 10).unwrap();
    assert_eq!((steps.len(), &steps[0].also), (1, &Also::default()));
    // Its journal does not say that the case was accepted after the stroke; the caller does.
    let known = StatusChange {
        before: Status::Corrected,
        after: Status::Accepted,
    };
    workspace.set_undone_knowing(1, true, Some(known)).unwrap();
    assert_eq!(stored(&mut workspace, "k").entry.status, Status::Corrected);
    let mut workspace = reopened(workspace);
    assert_eq!(
        workspace.recent_steps(&[case.entry.key], 10).unwrap()[0]
            .also
            .status,
        Some(known)
    );
    workspace.set_undone(1, false).unwrap();
    assert_eq!(stored(&mut workspace, "k").entry.status, Status::Accepted);
}
