//! Imports that ask the user before masks are applied.

#![allow(clippy::unwrap_used)]

use super::{imports::ImportAnswer, job::*, tests::session, *};
use crate::{Error, ErrorKind};
use labrum_core::{
    import::{ImportedMasks, MaskChoice, TakenLabel},
    label::Label,
    mask::Mask,
    study::Status,
};

#[test]
fn for_overlapping_masks_the_user_chooses_which_to_import_and_their_order() {
    let mut session = session(&[("a", 1)], None);
    session.apply_action(Action::ImportMasks(vec!["/masks/seg.dcm".into()]));
    let job = |session: &mut Session| {
        let jobs = session.take_jobs().into_iter();
        jobs.filter_map(|j| {
            if let Job::MaskFiles(MaskFileJob::Import { choice, .. }) = j {
                Some(choice)
            } else {
                None
            }
        })
        .next()
    };
    let choice = job(&mut session).unwrap();
    let of = |number, in_file, left, covered| TakenLabel {
        number,
        in_file,
        left,
        covered,
    };
    let imported = ImportedMasks {
        labels: vec![Label::with_name("Lung", 0), Label::with_name("Nodule", 1)],
        taken: vec![of(4, 100, 91, 9), of(7, 9, 9, 0)],
        masks: vec![(0, Mask::from_labels(64, 64, vec![1; 64 * 64]).unwrap())],
        ..ImportedMasks::default()
    };
    let case = session.cases[0].id;
    let paths = vec!["/masks/seg.dcm".into()];
    session.on_event(Event::Imported {
        case,
        paths: paths.clone(),
        choice,
        result: Ok(imported.clone()),
    });
    let names: Vec<_> = session
        .questions
        .overlapping
        .iter()
        .flat_map(|o| &o.labels)
        .map(|l| l.label.name.as_str())
        .collect();
    assert_eq!(names, ["Nodule", "Lung"], "the smaller label is on top");
    assert_eq!(
        session.labels.all_labels().len(),
        0,
        "nothing is imported yet"
    );
    session.apply_action(Action::TakeOverlapping(Some(vec![1, 0])));
    let choice = job(&mut session).unwrap();
    assert_eq!(
        (choice.only.clone(), choice.order.clone()),
        (
            vec!["#4".into(), "#7".into()],
            vec!["#4".into(), "#7".into()]
        )
    );
    session.on_event(Event::Imported {
        case,
        paths: paths.clone(),
        choice,
        result: Ok(imported.clone()),
    });
    assert!(
        session.questions.overlapping.is_none() && session.labels.all_labels().len() == 2,
        "the choice is imported without another question"
    );
    session.on_event(Event::Imported {
        case,
        paths,
        choice: MaskChoice::default(),
        result: Ok(imported),
    });
    session.apply_action(Action::TakeOverlapping(None));
    assert!(session.questions.overlapping.is_none() && job(&mut session).is_none());
}

#[test]
fn an_import_that_needs_an_answer_is_repeated_with_it() {
    let mut session = session(&[("a", 1)], None);
    session.apply_action(Action::ImportMasks(vec!["/masks/seg.dcm".into()]));
    let job = |session: &mut Session| {
        let jobs = session.take_jobs().into_iter();
        jobs.filter_map(|j| {
            if let Job::MaskFiles(MaskFileJob::Import { choice, .. }) = j {
                Some(choice)
            } else {
                None
            }
        })
        .next()
    };
    assert_eq!(
        job(&mut session).unwrap().time,
        None,
        "no two images share a position"
    );
    let case = session.cases[0].id;
    let asks = |session: &mut Session, kind, choice: &MaskChoice| {
        let error = Error::new("lay the masks", "they name others").of_kind(kind);
        let (paths, choice) = (vec!["/masks/seg.dcm".into()], choice.clone());
        session.on_event(Event::ImportUndecided {
            case,
            paths,
            choice,
            error,
        });
    };
    asks(
        &mut session,
        ErrorKind::NamesOtherImages,
        &MaskChoice::default(),
    );
    session.apply_action(Action::AnswerImport(Some(ImportAnswer::ByPosition)));
    let choice = job(&mut session).unwrap();
    assert!(choice.by_position && session.questions.undecided.is_none());
    // A second question, for the time; the first answer is kept.
    asks(&mut session, ErrorKind::TimeWanted(3), &choice);
    session.apply_action(Action::AnswerImport(Some(ImportAnswer::Time(2))));
    let choice = job(&mut session).unwrap();
    assert_eq!((choice.by_position, choice.time), (true, Some(2)));
    asks(&mut session, ErrorKind::TimeWanted(3), &choice);
    session.apply_action(Action::AnswerImport(None));
    assert!(job(&mut session).is_none() && session.questions.undecided.is_none());
}

#[test]
fn importing_a_folder_also_gives_masks_to_other_untouched_cases() {
    let mut session = session(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)], None);
    let ids: Vec<CaseId> = session.cases.iter().map(|c| c.id).collect();
    session.cases.iter_mut().for_each(|c| c.is_restored = true);
    session.cases[2].status = Status::Accepted;
    session.apply_action(Action::ImportMasks(vec!["/masks".into()]));
    let others = session.take_jobs().into_iter().find_map(|job| match job {
        Job::MaskFiles(MaskFileJob::Import { others, .. }) => {
            Some(others.into_iter().map(|(case, _)| case).collect::<Vec<_>>())
        }
        _ => None,
    });
    assert_eq!(
        others.unwrap(),
        [ids[1], ids[3]],
        "neither the current case nor the accepted one"
    );
    let masks = ImportedMasks {
        labels: vec![Label::with_name("Lung", 0)],
        taken: vec![TakenLabel {
            number: 1,
            in_file: 4096,
            left: 4096,
            covered: 0,
        }],
        masks: vec![(0, Mask::from_labels(64, 64, vec![1; 64 * 64]).unwrap())],
        ..ImportedMasks::default()
    };
    // Meanwhile one of them is accepted.
    session.cases[3].status = Status::Accepted;
    let cases = vec![(ids[1], Ok(masks.clone())), (ids[3], Ok(masks))];
    session.on_event(Event::ImportedOthers { cases, without: 7 });
    let count = |session: &Session, case| {
        session
            .mask_of(SliceKey { case, slice: 0 })
            .map_or(0, |m| m.count_pixels(1))
    };
    assert_eq!(
        (count(&session, ids[1]), count(&session, ids[3])),
        (4096, 0)
    );
    assert_eq!(
        (session.cases[1].status, session.cases[3].status),
        (Status::Corrected, Status::Accepted)
    );
    let said = session
        .notices
        .list
        .iter()
        .find(|n| n.text.contains("for 1 other case"))
        .map(|n| n.text.clone());
    assert!(said.is_some_and(|text| text.contains("Without a mask in the folder: 7 cases")));
}
