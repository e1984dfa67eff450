//! The journal: steps that are undone, dropped, folded, and what they cost.

use super::*;

#[test]
fn a_step_can_be_undone_and_redone_across_restarts() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 4), 1);
    let first = mask.clone();
    let second = paint(&mut workspace, knee, 0, &mut mask, &square(2, 2, 6), 2);
    workspace.set_undone(second, true).unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(
        stored(&mut workspace, "k").slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask(),
        first
    );
    let states: Vec<_> = workspace
        .recent_steps(&[knee], 10)
        .unwrap()
        .iter()
        .map(|s| s.state)
        .collect();
    assert_eq!(states, [StepState::Done, StepState::Undone]);
    workspace.set_undone(second, false).unwrap();
    assert_eq!(
        stored(&mut workspace, "k").slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask(),
        mask
    );
}

#[test]
fn a_new_step_drops_undone_steps_but_keeps_them_in_the_journal() {
    let (_folder, mut workspace) = workspace();
    let (knee, hip) = (case(&mut workspace, "k"), case(&mut workspace, "h"));
    let (mut a, mut b) = (blank(), blank());
    let gone = paint(&mut workspace, knee, 0, &mut a, &square(0, 0, 4), 1);
    let elsewhere = paint(&mut workspace, hip, 0, &mut b, &square(0, 0, 4), 1);
    workspace.set_undone(elsewhere, true).unwrap();
    workspace.set_undone(gone, true).unwrap();
    let edit = blank().paint_region(&square(5, 5, 2), 1, &Rule::FREE);
    let next = workspace.next_seq().unwrap();
    workspace
        .append_step(&step(next, knee, vec![(2, edit)]), &[hip])
        .unwrap();
    let left: Vec<_> = workspace
        .recent_steps(&[knee, hip], 10)
        .unwrap()
        .iter()
        .map(|s| s.seq)
        .collect();
    assert_eq!(left, [next]);
    let error = workspace.set_undone(gone, false).unwrap_err();
    assert!(
        error.to_string().contains("was dropped") && error.kind != ErrorKind::Disk,
        "{error}"
    );
    let kept: i64 = workspace
        .read_database("count", |c| {
            Ok(c.query_row("SELECT count(*) FROM edit", (), |r| r.get(0))?)
        })
        .unwrap();
    assert_eq!(kept, 3);
    let deleted = workspace.write_transaction("delete", |t| Ok(t.execute("DELETE FROM edit", ())?));
    assert!(deleted.unwrap_err().to_string().contains("never deleted"));
}

#[test]
fn steps_out_of_order_are_refused() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    let first = paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 4), 1);
    let second = paint(&mut workspace, knee, 0, &mut mask, &square(1, 1, 4), 2);
    let other = paint(&mut workspace, knee, 1, &mut blank(), &square(1, 1, 4), 2);
    let refused = |result: Result<()>, reason: &str| {
        let failure = result.unwrap_err();
        assert!(
            failure.to_string().contains(reason) && failure.kind != ErrorKind::Disk,
            "{failure}"
        );
    };
    refused(
        workspace.set_undone(first, true),
        "is followed by another step on the same slice",
    );
    workspace.set_undone(second, true).unwrap();
    workspace.set_undone(first, true).unwrap();
    refused(
        workspace.set_undone(second, false),
        "follows an undone step on the same slice",
    );
    refused(workspace.set_undone(99, true), "is not in the journal");
    refused(
        workspace.append_step(&step(other, knee, Vec::new()), &[]),
        "does not follow the last step",
    );
    let far = Mask::new_blank(100, 100).paint_region(&square(50, 50, 9), 1, &Rule::FREE);
    refused(
        workspace.append_step(&step(9, knee, vec![(0, far.clone())]), &[]),
        "slice 1 has 256 pixels",
    );
    refused(
        workspace.append_step(&step(9, knee, vec![(7, far.clone())]), &[]),
        "has no slice 8",
    );
    refused(
        workspace.append_step(&step(9, CaseKey(77), vec![(0, far)]), &[]),
        "there is no case 77",
    );
    refused(
        workspace.set_status(CaseKey(77), Status::Accepted),
        "there is no case 77",
    );
    assert_eq!(workspace.next_seq().unwrap(), other + 1);
}

/// A random action of a user.
#[derive(Clone, Debug)]
enum UserAction {
    Paint {
        slice: u32,
        column: usize,
        row: usize,
        side: usize,
        label: u8,
    },
    Undo,
    Redo,
    Propose(u32),
    Fold,
    Reopen,
}

fn user_action() -> impl Strategy<Value = UserAction> {
    let paint = (0u32..2, 0usize..12, 0usize..12, 1usize..5, 0u8..3).prop_map(
        |(slice, column, row, side, label)| UserAction::Paint {
            slice,
            column,
            row,
            side,
            label,
        },
    );
    prop_oneof![
        8 => paint,
        4 => Just(UserAction::Undo),
        2 => Just(UserAction::Redo),
        1 => (0u32..2).prop_map(UserAction::Propose),
        3 => Just(UserAction::Fold),
        1 => Just(UserAction::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn snapshots_equal_the_replay_of_all_steps(actions in proptest::collection::vec(user_action(), 1..80)) {
        let (_folder, mut workspace) = workspace();
        // For speed; durability is not tested here.
        let hasten = |c: &Connection| Ok(c.pragma_update(None, "synchronous", "OFF")?);
        workspace.read_database("hasten", hasten).unwrap();
        let knee = case(&mut workspace, "k");
        let mut masks = [blank(), blank()];
        let (mut done, mut undone) = (Vec::<(i64, u32, Edit)>::new(), Vec::new());
        let mut touched = [false; 2];
        for action in actions {
            match action {
                UserAction::Paint { slice, column, row, side, label } => {
                    let edit = masks[slice as usize].paint_region(&square(column, row, side), label, &Rule::FREE);
                    let seq = workspace.next_seq().unwrap();
                    workspace.append_step(&step(seq, knee, vec![(slice, edit.clone())]), &[]).unwrap();
                    touched[slice as usize] |= !edit.is_empty();
                    undone.clear();
                    done.push((seq, slice, edit));
                }
                UserAction::Undo => if let Some((seq, slice, edit)) = done.pop() {
                    workspace.set_undone(seq, true).unwrap();
                    masks[slice as usize].apply_edit(&edit.inverse());
                    undone.push((seq, slice, edit));
                },
                UserAction::Redo => if let Some((seq, slice, edit)) = undone.pop() {
                    workspace.set_undone(seq, false).unwrap();
                    masks[slice as usize].apply_edit(&edit);
                    done.push((seq, slice, edit));
                },
                UserAction::Propose(slice) => {
                    let proposal = proposal(&square(1, 1, 9), "1");
                    let is_mask = workspace.put_proposal(knee, slice, &proposal, None).unwrap();
                    prop_assert_eq!(is_mask, !touched[slice as usize]);
                    if is_mask {
                        masks[slice as usize] = proposal.mask.to_mask();
                    }
                }
                UserAction::Fold => {
                    // As if there were many steps on all slices.
                    workspace.write_transaction("age", |t| Ok(t.execute("UPDATE slice SET unfolded = 1000", ())?)).unwrap();
                    while workspace.fold_journal(1).unwrap() {}
                }
                UserAction::Reopen => {
                    workspace = reopened(workspace);
                    workspace.read_database("hasten", hasten).unwrap();
                }
            }
            for (slice, mask) in stored(&mut workspace, "k").slices.iter().zip(&masks) {
                prop_assert_eq!(slice.mask.as_ref().map_or_else(blank, PackedMask::to_mask), mask.clone());
            }
        }
    }
}

#[test]
fn the_journal_is_folded_on_slices_with_many_steps() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut masks = [blank(), blank()];
    for n in 0..80 {
        let slice = n % 2;
        let label = (n / 2 % 2 + 1) as u8;
        paint(
            &mut workspace,
            knee,
            slice as u32,
            &mut masks[slice],
            &square(n % 9, n % 7, 5),
            label,
        );
    }
    let count = |workspace: &mut Workspace| {
        let count = |c: &Connection| {
            Ok(c.query_row("SELECT count(*) FROM snapshot", (), |r| r.get::<_, i64>(0))?)
        };
        workspace.read_database("count", count).unwrap()
    };
    assert!(workspace.fold_journal(1).unwrap());
    assert_eq!(count(&mut workspace), 1);
    assert!(!workspace.fold_journal(1).unwrap());
    assert_eq!(count(&mut workspace), 2);
    assert!(!workspace.fold_journal(9).unwrap());
    assert_eq!(count(&mut workspace), 2);
    // Undoing a step that a snapshot contains deletes the snapshot.
    let last = workspace.next_seq().unwrap() - 1;
    workspace.set_undone(last, true).unwrap();
    assert_eq!(count(&mut workspace), 1);
}

/// A brush stroke of radius 40 along a line of at most 300 pixels, on 2048 x 2048 pixels.
fn stroke(n: usize) -> Region {
    let (column, row) = (50 + n * 211 % 1600, 50 + n * 307 % 1600);
    let (across, down) = ([3, 2, 1, 0][n % 4], [0, 1, 2, 3][n % 4]);
    let stamps = (0..100 - n % 60).flat_map(|k| {
        (0..81usize).map(move |line| {
            let half = (1600.0 - (line as f64 - 40.0).powi(2)).sqrt() as usize;
            let middle = column + 40 + k * across;
            Span {
                row: row + k * down + line,
                start: middle - half,
                end: middle + half + 1,
            }
        })
    });
    Region::from_spans(stamps.collect())
}

#[test]
fn ten_thousand_strokes_take_less_than_fifty_megabytes() {
    const STROKES: usize = 400;
    let (_folder, mut workspace) = workspace();
    workspace
        .read_database("hasten", |c| {
            Ok(c.pragma_update(None, "synchronous", "OFF")?)
        })
        .unwrap();
    let large = CaseDescription {
        columns: 2048,
        rows: 2048,
        ..described("k", &["a", "b"])
    };
    let knee = workspace.adopt_case(&large).unwrap();
    let mut masks = [Mask::new_blank(2048, 2048), Mask::new_blank(2048, 2048)];
    for n in 0..STROKES {
        paint(
            &mut workspace,
            knee,
            (n % 2) as u32,
            &mut masks[n % 2],
            &stroke(n),
            (n % 3) as u8,
        );
        workspace.fold_journal(1).unwrap();
    }
    let database = workspace.folder().join(DATABASE);
    workspace.close().unwrap();
    let bytes = std::fs::metadata(database).unwrap().len();
    assert!(
        bytes * 10_000 / (STROKES as u64) < 50_000_000,
        "{STROKES} strokes take {bytes} bytes"
    );
    println!("{} bytes a stroke", bytes / STROKES as u64);
}
