//! Commands on the active label and on proposals. Hovering over a button previews its result on the image.

use crate::{
    session::{
        Action, Actions, Session,
        command::UserCommand,
        tool_options::{BrushUnit, ToolOptions},
    },
    ui::{
        theme,
        widgets::{command_button, width_of},
    },
};
use egui::{Button, DragValue, RichText, Ui, vec2};

/// Gap between two buttons, in points.
const GAP: f32 = 4.0;

/// Size of their names, in points.
const TEXT_SIZE: f32 = 12.0;

/// Rows of buttons, with shorter names than in the command table.
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
        (UserCommand::EmptyLabel, "Clear slice"),
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

/// Shows the commands; returns the one under the pointer.
pub(in crate::ui) fn show_panel(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Actions,
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
            .on_hover_text("Distance for Grow, Shrink and Smooth")
            .accessible_name("Margin");
        ui.label(RichText::new("Islands").size(12.0).color(dimmed));
        let island = DragValue::new(&mut options.island)
            .range(1..=1_000_000)
            .prefix("< ")
            .suffix(" px");
        ui.add(island)
            .on_hover_text("Regions smaller than this are islands")
            .accessible_name("Size of islands");
    });
    push_changed_options(session, options, actions);
    pointed
}

fn push_changed_options(session: &Session, options: ToolOptions, actions: &mut Actions) {
    if options != session.settings.tools {
        actions.push(Action::SetTools(options));
    }
}

/// Shows a row of buttons; returns the command under the pointer if it is available.
fn show_button_row(
    ui: &mut Ui,
    session: &Session,
    row: &[(UserCommand, &str)],
    actions: &mut Actions,
) -> Option<UserCommand> {
    let mut pointed = None;
    let widths = button_widths(ui, row);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        ui.spacing_mut().button_padding.x = 2.0;
        for ((command, words), width) in row.iter().zip(widths) {
            let button = Button::new(RichText::new(*words).size(TEXT_SIZE))
                .min_size(vec2(width, 24.0))
                .truncate();
            if command_button(ui, session, actions, *command, button).hovered() {
                pointed = Some(*command).filter(|c| session.command_refusal(*c).is_none());
            }
        }
    });
    pointed
}

/// Equal widths for the buttons of a row. Where a name would touch the edges of its button, all get the same margin
/// instead, if there is room for it.
fn button_widths(ui: &Ui, row: &[(UserCommand, &str)]) -> Vec<f32> {
    const MARGIN: f32 = 4.0;
    let count = row.len() as f32;
    let room = ui.available_width() - GAP * (count - 1.0);
    let needed: Vec<f32> = row
        .iter()
        .map(|(_, words)| width_of(ui, words, TEXT_SIZE) + 2.0 * MARGIN)
        .collect();
    let spare = room - needed.iter().sum::<f32>();
    let equal = room / count;
    if spare < 0.0 || needed.iter().all(|width| *width <= equal) {
        return vec![equal; row.len()];
    }
    needed.iter().map(|width| width + spare / count).collect()
}
