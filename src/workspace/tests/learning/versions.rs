//! Versions of the model: which is active, and their files.

use super::*;

#[test]
fn a_version_is_stored_with_its_file_and_active_if_accepted() {
    let (_folder, mut workspace) = ten_accepted();
    let (round, _) = begin(&mut workspace);
    std::fs::write(&round.checkpoint, "state").unwrap();
    let new = new_version(round.key, "one", VersionState::Accepted);
    let first = workspace.add_version(&new).unwrap();
    assert_eq!(files(&workspace), ["1-0123456789ab.safetensors"]);
    assert_eq!(std::fs::read(&first.file).unwrap(), *new.bytes);
    assert!(first.is_active && first.made_at > 0);
    let seen = (
        first.name.as_str(),
        first.hash.as_str(),
        first.cases,
        first.seconds,
        first.steps,
    );
    assert_eq!(seen, ("one", HASH, 7, 1.5, 300));
    assert_eq!(
        (&first.settings, &first.report),
        (&new.settings, &new.report)
    );
    assert_eq!(
        (first.state, first.reason.as_str()),
        (VersionState::Accepted, new.report.verdict.reason_text())
    );
    assert_eq!(workspace.running_round().unwrap(), None);
    // Ending a completed round again is allowed.
    workspace
        .end_round(round.key, RoundState::Done, "")
        .unwrap();

    let second = add_trained_version(
        &mut workspace,
        "two",
        Some(first.key),
        VersionState::Undecided,
    );
    assert_eq!((second.parent, second.is_active), (Some(first.key), false));
    assert_eq!(active(&mut workspace), Some(first.key));
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.list_versions().unwrap(), [first.clone(), second]);
    let target = workspace.folder().with_file_name("moved");
    workspace.move_to(&target).unwrap();
    let moved = workspace.list_versions().unwrap();
    assert_eq!(
        moved[0].file,
        target.join("models/1-0123456789ab.safetensors")
    );
    assert!(moved.iter().all(|v| v.file.is_file()));
}

#[test]
fn the_user_decides_which_version_is_active() {
    let (_folder, mut workspace) = ten_accepted();
    let [one, two, three] = [
        ("one", VersionState::Accepted),
        ("two", VersionState::Undecided),
        ("three", VersionState::Rejected),
    ]
    .map(|(name, state)| add_trained_version(&mut workspace, name, None, state).key);
    let state = |workspace: &mut Workspace, key| {
        let version = workspace
            .list_versions()
            .unwrap()
            .into_iter()
            .find(|v| v.key == key)
            .unwrap();
        (
            version.state,
            version.reason.rsplit("; ").next().unwrap().to_owned(),
        )
    };
    workspace.activate_version(Some(one)).unwrap();
    assert!(!state(&mut workspace, one).1.contains("user"));
    workspace.activate_version(Some(three)).unwrap();
    assert_eq!(
        state(&mut workspace, three),
        (VersionState::Accepted, "accepted by the user".into())
    );
    assert_eq!(active(&mut workspace), Some(three));
    for decided in [one, three] {
        refused(workspace.reject_version(decided), "is already decided");
    }
    workspace.reject_version(two).unwrap();
    assert_eq!(
        state(&mut workspace, two),
        (VersionState::Rejected, "rejected by the user".into())
    );
    refused(workspace.reject_version(two), "is already decided");
    workspace.activate_version(None).unwrap();
    assert_eq!(active(&mut workspace), None);

    workspace.rename_version(two, " Knees ").unwrap();
    assert_eq!(workspace.list_versions().unwrap()[1].name, "Knees");
    refused(workspace.rename_version(two, " "), "empty");
    let nobody = VersionKey(77);
    refused(
        workspace.rename_version(nobody, "x"),
        "there is no version 77",
    );
    refused(
        workspace.activate_version(Some(nobody)),
        "there is no version 77",
    );
    refused(workspace.reject_version(nobody), "there is no version 77");
    refused(workspace.delete_version(nobody), "there is no version 77");
    std::fs::remove_file(&workspace.list_versions().unwrap()[1].file).unwrap();
    refused(
        workspace.activate_version(Some(two)),
        "the file of \"Knees\" is missing",
    );
    assert_eq!(active(&mut workspace), None);
}

#[test]
fn deleting_a_version_keeps_its_children_and_never_reuses_its_key() {
    let (_folder, mut workspace) = ten_accepted();
    let one = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let two = add_trained_version(&mut workspace, "two", Some(one.key), VersionState::Accepted);
    refused(workspace.delete_version(two.key), "is the active version");
    workspace.delete_version(one.key).unwrap();
    assert!(!one.file.exists() && two.file.exists());
    assert_eq!(
        workspace.list_versions().unwrap(),
        [Version {
            parent: None,
            ..two.clone()
        }]
    );
    workspace.activate_version(None).unwrap();
    workspace.delete_version(two.key).unwrap();
    // The parent was deleted during training.
    let (round, _) = begin(&mut workspace);
    let orphan = NewVersion {
        parent: Some(two.key),
        ..new_version(round.key, "three", VersionState::Accepted)
    };
    let three = workspace.add_version(&orphan).unwrap();
    assert!(three.key > two.key && three.parent.is_none());
    assert_eq!(files(&workspace), ["3-0123456789ab.safetensors"]);
}

#[test]
fn a_version_that_cannot_be_written_leaves_the_active_one_unchanged() {
    let (_folder, mut workspace) = ten_accepted();
    let first = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let (round, snapshot) = begin(&mut workspace);
    std::fs::write(&round.checkpoint, "state").unwrap();
    let large = NewVersion {
        settings: "x".repeat(1 << 20),
        ..new_version(round.key, "two", VersionState::Accepted)
    };
    workspace.hold_at(1).unwrap();
    let failure = workspace.add_version(&large).unwrap_err();
    assert!(
        failure.kind == ErrorKind::Disk && failure.to_string().contains("the disk is full"),
        "{failure}"
    );
    assert_eq!(
        files(&workspace),
        ["1-0123456789ab.safetensors", "round-2.state"]
    );
    assert_eq!(
        workspace.list_versions().unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(workspace.running_round().unwrap(), Some(round.clone()));
    assert_eq!(workspace.round_snapshot(round.key).unwrap(), snapshot);
    // It succeeds once there is space.
    workspace.hold_at(0).unwrap();
    let second = workspace.add_version(&large).unwrap();
    assert_eq!(active(&mut workspace), Some(second.key));

    // With a file that cannot be written.
    let (round, _) = begin(&mut workspace);
    let blocked = workspace.models_folder().join("3-0123456789ab.safetensors");
    std::fs::create_dir_all(blocked.join("in the way")).unwrap();
    let third = new_version(round.key, "three", VersionState::Accepted);
    assert!(workspace.add_version(&third).unwrap_err().kind == ErrorKind::Disk);
    assert_eq!(active(&mut workspace), Some(second.key));
    std::fs::remove_dir_all(&blocked).unwrap();
    workspace.add_version(&third).unwrap();
    assert_eq!(files(&workspace).len(), 3);
}

#[test]
fn unused_model_files_are_deleted_and_foreign_files_are_kept() {
    let (_folder, mut workspace) = ten_accepted();
    let kept = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let (round, _) = begin(&mut workspace);
    std::fs::write(&round.checkpoint, "state").unwrap();
    let models = workspace.models_folder();
    let of_others = [
        "knee.safetensors",
        "2-knee.safetensors",
        "round-two.state",
        "notes.txt",
        ".labrum-x.part",
    ];
    // As if the program had been killed between writing the file and the database.
    for name in [
        "2-0123456789ab.safetensors",
        "9-0123456789ab.safetensors",
        "round-1.state",
        "round-7.state",
    ] {
        std::fs::write(models.join(name), "left").unwrap();
    }
    for name in of_others {
        std::fs::write(models.join(name), "kept").unwrap();
    }
    let mut workspace = reopened_without_closing(workspace);
    let mut expected = [
        &of_others[..],
        &["1-0123456789ab.safetensors", "round-2.state"],
    ]
    .concat();
    expected.sort_unstable();
    assert_eq!(files(&workspace), expected);
    assert_eq!(workspace.list_versions().unwrap(), [kept]);
    // A partial file is deleted once it is too old to be still in use.
    let part = models.join(".labrum-x.part");
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    std::fs::File::options()
        .write(true)
        .open(&part)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let workspace = reopened(workspace);
    assert!(!part.exists() && files(&workspace).len() == expected.len() - 1);
}

#[test]
fn a_version_with_an_unreadable_report_is_still_listed() {
    let (_folder, mut workspace) = ten_accepted();
    add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    workspace
        .write_transaction("spoil", |t| {
            Ok(t.execute("UPDATE version SET report = '{}'", ())?)
        })
        .unwrap();
    let versions = workspace.list_versions().unwrap();
    assert!(versions[0].is_active);
    assert!(
        versions[0]
            .report
            .verdict
            .reason_text()
            .contains("the report cannot be read")
    );
}
