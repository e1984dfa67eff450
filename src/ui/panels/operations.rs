//! Commands on the label in hand and on proposals. Pointing at one shows on the picture what it would do.

use crate::{
    session::{
        Action, Session,
        command::UserCommand,
        tools::{BrushUnit, ToolOptions},
    },
    ui::{theme, widgets::command_button},
};
use egui::{Button, DragValue, RichText, Ui, vec2};

/// Rows of buttons, each with short words for what the table calls the command.
const ROWS: [&[(UserCommand, &str)]; 5] = [
    &[
        (UserCommand::Grow, "Grow"),
        (UserCommand::Shrink, "Shrink"),
        (UserCommand::Smooth, "Smooth"),
    ],
    &[
        (UserCommand::FillHoles, "Fill holes"),
        (UserCommand::RemoveIslands, "Remove islands"),
    ],
    &[
        (UserCommand::KeepLargest, "Keep largest island"),
        (UserCommand::EmptyLabel, "Empty"),
    ],
    &[
        (UserCommand::CopyFromPrevious, "From previous"),
        (UserCommand::CopyFromNext, "From next"),
        (UserCommand::Interpolate, "Interpolate"),
    ],
    &[
        (UserCommand::AcceptProposal, "Accept proposal"),
        (UserCommand::AcceptAllProposals, "Accept all proposals"),
    ],
];

/// Shows the commands on the label; returns the one that is pointed at.
pub(in crate::ui) fn show_panel(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Vec<Action>,
) -> Option<UserCommand> {
    let mut pointed = None;
    for row in ROWS {
        pointed = show_button_row(ui, session, row, actions).or(pointed);
    }
    let mut options = session.settings.tools.clone();
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.x = 40.0;
        let dimmed = theme::current_colors(ui).dimmed;
        let unit = if options.unit == BrushUnit::Mm {
            " mm"
        } else {
            " px"
        };
        ui.label(RichText::new("Margin").size(12.0).color(dimmed));
        let margin = DragValue::new(&mut options.margin)
            .range(0.5..=100.0)
            .speed(0.1)
            .max_decimals(1)
            .suffix(unit);
        ui.add(margin)
            .on_hover_text("By how much it grows, shrinks and smooths")
            .accessible_name("Margin");
        ui.label(RichText::new("Islands").size(12.0).color(dimmed));
        let island = DragValue::new(&mut options.island)
            .range(1..=1_000_000)
            .prefix("< ")
            .suffix(" px");
        ui.add(island)
            .on_hover_text("Smaller pieces are islands")
            .accessible_name("Size of islands");
    });
    push_changed_options(session, options, actions);
    pointed
}

fn push_changed_options(session: &Session, options: ToolOptions, actions: &mut Vec<Action>) {
    if options != session.settings.tools {
        actions.push(Action::SetTools(options));
    }
}

/// Buttons that share a line.
fn show_button_row(
    ui: &mut Ui,
    session: &Session,
    row: &[(UserCommand, &str)],
    actions: &mut Vec<Action>,
) -> Option<UserCommand> {
    let mut pointed = None;
    let width = (ui.available_width() - 4.0 * (row.len() as f32 - 1.0)) / row.len() as f32;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.spacing_mut().button_padding.x = 2.0;
        for (command, words) in row {
            let button = Button::new(RichText::new(*words).size(12.0))
                .min_size(vec2(width, 24.0))
                .truncate();
            if command_button(ui, session, actions, *command, button).hovered() {
                pointed = Some(*command).filter(|c| session.command_refusal(*c).is_none());
            }
        }
    });
    pointed
}
