//! The hold-out set: each subject is assigned once, with all its cases, and never moves.

#![allow(clippy::unwrap_used)]

use super::*;
use labrum_core::holdout::{self, Side};
use rusqlite::OptionalExtension;

/// An image with its own subject.
pub(super) fn picture(n: u64) -> CaseDescription {
    let identity = format!("sha256:{n}");
    let mut picture = described(&identity, &["p"]);
    picture.slices[0].sop_instance_uid = None;
    // Unlike all others: they differ in about 32 of 64 bits.
    let fingerprint = Some(
        (n + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(n as u32 % 64),
    );
    let study = "/pictures".into();
    let subject = holdout::subject_hash(&identity);
    CaseDescription {
        study,
        modality: String::new(),
        subject,
        fingerprint,
        description: identity,
        ..picture
    }
}

/// A series of this patient.
fn series(identity: &str, patient: &str) -> CaseDescription {
    CaseDescription {
        subject: holdout::subject_hash(patient),
        ..described(identity, &["a", "b"])
    }
}

fn side(workspace: &mut Workspace, identity: &str) -> Option<Side> {
    stored(workspace, identity).entry.side
}

/// Identity, subject and set of all cases.
fn sides(workspace: &mut Workspace) -> Vec<(String, String, Option<Side>)> {
    let entries = workspace.list_cases().unwrap();
    entries
        .into_iter()
        .map(|e| (e.description.identity, e.description.subject, e.side))
        .collect()
}

/// Creates a workspace of schema version 1 and closes it.
fn create_version_1(folder: &Path, fill: impl FnOnce(&Connection)) {
    let mut old = Workspace::open_with(folder, &schema::MIGRATIONS[..1]).unwrap();
    old.write_transaction("fill", |t| {
        fill(t);
        Ok(())
    })
    .unwrap();
    old.close().unwrap();
}

#[test]
fn a_subject_is_assigned_to_a_set_when_known_and_never_moves() {
    let (_folder, mut workspace) = workspace();
    workspace.adopt_case(&described("k", &["a"])).unwrap();
    assert_eq!(side(&mut workspace, "k"), None);
    let known = CaseDescription {
        subject: holdout::subject_hash("MRN 1"),
        ..described("k", &["a"])
    };
    workspace.adopt_case(&known).unwrap();
    let decided = side(&mut workspace, "k");
    assert!(decided.is_some());
    assert_eq!(stored(&mut workspace, "k").entry.description, known);
    // If the subject is later missing or different, the first one is kept.
    for subject in [String::new(), holdout::subject_hash("MRN 2")] {
        workspace
            .adopt_case(&CaseDescription {
                subject,
                ..known.clone()
            })
            .unwrap();
        assert_eq!(
            stored(&mut workspace, "k").entry.description.subject,
            known.subject
        );
        assert_eq!(side(&mut workspace, "k"), decided);
    }
    // The later subject is in the same set.
    workspace.adopt_case(&series("other", "MRN 2")).unwrap();
    assert_eq!(side(&mut workspace, "other"), decided);
}

#[test]
fn all_cases_of_a_subject_are_in_one_set_and_two_of_ten_are_held_out() {
    for start in 0..5 {
        let (_folder, mut workspace) = workspace();
        workspace
            .read_database("hasten", |c| {
                Ok(c.pragma_update(None, "synchronous", "OFF")?)
            })
            .unwrap();
        for n in 0..30 {
            let patient = format!("MRN {start} {}", n / 3);
            workspace
                .adopt_case(&series(&format!("{n}"), &patient))
                .unwrap();
        }
        let before = sides(&mut workspace);
        assert!(
            before
                .chunks(3)
                .all(|c| c.iter().all(|case| case.1 == c[0].1 && case.2 == c[0].2))
        );
        let held_out = before
            .iter()
            .step_by(3)
            .filter(|case| case.2 == Some(Side::HoldOut))
            .count();
        assert!(held_out >= 2, "{held_out} of 10");
        let mut workspace = reopened(workspace);
        for n in (0..40).rev() {
            workspace
                .adopt_case(&series(&format!("{n}"), &format!("MRN {start} {}", n / 3)))
                .unwrap();
        }
        assert_eq!(sides(&mut workspace)[..30], before);
    }
}

#[test]
fn images_that_look_the_same_share_a_subject() {
    let (_folder, mut workspace) = workspace();
    for n in 0..20 {
        workspace.adopt_case(&picture(n)).unwrap();
    }
    let before = sides(&mut workspace);
    for n in 0..20 {
        let (mut copy, like) = (picture(100 + n), picture(n));
        copy.fingerprint = like.fingerprint.map(|bits| bits ^ 0b1001);
        workspace.adopt_case(&copy).unwrap();
        let entry = stored(&mut workspace, &copy.identity).entry;
        assert_eq!(
            (&entry.description.subject, entry.side),
            (&like.subject, before[n as usize].2)
        );
        assert_eq!(entry.description.fingerprint, copy.fingerprint);
    }
    // A DICOM image with the same fingerprint keeps its own subject.
    let scan = CaseDescription {
        fingerprint: picture(3).fingerprint,
        ..series("dicom", "MRN 3")
    };
    workspace.adopt_case(&scan).unwrap();
    assert_eq!(
        stored(&mut workspace, "dicom").entry.description.subject,
        scan.subject
    );
    assert_eq!(sides(&mut workspace)[..20], before);
}

#[test]
fn no_sql_statement_can_move_a_subject_to_the_other_set() {
    let (_folder, mut workspace) = workspace();
    workspace.adopt_case(&picture(1)).unwrap();
    workspace.adopt_case(&picture(2)).unwrap();
    let before = sides(&mut workspace);
    for statement in [
        "UPDATE subject SET side = CASE side WHEN 'training' THEN 'hold-out' ELSE 'training' END",
        "UPDATE subject SET id = id || 'x'",
        "DELETE FROM subject",
        "INSERT OR REPLACE INTO subject SELECT id, 'training', 0 FROM subject",
        "UPDATE scan SET subject = NULL",
        "UPDATE scan SET subject = (SELECT max(id) FROM subject)",
    ] {
        let result = workspace.write_transaction("move", |t| {
            t.pragma_update(None, "defer_foreign_keys", true)?;
            Ok(t.execute(statement, ())?)
        });
        let error = result.unwrap_err().to_string();
        assert!(error.contains("never"), "{statement}: {error}");
        assert_eq!(sides(&mut workspace), before);
    }
}

#[test]
fn a_workspace_of_version_1_is_migrated_and_split_in_its_first_round() {
    let folder = tempfile::tempdir().unwrap();
    let mask = packed(&square(1, 1, 5), 1);
    create_version_1(folder.path(), |c| {
        for n in 0..12 {
            let scan =
                "INSERT INTO scan (id, identity, study, description, modality, study_date, columns, rows, status,
                opened_at, accepted_at) VALUES (?1, ?2, ?3, 'PD', ?4, '', 16, 16, 'accepted', 5, 6)";
            let (is_picture, study) = (n >= 8, format!("1.2.{}", n / 2));
            let modality = if is_picture { "" } else { "MR" };
            c.execute(scan, (n + 1, format!("id {n}"), study, modality))
                .unwrap();
            let slice = "INSERT INTO slice (id, scan_id, place, path, frame, sop_instance_uid) VALUES (?1, ?1, 0, 'x', 0, ?2)";
            c.execute(slice, (n + 1, (!is_picture).then_some("1.2.3")))
                .unwrap();
            c.execute(
                "INSERT INTO base (slice_id, mask) VALUES (?1, ?2)",
                (n + 1, mask.to_bytes()),
            )
            .unwrap();
        }
    });
    assert_eq!(glance_at(folder.path()).unwrap().accepted, Some(12));
    let mut workspace = Workspace::open(folder.path()).unwrap();
    assert!(folder.path().join("workspace-version-1.sqlite").is_file());
    assert!(
        sides(&mut workspace)
            .iter()
            .all(|(_, subject, side)| subject.is_empty() && side.is_none())
    );
    assert_eq!(
        stored(&mut workspace, "id 3").slices[0].mask,
        Some(mask.clone())
    );
    assert_eq!(workspace.newly_accepted().unwrap(), 12);

    let (_, snapshot) = workspace.begin_round("{}", None).unwrap();
    assert_eq!(snapshot.len(), 12);
    assert!(
        snapshot
            .iter()
            .all(|s| s.mask == mask && s.before.is_none() && s.is_new)
    );
    let sides = sides(&mut workspace);
    for (n, (identity, subject, side)) in sides.iter().enumerate() {
        let who = if n < 8 {
            format!("1.2.{}", n / 2)
        } else {
            identity.clone()
        };
        assert_eq!(
            (subject, *side),
            (&holdout::subject_hash(&who), Some(snapshot[n].side))
        );
    }
    assert!(snapshot.iter().any(|s| s.side == Side::HoldOut));
    workspace.close().unwrap();
    assert_eq!(glance_at(folder.path()).unwrap().cases, Some(12));

    // The patient of a study becomes known: other cases of this patient join the set of the
    // study.
    let mut workspace = Workspace::open(folder.path()).unwrap();
    workspace
        .adopt_case(&CaseDescription {
            study: "1.2.0".into(),
            ..series("id 0", "MRN 7")
        })
        .unwrap();
    workspace.adopt_case(&series("new", "MRN 7")).unwrap();
    assert_eq!(stored(&mut workspace, "new").entry.side, sides[0].2);
    let subject: Option<String> = workspace
        .read_database("read", |c| {
            Ok(
                c.query_row("SELECT subject FROM scan WHERE id = 1", (), |r| r.get(0))
                    .optional()?,
            )
        })
        .unwrap();
    assert_eq!(subject, Some(holdout::subject_hash("1.2.0")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn no_added_case_moves_a_subject_to_the_other_set(
        added in proptest::collection::vec((0u64..12, 0u64..6, 0u32..3, any::<bool>(), 0u8..10), 1..60),
    ) {
        let (_folder, mut workspace) = workspace();
        workspace.read_database("hasten", |c| Ok(c.pragma_update(None, "synchronous", "OFF")?)).unwrap();
        let mut decided: std::collections::HashMap<String, (String, Option<Side>)> = Default::default();
        for (n, like, bits, is_picture, reopen) in added {
            let description = if is_picture {
                let fingerprint = picture(like).fingerprint.map(|f| f ^ u64::from(bits));
                CaseDescription { fingerprint, ..picture(n) }
            } else {
                series(&format!("1.2.{n}"), &format!("MRN {like}"))
            };
            workspace.adopt_case(&description).unwrap();
            if reopen == 0 {
                workspace = reopened(workspace);
                workspace.read_database("hasten", |c| Ok(c.pragma_update(None, "synchronous", "OFF")?)).unwrap();
            }
            let now = sides(&mut workspace);
            let by_subject: std::collections::HashMap<_, _> = now.iter().map(|c| (&c.1, c.2)).collect();
            for (identity, subject, side) in &now {
                prop_assert!(side.is_some());
                prop_assert_eq!(by_subject[subject], *side);
                let first = decided.entry(identity.clone()).or_insert_with(|| (subject.clone(), *side));
                prop_assert_eq!(&*first, &(subject.clone(), *side));
            }
        }
    }
}
