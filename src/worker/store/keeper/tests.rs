//! The keeper on a full disk.

#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::session::{case::StudyInfo, job::CaseToAdopt};
use labrum_core::{
    journal::Also,
    label::TaskKey,
    mask::Mask,
    study::{Kind, Slice, Source},
};

fn series() -> Arc<Series> {
    let source = Source {
        path: "/scans/a".into(),
        frame: 0,
    };
    let slice = Slice::from_source(source);
    Arc::new(Series {
        id: "1.2.3".into(),
        modality: "CT".into(),
        ..Series::from_slices(Kind::Dicom, 256, 256, vec![slice])
    })
}

#[test]
fn on_a_full_disk_steps_wait_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let places = AppFolders {
        config: folder.path().into(),
        cache: folder.path().into(),
        data: folder.path().into(),
    };
    let mut keeper = WorkspaceKeeper::new(places);
    assert!(
        keeper
            .run_job(
                &StoreJob::Open {
                    folder: None,
                    with_cases: false
                },
                false
            )
            .is_ok()
    );
    let study = Arc::new(StudyInfo::default());
    let adopt = CaseToAdopt {
        case: 1,
        study,
        series: series(),
        task: TaskKey::default(),
        comes_back: true,
    };
    keeper.adopt_case(adopt).unwrap();
    // Noise, so that each step takes many pages.
    let noise = |seed: usize| {
        let labels = (0..256 * 256)
            .map(|i| ((i * 7919 * (seed + 1)) >> 7) as u8 % 3)
            .collect();
        Mask::from_labels(256, 256, labels).unwrap()
    };
    let mut before = Mask::new_blank(256, 256);
    let mut job = |n: u64| {
        let edit = before.replace_with(&noise(n as usize));
        let edits = vec![(0, Arc::from(edit.to_bytes()))];
        let step = HistoryStep {
            id: StepId::New(n),
            case: 1,
            tool: "Brush".into(),
            edits,
            also: Also::default(),
        };
        StoreJob::Append {
            step,
            person: String::new(),
        }
    };
    keeper.workspace.as_mut().unwrap().hold_at(120).unwrap();
    let mut written = 0;
    let stuck = loop {
        let job = job(written);
        match keeper.run_job(&job, true) {
            Ok(_) => written += 1,
            Err(WriteTrouble::Later(error)) => {
                assert!(error.to_string().contains("disk is full"), "{error}");
                break job;
            }
            Err(WriteTrouble::Never(error)) => panic!("{error}"),
        }
    };
    keeper.workspace.as_mut().unwrap().hold_at(0).unwrap();
    assert!(
        keeper.run_job(&stuck, true).is_ok(),
        "the same step is written once there is room"
    );
    let key = keeper.cases[&1].key;
    let steps = keeper
        .workspace
        .as_mut()
        .unwrap()
        .recent_steps(&[key], 1000)
        .unwrap();
    assert_eq!(steps.len() as u64, written + 1);
}
