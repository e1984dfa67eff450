//! The tools: the bar left of the canvas, and what can be set about the one in hand.

use crate::{
    domain::geometry::PixelSpacing,
    session::{
        Action, Session,
        command::UserCommand,
        labels::{LabelAction, PaintOver},
        tools::{BrushUnit, OutlineDoes, ToolKind, ToolOptions},
    },
    ui::{
        shortcuts, theme,
        widgets::{column, explain, segmented},
    },
};
use egui::{Align, Button, ComboBox, DragValue, Layout, RichText, Slider, Ui, vec2};
use egui_material_icons::{
    MaterialIcon,
    icons::{
        ICON_AUTO_FIX, ICON_BRUSH, ICON_FORMAT_COLOR_FILL, ICON_INK_ERASER, ICON_LASSO_SELECT, ICON_LINE_CURVE,
        ICON_OPEN_WITH, ICON_PAN_TOOL, ICON_PENTAGON, ICON_REDO, ICON_UNDO,
    },
};

/// Width of the bar in points.
pub(in crate::ui) const BAR: f32 = 44.0;

/// Room for the options of any tool: what lies below stays where it is.
const OPTIONS_HEIGHT: f32 = 84.0;

/// Shows the bar.
pub(in crate::ui) fn bar(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        for tool in ToolKind::ALL {
            let (command, icon) = button_of(tool);
            let tip = shortcuts::tooltip(&session.settings.keys, command);
            let tip = format!("{}: {}", command.label(), lower_first(&tip));
            square(ui, session, actions, command, icon, &tip);
        }
        ui.add_space(8.0);
        for (command, icon, what) in
            [(UserCommand::Undo, ICON_UNDO, session.next_undo()), (UserCommand::Redo, ICON_REDO, session.next_redo())]
        {
            let what = what.map_or(String::new(), |what| format!(": {}", what.to_lowercase()));
            let key = shortcuts::key_of(&session.settings.keys, command);
            square(ui, session, actions, command, icon, &format!("{}{what} ({key})", command.label()));
        }
    });
}

/// The command and the icon of a tool.
fn button_of(tool: ToolKind) -> (UserCommand, MaterialIcon) {
    match tool {
        ToolKind::Look => (UserCommand::ToolLook, ICON_PAN_TOOL),
        ToolKind::Brush => (UserCommand::ToolBrush, ICON_BRUSH),
        ToolKind::Eraser => (UserCommand::ToolEraser, ICON_INK_ERASER),
        ToolKind::SmartBrush => (UserCommand::ToolSmartBrush, ICON_AUTO_FIX),
        ToolKind::Polygon => (UserCommand::ToolPolygon, ICON_PENTAGON),
        ToolKind::Lasso => (UserCommand::ToolLasso, ICON_LASSO_SELECT),
        ToolKind::LiveWire => (UserCommand::ToolLiveWire, ICON_LINE_CURVE),
        ToolKind::Fill => (UserCommand::ToolFill, ICON_FORMAT_COLOR_FILL),
        ToolKind::Pull => (UserCommand::ToolPull, ICON_OPEN_WITH),
    }
}

fn square(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Vec<Action>,
    command: UserCommand,
    icon: MaterialIcon,
    tip: &str,
) {
    let colors = theme::colors(ui);
    let is_on = command.tool() == Some(session.tool());
    let refusal = session.refusal(command);
    let mut button = Button::new(icon.rich_text().size(20.0)).min_size(vec2(36.0, 36.0)).frame_when_inactive(false);
    if is_on {
        button = Button::new(icon.rich_text().size(20.0).color(colors.on_accent))
            .min_size(vec2(36.0, 36.0))
            .fill(colors.accent)
            .selected(true);
    }
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().button_padding = vec2(4.0, 4.0);
            ui.add_enabled(refusal.is_none(), button)
        })
        .inner
        .on_hover_text(tip)
        .on_disabled_hover_text(refusal.unwrap_or_default())
        .accessible_name(command.label());
    if response.clicked() {
        actions.push(Action::Command(command));
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |c| c.to_lowercase().chain(letters).collect())
}

/// Shows what can be set about the tool in hand.
pub(in crate::ui) fn options(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    let tool = session.tool();
    let top = ui.cursor().top();
    let mut options = session.settings.tools.clone();
    match tool {
        ToolKind::Look => explain(ui, "Take a tool from the bar at the left to draw. Look draws nothing."),
        ToolKind::Brush | ToolKind::Eraser | ToolKind::SmartBrush => {
            size(ui, session, "Radius", &mut options, |o| &mut o.radius);
            if tool == ToolKind::SmartBrush {
                sensitivity(ui, &mut options);
            }
            threshold(ui, session, &mut options);
        }
        ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire => outline_does(ui, &mut options),
        ToolKind::Fill => explain(ui, "Fills the connected area under the pointer. Alt or Ctrl empties it."),
        ToolKind::Pull => size(ui, session, "Reach", &mut options, |o| &mut o.reach),
    }
    ui.add_space((top + OPTIONS_HEIGHT - ui.cursor().top()).max(0.0));
    if options != session.settings.tools {
        actions.push(Action::SetTools(options));
    }
}

/// Distance between pixels of the slice on the screen, where it is a length.
fn spacing(session: &Session) -> Option<PixelSpacing> {
    let case = session.case()?;
    session.spacing(case, case.slice).filter(|s| s.is_physical())
}

/// A name, dimmed, at the left of a line.
fn name(ui: &mut Ui, words: &str) {
    column(ui, 72.0, RichText::new(words).color(theme::colors(ui).dimmed));
}

fn size(
    ui: &mut Ui,
    session: &Session,
    words: &str,
    options: &mut ToolOptions,
    of: impl Fn(&mut ToolOptions) -> &mut f64,
) {
    ui.horizontal(|ui| {
        name(ui, words);
        ui.spacing_mut().slider_width = (ui.available_width() - 100.0).max(40.0);
        let slider = Slider::new(of(options), ToolOptions::RADII).logarithmic(true).max_decimals(1);
        let keys = &session.settings.keys;
        let [less, more] = [UserCommand::SmallerBrush, UserCommand::LargerBrush].map(|c| shortcuts::key_of(keys, c));
        ui.add(slider).on_hover_text(format!("{words} ({less} {more}, Shift+wheel)")).accessible_name(words);
        unit(ui, session, options);
    });
}

/// Pixels or millimetres; a click changes it.
fn unit(ui: &mut Ui, session: &Session, options: &mut ToolOptions) {
    let has_length = spacing(session).is_some();
    let shown = if options.unit == BrushUnit::Mm && has_length { "mm" } else { "px" };
    let button = Button::new(RichText::new(shown).size(12.0)).min_size(vec2(32.0, 22.0));
    let response = ui
        .add_enabled(has_length, button)
        .on_hover_text("Sizes in pixels or millimetres")
        .on_disabled_hover_text("The picture tells no length: sizes are in pixels")
        .accessible_name("Unit of sizes");
    if response.clicked() {
        options.unit = if options.unit == BrushUnit::Mm { BrushUnit::Pixels } else { BrushUnit::Mm };
    }
}

fn sensitivity(ui: &mut Ui, options: &mut ToolOptions) {
    ui.horizontal(|ui| {
        name(ui, "Edges");
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).max(40.0);
        let slider = Slider::new(&mut options.sensitivity, 0.0..=1.0)
            .custom_formatter(|v, _| format!("{:.0} %", v * 100.0))
            .custom_parser(|s| s.trim_end_matches(['%', ' ']).parse::<f64>().ok().map(|v| v / 100.0));
        ui.add(slider).on_hover_text("How early it stops at an edge").accessible_name("Edge sensitivity");
    });
}

/// Lowest and highest value that a brush changes.
fn threshold(ui: &mut Ui, session: &Session, options: &mut ToolOptions) {
    let loaded = session.current_loaded();
    ui.horizontal(|ui| {
        let mut is_on = options.threshold.is_some();
        let check = ui.checkbox(&mut is_on, "Only values");
        if check.on_hover_text("Paint only where the image has a value from here to there").changed() {
            // What is seen between black and white is a good beginning.
            let window = session.case().zip(loaded).map(|(case, l)| session.window_of(case, l));
            let range = window.map(|w| [w.center - w.width / 2.0, w.center + w.width / 2.0].map(f64::round));
            options.threshold = is_on.then(|| range.unwrap_or([0.0, 255.0]));
        }
        let mut range = options.threshold.unwrap_or([0.0, 255.0]);
        let speed = ((range[1] - range[0]) / 200.0).max(0.01);
        let before = range;
        ui.add_enabled_ui(is_on, |ui| {
            ui.spacing_mut().interact_size.x = 48.0;
            ui.add(DragValue::new(&mut range[0]).speed(speed).max_decimals(2)).accessible_name("Lowest value");
            ui.label("to");
            ui.add(DragValue::new(&mut range[1]).speed(speed).max_decimals(2)).accessible_name("Highest value");
        });
        if is_on && range != before {
            options.threshold = Some([range[0], range[1].max(range[0])]);
        }
    });
}

fn outline_does(ui: &mut Ui, options: &mut ToolOptions) {
    let choices = [
        (OutlineDoes::Add, "Add", "The inside gets the label".to_owned()),
        (OutlineDoes::Subtract, "Subtract", "The inside becomes background (hold Alt or Ctrl)".to_owned()),
        (OutlineDoes::TakeProposal, "Proposal", "The inside becomes what the model proposed".to_owned()),
    ];
    if let Some(does) = segmented(ui, options.outline_does, &choices) {
        options.outline_does = does;
    }
}

/// What drawing may cover.
pub(super) fn paint_over(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    let now = session.paint_over();
    let words = |over: PaintOver| match over {
        PaintOver::Everything => "All but locked".to_owned(),
        PaintOver::Background => "Background only".to_owned(),
        PaintOver::Label(label) => format!("{} only", session.label_name(label)),
    };
    let mut choices = vec![PaintOver::Everything, PaintOver::Background];
    choices.extend(session.standing_labels().into_iter().map(PaintOver::Label));
    ui.horizontal(|ui| {
        name(ui, "Paints over");
        let width = ui.available_width();
        let combo = ComboBox::from_id_salt("paints over").selected_text(words(now)).width(width).truncate();
        let combo = combo.show_ui(ui, |ui| {
            for over in choices {
                if ui.selectable_label(over == now, words(over)).clicked() {
                    actions.push(Action::Label(LabelAction::PaintOver(over)));
                }
            }
        });
        combo.response.accessible_name("Paints over");
    });
}
