//! Random sessions, played with one event per frame, with all events in one frame, and with random
//! numbers of events per frame: masks, journal and screen must not depend on the frame rate.

mod still;

use super::*;
use crate::session::{job::SliceKey, tests::with_pictures};
use egui::{
    Event as Input, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, Rect, Vec2, pos2, vec2,
};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Reproducible random numbers.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides.max(1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }
}

/// A simulated user who acts at random.
pub(super) struct Person {
    pub(super) dice: Dice,
    pub(super) canvas: Rect,
    /// Controls that may be clicked.
    pub(super) controls: Vec<Pos2>,
    pub(super) at: Pos2,
    pub(super) events: Vec<Input>,
}

const TOOLS: [Key; 8] = [
    Key::B,
    Key::E,
    Key::S,
    Key::P,
    Key::L,
    Key::X,
    Key::G,
    Key::U,
];

impl Person {
    fn place(&mut self) -> Pos2 {
        // Sometimes outside of the canvas, for strokes that leave it.
        let room = if self.dice.roll(12) == 0 {
            self.canvas.expand(30.0)
        } else {
            self.canvas.shrink(8.0)
        };
        let (x, y) = (
            self.dice.roll(1000) as f32 / 1000.0,
            self.dice.roll(1000) as f32 / 1000.0,
        );
        pos2(
            room.left() + (x * room.width()).round(),
            room.top() + (y * room.height()).round(),
        )
    }

    fn near(&mut self, at: Pos2) -> Pos2 {
        let by = vec2(
            self.dice.roll(60) as f32 - 30.0,
            self.dice.roll(60) as f32 - 30.0,
        );
        self.canvas.shrink(8.0).clamp(at + by)
    }

    pub(super) fn move_to(&mut self, at: Pos2) {
        self.at = at;
        self.events.push(Input::PointerMoved(at));
    }

    pub(super) fn button(&mut self, button: PointerButton, pressed: bool) {
        self.events.push(Input::PointerButton {
            pos: self.at,
            button,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }

    pub(super) fn click(&mut self, at: Pos2) {
        self.move_to(at);
        self.button(PointerButton::Primary, true);
        self.button(PointerButton::Primary, false);
    }

    fn drag(&mut self, button: PointerButton) {
        let from = self.canvas.shrink(8.0).clamp(self.place());
        self.move_to(from);
        self.button(button, true);
        for _ in 0..1 + self.dice.roll(4) {
            let at = if self.dice.roll(3) == 0 {
                self.place()
            } else {
                self.near(self.at)
            };
            self.move_to(at);
            match self.dice.roll(40) {
                0 => self
                    .events
                    .extend([Input::PointerGone, Input::PointerMoved(at)]),
                1 => self.any_key(),
                2 => self.wheel(),
                3 => self.events.push(Input::WindowFocused(false)),
                _ => {}
            }
        }
        self.button(button, false);
    }

    fn corners(&mut self) {
        let mut at = self.canvas.shrink(8.0).clamp(self.place());
        let first = at;
        for _ in 0..2 + self.dice.roll(4) {
            self.click(at);
            at = self.near(at);
        }
        match self.dice.roll(5) {
            0 => self.click(self.at),
            1 => self.click(first),
            2 => self.key(Key::Enter, Modifiers::NONE),
            3 => self.any_key(),
            _ => {}
        }
    }

    pub(super) fn key(&mut self, key: Key, modifiers: Modifiers) {
        let press = |pressed| Input::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers,
        };
        let is_changed = modifiers != Modifiers::NONE;
        self.events
            .extend(is_changed.then_some(Input::ModifiersChanged(modifiers)));
        self.events.push(press(true));
        let letter = key.symbol_or_name();
        let is_text = !modifiers.command && letter.chars().count() == 1;
        self.events
            .extend(is_text.then(|| Input::Text(letter.to_lowercase())));
        self.events.push(press(false));
        self.events
            .extend(is_changed.then_some(Input::ModifiersChanged(Modifiers::NONE)));
    }

    fn any_key(&mut self) {
        const NONE: Modifiers = Modifiers::NONE;
        match self.dice.roll(10) {
            0..4 => {
                let key = self
                    .dice
                    .one_of(&[Key::ArrowUp, Key::ArrowDown, Key::PageUp, Key::End]);
                self.key(key, NONE);
            }
            4 => self.key(Key::Enter, NONE),
            5 => {
                let key = self.dice.one_of(&[
                    Key::Z,
                    Key::Z,
                    Key::Y,
                    Key::PageDown,
                    Key::PageUp,
                    Key::Plus,
                    Key::K,
                ]);
                self.key(key, Modifiers::COMMAND | Modifiers::CTRL);
            }
            6 => {
                let key = self.dice.one_of(&TOOLS);
                self.key(key, NONE);
            }
            7 => {
                let key = self.dice.one_of(&[
                    Key::C,
                    Key::Comma,
                    Key::Period,
                    Key::W,
                    Key::Q,
                    Key::Delete,
                    Key::D,
                    Key::O,
                ]);
                self.key(key, NONE);
            }
            8 => {
                let key = self.dice.one_of(&[
                    Key::ArrowLeft,
                    Key::ArrowRight,
                    Key::ArrowUp,
                    Key::ArrowDown,
                ]);
                self.key(key, Modifiers::SHIFT);
            }
            _ => {
                let key = self.dice.one_of(&[
                    Key::Escape,
                    Key::Backspace,
                    Key::Plus,
                    Key::Minus,
                    Key::F,
                    Key::A,
                    Key::OpenBracket,
                    Key::CloseBracket,
                ]);
                self.key(key, NONE);
            }
        }
    }

    fn wheel(&mut self) {
        let (unit, y) = self.dice.one_of(&[
            (MouseWheelUnit::Line, 1.0),
            (MouseWheelUnit::Line, -1.0),
            (MouseWheelUnit::Line, -0.125),
            (MouseWheelUnit::Point, 11.0),
            (MouseWheelUnit::Point, -17.0),
        ]);
        let modifiers = self.dice.one_of(&[
            Modifiers::NONE,
            Modifiers::NONE,
            Modifiers::SHIFT,
            Modifiers::COMMAND,
        ]);
        self.events.push(Input::MouseWheel {
            unit,
            delta: vec2(0.0, y),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers,
        });
    }

    /// A random action, mostly a sensible one.
    fn go_on(&mut self) {
        match self.dice.roll(13) {
            0..5 => self.drag(PointerButton::Primary),
            5 => self.corners(),
            6 => {
                let button = self
                    .dice
                    .one_of(&[PointerButton::Middle, PointerButton::Secondary]);
                self.drag(button);
            }
            7 => self.wheel(),
            8 if !self.controls.is_empty() => {
                let at = self.controls[self.dice.roll(self.controls.len())];
                self.click(at);
            }
            _ => self.any_key(),
        }
    }
}

/// What must not depend on the frame rate.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    journal: Vec<String>,
    told: Vec<String>,
    screen: Vec<String>,
}

pub(super) struct Bench {
    pub(super) window: WindowState,
    pub(super) session: Session,
    seen: Seen,
    is_new: bool,
}

impl Bench {
    fn frame(&mut self, ui: &mut Ui) {
        if std::mem::take(&mut self.is_new) {
            theme::install_themes(ui.ctx());
        }
        while let Some(actions) = self.window.handle_next_event(ui.ctx(), &self.session) {
            actions.into_iter().for_each(|action| self.apply(action));
        }
        for action in self.window.show_frame(ui, &self.session) {
            self.apply(action);
        }
    }

    fn apply(&mut self, action: Action) {
        self.session.apply_action(action);
        // Messages cover the canvas, and their position depends on when they are drawn.
        self.seen.told.extend(
            self.session
                .notices
                .list
                .drain(..)
                .map(|notice| notice.text),
        );
        for job in self.session.take_jobs() {
            match job {
                Job::Store(StoreJob::Append { step, .. }) => self.seen.journal.push(format!(
                    "{} on case {}: {:?} {:?}",
                    step.tool,
                    step.case,
                    step.also,
                    step.edits
                        .iter()
                        .map(|(slice, bytes)| (*slice, hash(bytes)))
                        .collect::<Vec<_>>()
                )),
                Job::Store(StoreJob::SetUndone { step, undone, .. }) => {
                    self.seen.journal.push(format!("{step:?} undone: {undone}"));
                }
                Job::Store(StoreJob::Status { case, status }) => {
                    self.seen.journal.push(format!("case {case} is {status:?}"));
                }
                _ => {}
            }
        }
    }

    pub(super) fn look(&mut self) {
        let session = &self.session;
        let mut screen = vec![
            format!(
                "case {:?}, tool {:?}, {:?}",
                session.cases.current,
                session.tools.active_tool(),
                session.settings.view_mode
            ),
            format!("{:?}", session.settings.tools),
            format!(
                "{:?} {:?}",
                session.labels.active_label(),
                session.tools.tool_preview()
            ),
        ];
        for case in &session.cases {
            let mask = |slice| {
                let mask = session.mask_of(SliceKey {
                    case: case.id,
                    slice,
                });
                mask.map_or(0, |mask| hash(mask.pixel_labels()))
            };
            let masks: Vec<u64> = (0..case.slices.len()).map(mask).collect();
            screen.push(format!(
                "{:?} {} {:?} {:?} {masks:?}",
                case.status, case.slice, case.view, case.window
            ));
        }
        self.seen.screen = screen;
    }
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn bench(size: Vec2, has_panels: bool) -> Harness<'static, Bench> {
    let mut session = with_pictures(&[("a", 5), ("b", 3), ("c", 1)]);
    let mut settings = session.settings.clone();
    (settings.panels, settings.tools.radius) = (has_panels, 3.0);
    session.apply_action(Action::SetSettings(settings));
    session.apply_action(Action::Command(UserCommand::ToolBrush));
    session.take_jobs();
    let bench = Bench {
        window: WindowState::default(),
        session,
        seen: Seen::default(),
        is_new: true,
    };
    let frame = |ui: &mut Ui, bench: &mut Bench| bench.frame(ui);
    let mut harness = Harness::builder()
        .with_size(size)
        .with_step_dt(1.0 / 240.0)
        .build_ui_state(frame, bench);
    harness.run_steps(3);
    harness
}

/// Plays a session with `cut()` events per frame; returns its final state.
fn play(size: Vec2, has_panels: bool, events: &[Input], mut cut: impl FnMut() -> usize) -> Seen {
    let mut harness = bench(size, has_panels);
    let mut rest = events;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(cut().clamp(1, rest.len()));
        harness.input_mut().events.extend_from_slice(now);
        harness.step();
        rest = later;
    }
    let mut steps = 0;
    while !stream::EventStream::is_idle(&harness.ctx) {
        harness.step();
        steps += 1;
        assert!(
            steps < 4 * events.len() + 8,
            "some events are never handled"
        );
    }
    harness.run_steps(2);
    harness.state_mut().look();
    std::mem::take(&mut harness.state_mut().seen)
}

fn events(seed: u64, size: Vec2, has_panels: bool, controls: &[&str]) -> Vec<Input> {
    let harness = bench(size, has_panels);
    let canvas = harness.get_by_label_contains("Image:").rect();
    let controls = controls
        .iter()
        .map(|name| {
            harness
                .get_by_role_and_label(egui::accesskit::Role::Button, name)
                .rect()
                .center()
        })
        .collect();
    let mut person = Person {
        dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        canvas,
        controls,
        at: canvas.center(),
        events: Vec::new(),
    };
    for _ in 0..6 + person.dice.roll(8) {
        person.go_on();
    }
    person.events
}

/// Plays sessions in three ways and compares them; returns the number of steps in the journal.
fn compare_frame_rates(
    seeds: std::ops::Range<u64>,
    size: Vec2,
    has_panels: bool,
    controls: &[&str],
) -> usize {
    let mut steps = 0;
    for seed in seeds {
        let events = events(seed, size, has_panels, controls);
        let one_by_one = play(size, has_panels, &events, || 1);
        let at_once = play(size, has_panels, &events, || usize::MAX);
        assert_eq!(
            at_once, one_by_one,
            "session {seed}, all in one frame: {events:#?}"
        );
        let mut dice = Dice(seed + 77);
        let by_chance = play(size, has_panels, &events, || 1 + dice.roll(9));
        assert_eq!(
            by_chance, one_by_one,
            "session {seed}, cut at random: {events:#?}"
        );
        steps += one_by_one.journal.len();
    }
    steps
}

#[test]
fn three_hundred_sessions_do_not_depend_on_the_frame_rate() {
    let size = vec2(560.0, 400.0);
    let steps = std::thread::scope(|scope| {
        let parts = [0..150, 150..300]
            .map(|seeds| scope.spawn(move || compare_frame_rates(seeds, size, false, &[])));
        parts
            .into_iter()
            .map(|part| part.join().unwrap())
            .sum::<usize>()
    });
    assert!(steps > 1000, "{steps} steps: the sessions do too little");
}

#[test]
fn sessions_with_clicks_on_controls_do_not_depend_on_the_frame_rate() {
    let controls = [
        "Undo",
        "Redo",
        "Brush",
        "Polygon",
        "Next slice",
        "Previous slice",
        "Accept and next",
        "Skip",
    ];
    let steps = compare_frame_rates(1000..1030, vec2(1100.0, 700.0), true, &controls);
    assert!(steps > 100, "{steps}");
}
