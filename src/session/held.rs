//! Input that has to wait: strokes on a slice that is still being loaded, with all actions after them, and proposals
//! for a slice that is being drawn on.
//!
//! Nothing is drawn on a slice that is not shown. But a user who goes to the next slice and draws before it is loaded
//! means that slice: the stroke waits for the image, and later key presses wait for the stroke.

use super::{
    Action, Session, command::UserCommand, finding::Finding, job::SliceKey, notice::Severity,
    ortho::OrthoAction, panes::PaneAction, tool_options::ToolKind, tools::PointerPhase,
};
use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a stroke waits for its image. After that it is dropped and the actions after it are carried out.
const PATIENCE: Duration = Duration::from_secs(4);

/// Actions and proposals that wait.
#[derive(Debug, Default)]
pub(super) struct HeldInput {
    actions: VecDeque<Action>,
    since: Option<Instant>,
    findings: Vec<(SliceKey, u64, Arc<Finding>)>,
}

impl Session {
    /// Queues an action; returns it if it does not have to wait.
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
            // Esc drops the waiting actions and does nothing else.
            self.held = HeldInput {
                findings: mem::take(&mut self.held.findings),
                ..HeldInput::default()
            };
            return None;
        }
        self.held.actions.push_back(action);
        None
    }

    /// Carries out waiting actions whose image is loaded. Called after every action and event.
    pub(super) fn carry_on(&mut self) {
        self.leave_object();
        while let Some(next) = self.held.actions.front() {
            if self.draws_too_early(next) {
                self.held.since = Some(Instant::now());
                break;
            }
            if let Some(action) = self.held.actions.pop_front() {
                self.do_at_once(action);
                self.leave_object();
                self.refresh_views();
            }
        }
        if self.held.actions.is_empty() {
            self.held.since = None;
        }
        if !self.held.findings.is_empty() && !self.tools.is_painting() {
            for (key, revision, finding) in mem::take(&mut self.held.findings) {
                self.take_answer(key, revision, finding);
            }
        }
        self.take_held_click();
    }

    /// Drops everything that waits, because its case was closed.
    pub(super) fn forget_held(&mut self) {
        self.held = HeldInput::default();
    }

    /// Takes a proposal for a slice; while the user is drawing it waits for the end of the stroke.
    pub(super) fn hold_answer(&mut self, key: SliceKey, revision: u64, finding: Arc<Finding>) {
        let is_here = self.tools.is_painting()
            && self
                .cases
                .current_case()
                .is_some_and(|case| case.id == key.case);
        if is_here {
            self.held.findings.push((key, revision, finding));
        } else {
            self.take_answer(key, revision, finding);
        }
    }

    /// True for a press of a drawing tool on a slice that is still loading.
    fn draws_too_early(&self, action: &Action) -> bool {
        let is_press =
            matches!(action, Action::Pointer(input) if input.phase == PointerPhase::Press);
        let is_coming = self.cases.current_case().is_some()
            && self.current_failure().is_none()
            && !self.is_ready_to_draw();
        is_press && is_coming && self.tools.active_tool() != ToolKind::Look
    }

    fn give_up_strokes(&mut self) {
        let actions = mem::take(&mut self.held.actions);
        self.held.since = None;
        let text = "The image did not load in time. Strokes drawn on it were discarded.";
        self.notices.add(Severity::Warning, text);
        for action in actions
            .into_iter()
            .filter(|action| !matches!(action, Action::Pointer(_)))
        {
            self.do_at_once(action);
        }
    }
}

/// True for actions that do not depend on strokes.
fn waits_for_nothing(action: &Action) -> bool {
    matches!(
        action,
        Action::SetCanvas { .. }
            | Action::Ortho(OrthoAction::SetCanvas(..))
            | Action::Pane(PaneAction::SetCanvas(..))
            | Action::SetPanelWidths(_)
    ) || matches!(
        action,
        Action::PreviewCommand(_) | Action::Dismiss(_) | Action::ShowFolder(_) | Action::RetryStore
    ) || matches!(action, Action::Screenshot(_) | Action::Tick(_))
}

#[cfg(test)]
mod tests;
