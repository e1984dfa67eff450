//! The gate's report: whether a version is better than the one that was active, figure by figure and case by case.

mod report;

use super::{DialogOutcome, Dialogs, sheet, versions::VersionsDialog};
use crate::{
    session::{
        Action, Session,
        learning::{LearnAction, Learning},
    },
    ui::{
        theme,
        widgets::{capitalize_first, explanation_text},
    },
};
use egui::{Button, Color32, Context, Id, Ui, vec2};
use labrum_core::{
    bootstrap::MeanInterval,
    gate::GateReport,
    learning::{Version, VersionKey, VersionState},
};
use report::show_report;

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// A version against what was active when it was made.
    Version(VersionKey),
    /// A version, the second, against another, both on the hold-out as it is now.
    Comparison(VersionKey, VersionKey),
}

/// The report that is shown, and the list that it was opened from.
pub(crate) struct GateDialog {
    judged: Judged,
    from: Option<Box<VersionsDialog>>,
}

impl GateDialog {
    /// The report on this.
    pub(super) fn new(judged: Judged, from: Option<Box<VersionsDialog>>) -> Self {
        Self { judged, from }
    }

    /// What comes back once it is closed.
    pub(super) fn into_previous(self) -> Dialogs {
        self.from
            .map_or(Dialogs::None, |versions| Dialogs::Versions(*versions))
    }

    /// Shows the dialog.
    pub(super) fn show_dialog(
        &self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Vec<Action>,
    ) -> DialogOutcome {
        let learning = &session.learning;
        let mut turn = DialogOutcome::Stay;
        match self.judged {
            Judged::Version(key) => match learning.version_by_key(key) {
                Some(version) => {
                    mark_seen(ui.ctx(), key);
                    let heading = format!("Gate report: {}", version.name);
                    turn = sheet::show_body(ui, &heading, |ui| of_version(ui, version, actions));
                }
                None => sheet::show_body(ui, "Gate report", |ui| {
                    explanation_text(ui, "This version is not there any more.")
                }),
            },
            Judged::Comparison(first, second) => {
                let name = |key| {
                    learning
                        .version_by_key(key)
                        .map_or("?", |v| v.name.as_str())
                };
                let heading = format!("{} against {}", name(second), name(first));
                sheet::show_body(ui, &heading, |ui| {
                    match matching_comparison(learning, first, second) {
                        Some(report) => {
                            turn =
                                show_report(ui, report, &[name(first), name(second)], true, actions)
                        }
                        None if learning.is_comparing => show_judging_spinner(ui),
                        None => explanation_text(
                            ui,
                            "The two versions could not be compared; a message says why.",
                        ),
                    }
                });
            }
        }
        match self.show_buttons(ui, learning, actions) {
            true => DialogOutcome::Close,
            false => turn,
        }
    }

    /// What can be decided; true once it is done.
    fn show_buttons(&self, ui: &mut Ui, learning: &Learning, actions: &mut Vec<Action>) -> bool {
        let version = match self.judged {
            Judged::Version(key) => learning.version_by_key(key),
            Judged::Comparison(..) => None,
        };
        let mut done = false;
        let size = vec2(88.0, 28.0);
        sheet::show_buttons(ui, |ui| {
            let decide = version.filter(|v| !v.is_active);
            let words = decide.map(|v| match v.state {
                VersionState::Undecided => "Use it",
                VersionState::Rejected => "Use it all the same",
                VersionState::Accepted => "Make active",
            });
            let asks = decide.is_some_and(|v| v.state == VersionState::Undecided);
            if let Some((version, words)) = decide.zip(words) {
                let is_used = match asks {
                    true => sheet::main_button(ui, words, None),
                    false => ui.add(Button::new(words).min_size(size)).clicked(),
                };
                if is_used {
                    actions.push(Action::Learn(LearnAction::Activate(version.key)));
                    done = true;
                }
            }
            if let Some(version) = decide.filter(|_| asks) {
                let button = ui.add(Button::new("Turn it down").min_size(size));
                if button
                    .on_hover_text("Keep it as rejected; the model stays as it is")
                    .clicked()
                {
                    actions.push(Action::Learn(LearnAction::Reject(version.key)));
                    done = true;
                }
            }
            done |= match asks {
                true => ui.add(Button::new("Close").min_size(size)).clicked(),
                false => sheet::main_button(ui, "Close", None),
            };
        });
        done
    }
}

/// The comparison of these two, where it is there.
fn matching_comparison(
    learning: &Learning,
    first: VersionKey,
    second: VersionKey,
) -> Option<&GateReport> {
    let (a, b, report) = learning.comparison.as_ref()?;
    ((*a, *b) == (first, second)).then_some(&**report)
}

fn show_judging_spinner(ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.spinner();
        ui.label("Both versions are judged on the held-out cases.");
    });
}

fn of_version(ui: &mut Ui, version: &Version, actions: &mut Vec<Action>) -> DialogOutcome {
    let state = match version.state {
        _ if version.is_active => "It is active now.",
        VersionState::Accepted => "It was accepted.",
        VersionState::Rejected => "It was turned down.",
        VersionState::Undecided => "It waits for your decision.",
    };
    // What a person decided may differ from what the gate said.
    let why = if version.reason == version.report.verdict.reason_text() {
        ""
    } else {
        &version.reason
    };
    explanation_text(
        ui,
        format!(
            "Learned from {}. {state} {}",
            version.parent_name,
            capitalize_first(why)
        )
        .trim_end(),
    );
    show_report(
        ui,
        &version.report,
        &["the active model then", &version.name],
        false,
        actions,
    )
}

/// "+0.012 (+0.005 to +0.019)".
pub(super) fn with_interval(d: &MeanInterval, digits: usize) -> String {
    format!(
        "{:+.digits$} ({:+.digits$} to {:+.digits$})",
        d.mean, d.low, d.high
    )
}

/// Whether a difference is surely for the better; `None` where 0 is within the interval. Of some figures (`sign` -1) less
/// is better.
pub(super) fn is_surely_better(d: &MeanInterval, sign: f64) -> Option<bool> {
    (d.low > 0.0 || d.high < 0.0).then_some(d.mean * sign > 0.0)
}

/// The colour of better and of worse.
pub(super) fn verdict_color(ui: &Ui, is_better: bool) -> Color32 {
    let colors = theme::current_colors(ui);
    if is_better { colors.good } else { colors.error }
}

/// Remembers that a version's report was looked at: it is no news any more.
pub(in crate::ui) fn mark_seen(ctx: &Context, version: VersionKey) {
    ctx.data_mut(|data| data.insert_temp(seen_version_id(), Some(version)));
}

/// Whether somebody looked at a version's report.
pub(in crate::ui) fn was_seen(ctx: &Context, version: VersionKey) -> bool {
    ctx.data(|data| data.get_temp::<Option<VersionKey>>(seen_version_id()))
        .flatten()
        == Some(version)
}

fn seen_version_id() -> Id {
    Id::unique("report that was looked at")
}
