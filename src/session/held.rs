//! What has to wait: strokes on a picture that is not there yet, with all that was done after them, and answers of a model
//! while somebody draws on what they are about.
//!
//! Nobody draws on what is not seen. But who goes to the next slice and draws there before it is read means that slice: the
//! stroke waits for the picture, and a key that follows waits for the stroke.

use super::{
    Action, Session,
    command::UserCommand,
    finding::Finding,
    job::SliceKey,
    notice::Severity,
    ortho::OrthoAction,
    tools::{Hand, PointerPhase, ToolKind},
};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// Nobody waits longer for a picture that a stroke is meant for: what was done after it is carried out without it.
const PATIENCE: Duration = Duration::from_secs(4);

/// What waits.
#[derive(Debug, Default)]
pub(super) struct HeldInput {
    actions: VecDeque<Action>,
    since: Option<Instant>,
    findings: Vec<(SliceKey, u64, Arc<Finding>)>,
}

impl Session {
    /// Puts an action at the end of those that wait; gives it back where it need not wait.
    pub(super) fn hold_action(&mut self, action: Action) -> Option<Action> {
        if self
            .held
            .since
            .is_some_and(|since| since.elapsed() > PATIENCE)
        {
            self.give_up_strokes();
        }
        if self.held.actions.is_empty() {
            if !self.draws_too_early(&action) {
                return Some(action);
            }
            self.held.since = Some(Instant::now());
        } else if waits_for_nothing(&action) {
            return Some(action);
        } else if matches!(action, Action::Command(UserCommand::Cancel)) {
            // Esc takes back what nobody has seen yet, and stops there.
            self.held = HeldInput {
                findings: std::mem::take(&mut self.held.findings),
                ..HeldInput::default()
            };
            return None;
        }
        self.held.actions.push_back(action);
        None
    }

    /// Carries out what has waited long enough. Called after every action and event.
    pub(super) fn carry_on(&mut self) {
        while let Some(next) = self.held.actions.front() {
            if self.draws_too_early(next) {
                self.held.since = Some(Instant::now());
                break;
            }
            if let Some(action) = self.held.actions.pop_front() {
                self.do_at_once(action);
                self.refresh_ortho();
            }
        }
        if self.held.actions.is_empty() {
            self.held.since = None;
        }
        if !self.held.findings.is_empty() && !self.is_painting() {
            for (key, revision, finding) in std::mem::take(&mut self.held.findings) {
                self.take_answer(key, revision, finding);
            }
        }
    }

    /// Forgets what waits: what it was meant for is closed.
    pub(super) fn forget_held(&mut self) {
        self.held = HeldInput::default();
    }

    /// The answer of a model to a slice, once nobody draws on it: it comes after the stroke.
    pub(super) fn hold_answer(&mut self, key: SliceKey, revision: u64, finding: Arc<Finding>) {
        let is_here =
            self.is_painting() && self.current_case().is_some_and(|case| case.id == key.case);
        if is_here {
            self.held.findings.push((key, revision, finding));
        } else {
            self.take_answer(key, revision, finding);
        }
    }

    /// True while a gesture changes masks as it goes.
    fn is_painting(&self) -> bool {
        matches!(
            self.tools.hand,
            Hand::Stroke(_) | Hand::Pull(_) | Hand::Across(_)
        )
    }

    /// A press with a tool on a picture that is on its way.
    fn draws_too_early(&self, action: &Action) -> bool {
        let is_press =
            matches!(action, Action::Pointer(input) if input.phase == PointerPhase::Press);
        let is_coming = self.current_case().is_some()
            && self.current_failure().is_none()
            && !self.is_ready_to_draw();
        is_press && is_coming && self.active_tool() != ToolKind::Look
    }

    fn give_up_strokes(&mut self) {
        let actions = std::mem::take(&mut self.held.actions);
        self.held.since = None;
        let text = "The image did not load in time: what was drawn on it is not kept.";
        self.notices.add(Severity::Warning, text);
        for action in actions
            .into_iter()
            .filter(|action| !matches!(action, Action::Pointer(_)))
        {
            self.do_at_once(action);
        }
    }
}

/// What has nothing to do with what is drawn.
fn waits_for_nothing(action: &Action) -> bool {
    matches!(
        action,
        Action::SetCanvas { .. }
            | Action::Ortho(OrthoAction::SetCanvas(..))
            | Action::SetPanelWidths(_)
    ) || matches!(
        action,
        Action::PreviewCommand(_) | Action::Dismiss(_) | Action::RetryStore
    )
}

#[cfg(test)]
mod tests;
