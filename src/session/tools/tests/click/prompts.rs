//! What the network is asked: clicks, boxes and scribbles, in their order.

use super::*;
use labrum_core::prompts::Prompt;

#[test]
fn choosing_the_tool_loads_the_network() {
    let mut session = drawing(1);
    command(&mut session, UserCommand::ToolClick);
    let jobs = session.take_jobs();
    assert!(
        jobs.iter()
            .any(|job| matches!(job, Job::Network(NetworkJob::PrepareClicks(_))))
    );
}

#[test]
fn prompts_are_answered_one_after_the_other() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    click(&mut session, [35.0, 35.0], false);
    let first = question(&mut session);
    assert_eq!(first.prompts.len(), 1);
    reply(&mut session, &first, 10, 30);
    let second = question(&mut session);
    assert_eq!(second.prompts.len(), 2);
    assert!(second.earlier.as_deref() == Some(&square(10..30, 10..30)));
    reply(&mut session, &second, 10, 40);
    assert_eq!(session.history.len(), 2, "each prompt is a step");
}

/// What the network is asked after `draw`, with an object that was clicked before.
fn second_prompt(draw: impl Fn(&mut Session)) -> Prompt {
    let mut session = clicking(1);
    click_and_reply(&mut session, [50.0, 50.0], false, 5, 60);
    draw(&mut session);
    question(&mut session).prompts.remove(1)
}

#[test]
fn a_drag_is_a_box_and_a_stroke_with_shift_is_a_line() {
    let path = [[10.0, 10.0], [20.0, 12.0], [30.0, 40.0]];
    let points = path.to_vec();
    let [adding, removing] = [true, false].map(|adds| Prompt::Scribble {
        points: points.clone(),
        adds,
    });
    assert_eq!(
        second_prompt(|s| drag(s, &path, false)),
        Prompt::Box {
            from: path[0],
            to: path[2]
        }
    );
    assert_eq!(second_prompt(|s| drag_shifted(s, &path, false)), adding);
    assert_eq!(second_prompt(|s| drag_shifted(s, &path, true)), removing);
    assert_eq!(
        second_prompt(|s| drag(s, &path, true)),
        removing,
        "there are no negative boxes"
    );
    assert_eq!(
        second_prompt(|s| drag(s, &[[10.0, 10.0], [10.5, 10.0]], false)),
        Prompt::Click {
            at: [10.0, 10.0],
            adds: true
        },
        "a small movement does not draw a box"
    );
}

#[test]
fn nothing_is_asked_for_a_locked_label_or_outside_of_the_image() {
    let mut session = clicking(1);
    click(&mut session, [-3.0, 20.0], false);
    click(&mut session, [64.0, 20.0], false);
    let locked = Label {
        locked: true,
        ..session.labels.all_labels()[0].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(1, locked)));
    click(&mut session, [20.0, 20.0], false);
    assert!(questions(&mut session).is_empty());
}
