//! The validation report of the promotion gate: how a version compares with the one that was active.

mod clicks;
mod report;

use super::{DialogOutcome, Dialogs, sheet};
use crate::{
    session::{
        Action, Actions, Session,
        learning::{LearnAction, Learning},
    },
    ui::{
        table::Column,
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

/// What the report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// A version against the model that was active when it was trained.
    Version(VersionKey),
    /// The second version against the first, both on the current hold-out set.
    Comparison(VersionKey, VersionKey),
}

/// The report, and the dialog from which it was opened.
pub(crate) struct GateDialog {
    judged: Judged,
    from: Option<Box<Dialogs>>,
}

impl GateDialog {
    /// A report on `judged`, opened from another dialog or from the panel.
    pub(super) fn new(judged: Judged, from: Option<Box<Dialogs>>) -> Self {
        Self { judged, from }
    }

    /// The dialog to return to.
    pub(super) fn into_previous(self) -> Dialogs {
        self.from.map_or(Dialogs::None, |dialog| *dialog)
    }

    /// Shows the dialog.
    pub(super) fn show_dialog(
        &self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> DialogOutcome {
        let learning = &session.learning;
        let mut turn = DialogOutcome::Stay;
        match self.judged {
            Judged::Version(key) => match learning.version_by_key(key) {
                Some(version) => {
                    mark_seen(ui.ctx(), key);
                    let heading = format!("Validation report: {}", version.name);
                    turn = sheet::show_body(ui, &heading, |ui| of_version(ui, version, actions));
                }
                None => sheet::show_body(ui, "Validation report", |ui| {
                    explanation_text(ui, "This version no longer exists.")
                }),
            },
            Judged::Comparison(first, second) => {
                let names = [first, second].map(|key| version_name(learning, key));
                let heading = format!("{} compared with {}", names[1], names[0]);
                sheet::show_body(ui, &heading, |ui| {
                    match matching_comparison(learning, first, second) {
                        Some(report) => turn = show_report(ui, report, &names, true, actions),
                        None if learning.is_comparing => show_judging_spinner(ui),
                        None => explanation_text(
                            ui,
                            "The two versions could not be compared. See the messages for the reason.",
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

    /// Shows the buttons; true once it is done.
    fn show_buttons(&self, ui: &mut Ui, learning: &Learning, actions: &mut Actions) -> bool {
        let version = match self.judged {
            Judged::Version(key) => learning.version_by_key(key),
            Judged::Comparison(..) => None,
        };
        let mut done = false;
        let size = vec2(88.0, 28.0);
        sheet::show_buttons(ui, |ui| {
            let decide = version.filter(|v| !v.is_active);
            let words = decide.map(|v| match v.state {
                VersionState::Undecided => "Use this version",
                VersionState::Rejected => "Use anyway",
                VersionState::Accepted => "Make active",
            });
            let asks = decide.is_some_and(|v| v.state == VersionState::Undecided);
            // The main button, and with it Enter, is what the evidence advises.
            let favours_use = decide.is_none_or(|v| !v.report.verdict.advises_against());
            if let Some((version, words)) = decide.zip(words) {
                let is_used = match asks && favours_use {
                    true => sheet::main_button(ui, words, None),
                    false => ui.add(Button::new(words).min_size(size)).clicked(),
                };
                if is_used {
                    actions.push(Action::Learn(LearnAction::Activate(version.key)));
                    done = true;
                }
            }
            if let Some(version) = decide.filter(|_| asks) {
                let is_rejected = match favours_use {
                    true => ui
                        .add(Button::new("Reject").min_size(size))
                        .on_hover_text(
                            "Keep this version as rejected; the active model does not change",
                        )
                        .clicked(),
                    false => sheet::main_button(ui, "Reject", None),
                };
                if is_rejected {
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

/// The name of a version; "?" if it no longer exists.
fn version_name(learning: &Learning, key: VersionKey) -> &str {
    learning
        .version_by_key(key)
        .map_or("?", |version| version.name.as_str())
}

/// The comparison of these two versions, if it is available.
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
        ui.label("Comparing both versions on the hold-out cases...");
    });
}

fn of_version(ui: &mut Ui, version: &Version, actions: &mut Actions) -> DialogOutcome {
    let state = match version.state {
        _ if version.is_active => "Active.",
        VersionState::Accepted => "Accepted.",
        VersionState::Rejected => "Rejected.",
        VersionState::Undecided => "Undecided.",
    };
    // The user's decision may differ from the gate's.
    let why = if version.reason == version.report.verdict.reason_text() {
        ""
    } else {
        &version.reason
    };
    explanation_text(
        ui,
        format!(
            "Starting model: {}. {state} {}",
            version.parent_name,
            capitalize_first(why)
        )
        .trim_end(),
    );
    if let Some(look) = &version.report.second_look {
        explanation_text(ui, &look.summary_text());
    }
    show_report(
        ui,
        &version.report,
        &["the active model at that time", &version.name],
        false,
        actions,
    )
}

/// Mean with its interval: "+0.012 (+0.005 to +0.019)".
pub(super) fn with_interval(d: &MeanInterval, digits: usize) -> String {
    format!(
        "{:+.digits$} ({:+.digits$} to {:+.digits$})",
        d.mean, d.low, d.high
    )
}

/// Columns of a table of means over `what` the models were judged on.
const fn mean_columns(what: &'static str) -> [Column; 4] {
    [
        Column::of_words(what, 190.0),
        Column::of_figures("Before", 84.0),
        Column::of_figures("After", 84.0),
        Column::of_figures("Difference (95 % CI)", 220.0),
    ]
}

/// Says how to get hold-out cases, where a report has none.
fn explain_missing_cases(ui: &mut Ui) {
    explanation_text(
        ui,
        "Some new cases are set aside as hold-out cases (marked in the case list). \
         Accept one of them to validate models on it.",
    );
}

/// Whether a significant difference is an improvement; `None` if the interval contains 0. `sign` is -1 for figures
/// where less is better, else 1.
pub(super) fn is_surely_better(d: &MeanInterval, sign: f64) -> Option<bool> {
    (d.low > 0.0 || d.high < 0.0).then_some(d.mean * sign > 0.0)
}

/// The colour for better or worse.
pub(super) fn verdict_color(ui: &Ui, is_better: bool) -> Color32 {
    let colors = theme::current_colors(ui);
    if is_better { colors.good } else { colors.error }
}

/// Remembers that the report of a version has been seen, so that the panel no longer announces it.
pub(in crate::ui) fn mark_seen(ctx: &Context, version: VersionKey) {
    let mut seen = seen_versions(ctx);
    if !seen.contains(&version) {
        seen.push(version);
        ctx.data_mut(|data| data.insert_temp(seen_version_id(), seen));
    }
}

/// Whether the report of a version has been seen.
pub(in crate::ui) fn was_seen(ctx: &Context, version: VersionKey) -> bool {
    seen_versions(ctx).contains(&version)
}

fn seen_versions(ctx: &Context) -> Vec<VersionKey> {
    let seen = ctx.data(|data| data.get_temp::<Vec<VersionKey>>(seen_version_id()));
    seen.unwrap_or_default()
}

fn seen_version_id() -> Id {
    Id::unique("report that was looked at")
}
