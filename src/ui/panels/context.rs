//! Context menus of cases, labels and the image, made from the command table.

use crate::{
    session::{Action, Actions, Session, case::Case, command::UserCommand, labels::LabelAction},
    ui::{
        dialogs::Dialogs,
        widgets::{Tick, command_name, menu_item, scrolled_menu},
    },
};
use egui::{Id, LayerId, Popup, PopupKind, Pos2, Response, SetOpenCommand, Ui};
use labrum_core::label::Label;

/// Command groups for a case.
const CASE: &[&[UserCommand]] = &[
    &[UserCommand::Accept, UserCommand::Skip],
    &[
        UserCommand::SegmentSlice,
        UserCommand::SegmentSeries,
        UserCommand::AcceptAllProposals,
    ],
    &[
        UserCommand::Export,
        UserCommand::SendToServer,
        UserCommand::ImportMasks,
        UserCommand::ImportFound,
    ],
    &[UserCommand::ChooseTask, UserCommand::RemoveCase],
];

/// Command groups for the active label.
const LABEL: &[&[UserCommand]] = &[
    &[
        UserCommand::EmptyLabel,
        UserCommand::KeepLargest,
        UserCommand::RemoveIslands,
        UserCommand::FillHoles,
    ],
    &[
        UserCommand::CopyFromPrevious,
        UserCommand::CopyFromNext,
        UserCommand::Interpolate,
    ],
    &[
        UserCommand::NothingHere,
        UserCommand::MoveToLabel,
        UserCommand::MergeLabel,
        UserCommand::RemoveLabel,
    ],
];

/// Command groups for the image.
const PICTURE: &[&[UserCommand]] = &[
    &[UserCommand::Undo, UserCommand::Redo],
    &[
        UserCommand::SegmentSlice,
        UserCommand::AcceptProposal,
        UserCommand::EmptyLabel,
        UserCommand::NothingHere,
    ],
    &[
        UserCommand::ZoomFit,
        UserCommand::ZoomActual,
        UserCommand::ZoomMask,
        UserCommand::FlipHorizontally,
        UserCommand::RotateRight,
        UserCommand::InvertGrey,
        UserCommand::ResetView,
    ],
    &[
        UserCommand::WindowPreset1,
        UserCommand::WindowPreset2,
        UserCommand::WindowPreset3,
        UserCommand::WindowPreset4,
        UserCommand::WindowPreset5,
        UserCommand::WindowPreset6,
        UserCommand::WindowPreset7,
        UserCommand::WindowPreset8,
        UserCommand::WindowPreset9,
        UserCommand::WindowAuto,
        UserCommand::WindowMask,
        UserCommand::WindowReset,
    ],
    &[
        UserCommand::ShowFill,
        UserCommand::ShowOutline,
        UserCommand::ShowConfidence,
        UserCommand::ShowNothing,
    ],
    &[
        UserCommand::ToggleOrtho,
        UserCommand::Header,
        UserCommand::CopyScreenshot,
        UserCommand::Export,
    ],
];

/// The context menu of a case. A right-click also selects the case, because the commands apply to the current one.
pub(super) fn show_case_menu(
    response: &Response,
    session: &Session,
    case: &Case,
    actions: &mut Actions,
) {
    if response.secondary_clicked() {
        actions.push(Action::SelectCase(case.id));
    }
    response.context_menu(|ui| {
        // Which commands are available is known only once the case is the current one.
        if session
            .cases
            .current_case()
            .is_some_and(|shown| shown.id == case.id)
        {
            scrolled_menu(ui, |ui| {
                show_command_lines(ui, session, CASE, actions);
                ui.separator();
                copy_text_item(ui, "Copy name", || case.display_title());
                copy_text_item(ui, "Copy path", || {
                    case.series
                        .slices
                        .first()
                        .map_or(String::new(), |s| s.source.path.display().to_string())
                });
            });
        } else {
            ui.label("Loading...");
        }
    });
}

/// The context menu of a label. A right-click also makes it the active label, because the commands apply to that.
pub(super) fn show_label_menu(
    response: &Response,
    session: &Session,
    (value, label): (u8, &Label),
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) {
    if response.secondary_clicked() && session.labels.active_label() != value {
        actions.push(Action::Label(LabelAction::Choose(value)));
    }
    response.context_menu(|ui| {
        scrolled_menu(ui, |ui| {
            if ui.button("Edit...").clicked() {
                dialogs.edit_label(session, value);
                ui.close();
            }
            let visible = Label {
                visible: !label.visible,
                ..label.clone()
            };
            let locked = Label {
                locked: !label.locked,
                ..label.clone()
            };
            for (words, changed) in [
                (if label.visible { "Hide" } else { "Show" }, visible),
                (if label.locked { "Unlock" } else { "Lock" }, locked),
            ] {
                if ui.button(words).clicked() {
                    actions.push(Action::Label(LabelAction::Change(value, changed)));
                    ui.close();
                }
            }
            ui.separator();
            show_command_lines(ui, session, LABEL, actions);
        });
    });
}

/// The context menu of the image; opened at `place` after a right-click.
pub(in crate::ui) fn show_picture_menu(
    ui: &Ui,
    session: &Session,
    (id, layer): (Id, LayerId),
    place: &mut Option<Pos2>,
    actions: &mut Actions,
) {
    let ctx = ui.ctx();
    if let Some(at) = place.take() {
        ctx.data_mut(|d| d.insert_temp(id, at));
        Popup::open_id(ctx, id);
    }
    let at = ctx
        .data(|d| d.get_temp::<Pos2>(id))
        .filter(|_| Popup::is_id_open(ctx, id));
    let Some(at) = at else { return };
    let popup = Popup::new(id, ctx.clone(), at, layer).kind(PopupKind::Menu);
    let popup = popup
        .layout(egui::Layout::top_down_justified(egui::Align::Min))
        .style(egui::containers::menu::menu_style);
    popup.open_memory(None::<SetOpenCommand>).show(|ui| {
        ui.set_min_width(220.0);
        show_command_groups(ui, session, PICTURE, actions);
    });
}

fn show_command_groups(
    ui: &mut Ui,
    session: &Session,
    groups: &[&[UserCommand]],
    actions: &mut Actions,
) {
    scrolled_menu(ui, |ui| show_command_lines(ui, session, groups, actions));
}

/// Shows the commands. Presets that the image does not have are left out; unavailable commands are greyed.
fn show_command_lines(
    ui: &mut Ui,
    session: &Session,
    groups: &[&[UserCommand]],
    actions: &mut Actions,
) {
    let has_ticks = groups
        .iter()
        .copied()
        .flatten()
        .any(|c| super::menu::is_on(session, *c).is_some());
    for (at, group) in groups.iter().enumerate() {
        if at > 0 {
            ui.separator();
        }
        for command in group
            .iter()
            .filter(|c| !super::menu::is_missing_preset(session, **c))
        {
            let entry = command.table_entry();
            let is_on = super::menu::is_on(session, *command);
            let tick = match is_on {
                Some(is_on) => Tick::Of(is_on),
                None if has_ticks => Tick::Room,
                None => Tick::Nowhere,
            };
            menu_item(
                ui,
                session,
                actions,
                entry,
                command_name(session, entry),
                tick,
            );
        }
    }
}

fn copy_text_item(ui: &mut Ui, words: &str, text: impl FnOnce() -> String) {
    if ui.button(words).clicked() {
        ui.copy_text(text());
        ui.close();
    }
}
