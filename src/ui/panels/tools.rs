//! The toolbar to the left of the canvas, and the options of the active tool.

use super::measurements;
use crate::{
    session::{
        Action, Actions, Session,
        command::UserCommand,
        labels::LabelAction,
        tool_options::{BrushUnit, NextClick, OutlineDoes, ToolKind, ToolOptions},
        workspace_labels::PaintOver,
    },
    ui::{
        shortcuts, theme,
        widgets::{explanation_text, name_column, segmented_choice},
    },
};
use egui::{
    Align, Button, ComboBox, DragValue, Layout, RichText, ScrollArea, Slider, Ui,
    scroll_area::ScrollBarVisibility, vec2,
};
use egui_material_icons::{
    MaterialIcon,
    icons::{
        ICON_ADS_CLICK, ICON_AUTO_FIX, ICON_BRUSH, ICON_FORMAT_COLOR_FILL, ICON_INK_ERASER,
        ICON_LASSO_SELECT, ICON_LINE_CURVE, ICON_OPEN_WITH, ICON_PAN_TOOL, ICON_PENTAGON,
        ICON_REDO, ICON_STRAIGHTEN, ICON_UNDO,
    },
};
use labrum_core::geometry::PixelSpacing;

/// Gap between buttons, and between the tools and undo/redo, in points.
const GAP: f32 = 4.0;
const APART: f32 = 8.0;

/// Side of the buttons in points: default, and minimum in one and in two columns.
const SIDE: f32 = 36.0;
const LEAST: [f32; 2] = [30.0, 26.0];

/// Layout of the toolbar: all buttons are visible, in two columns if the window is low.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::ui) struct BarLayout {
    columns: usize,
    side: f32,
}

impl BarLayout {
    /// The layout for a height in points.
    pub(in crate::ui) fn for_height(height: f32) -> Self {
        let side = largest_side(height, 1);
        if side >= LEAST[0] {
            return Self { columns: 1, side };
        }
        Self {
            columns: 2,
            side: largest_side(height, 2).max(LEAST[1]),
        }
    }

    /// Width in points, without margins.
    pub(in crate::ui) fn total_width(self) -> f32 {
        let columns = self.columns as f32;
        // A single column has the same width at any window height.
        let side = if self.columns == 1 { SIDE } else { self.side };
        columns * side + (columns - 1.0) * GAP
    }
}

/// The largest button side with which all buttons fit into a height, in points.
fn largest_side(height: f32, columns: usize) -> f32 {
    // The tools, and undo and redo.
    let rows = ToolKind::ALL.len().div_ceil(columns) + 2usize.div_ceil(columns);
    ((height - APART) / rows as f32 - GAP).floor().min(SIDE)
}

/// Shows the bar.
pub(in crate::ui) fn show_bar(
    ui: &mut Ui,
    session: &Session,
    layout: BarLayout,
    actions: &mut Actions,
) {
    let keys = &session.settings.keys;
    let tools = ToolKind::ALL.map(|tool| {
        let (command, icon) = button_of(tool);
        (
            command,
            icon,
            format!(
                "{}: {}",
                command.display_label(),
                lower_first(&shortcuts::command_tooltip(keys, command))
            ),
        )
    });
    let steps = [
        (UserCommand::Undo, ICON_UNDO, session.next_undo()),
        (UserCommand::Redo, ICON_REDO, session.next_redo()),
    ];
    let steps = steps.map(|(command, icon, what)| {
        let what = what.map_or(String::new(), |what| format!(": {}", what.to_lowercase()));
        (
            command,
            icon,
            format!(
                "{}{what} ({})",
                command.display_label(),
                shortcuts::key_of(keys, command)
            ),
        )
    });
    let area = ScrollArea::vertical().scroll_bar_visibility(ScrollBarVisibility::AlwaysHidden);
    area.auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(GAP, GAP);
        for (at, group) in [&tools[..], &steps].into_iter().enumerate() {
            if at > 0 {
                ui.add_space(APART - GAP);
            }
            for row in group.chunks(layout.columns) {
                let inner = Layout::left_to_right(Align::Center).with_main_align(Align::Center);
                ui.allocate_ui_with_layout(vec2(ui.available_width(), layout.side), inner, |ui| {
                    // Centred in its column.
                    ui.add_space(((ui.available_width() - row_width(layout)) / 2.0).max(0.0));
                    for (command, icon, tip) in row {
                        show_square_button(
                            ui,
                            session,
                            actions,
                            (*command, *icon, tip),
                            layout.side,
                        );
                    }
                });
            }
        }
    });
}

fn row_width(layout: BarLayout) -> f32 {
    let columns = layout.columns as f32;
    columns * layout.side + (columns - 1.0) * GAP
}

/// Command and icon of a tool.
fn button_of(tool: ToolKind) -> (UserCommand, MaterialIcon) {
    match tool {
        ToolKind::Look => (UserCommand::ToolLook, ICON_PAN_TOOL),
        ToolKind::Click => (UserCommand::ToolClick, ICON_ADS_CLICK),
        ToolKind::Brush => (UserCommand::ToolBrush, ICON_BRUSH),
        ToolKind::Eraser => (UserCommand::ToolEraser, ICON_INK_ERASER),
        ToolKind::SmartBrush => (UserCommand::ToolSmartBrush, ICON_AUTO_FIX),
        ToolKind::Polygon => (UserCommand::ToolPolygon, ICON_PENTAGON),
        ToolKind::Lasso => (UserCommand::ToolLasso, ICON_LASSO_SELECT),
        ToolKind::LiveWire => (UserCommand::ToolLiveWire, ICON_LINE_CURVE),
        ToolKind::Fill => (UserCommand::ToolFill, ICON_FORMAT_COLOR_FILL),
        ToolKind::Pull => (UserCommand::ToolPull, ICON_OPEN_WITH),
        ToolKind::Measure => (UserCommand::ToolMeasure, ICON_STRAIGHTEN),
    }
}

fn show_square_button(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Actions,
    (command, icon, tip): (UserCommand, MaterialIcon, &str),
    side: f32,
) {
    let colors = theme::current_colors(ui);
    let is_on = command.tool_kind() == Some(session.tools.active_tool());
    let refusal = session.command_refusal(command);
    let icon = icon.rich_text().size(if side < SIDE { 18.0 } else { 20.0 });
    let size = vec2(side, side);
    let mut button = Button::new(icon.clone()).frame_when_inactive(false);
    if is_on {
        button = Button::new(icon.color(colors.on_accent))
            .fill(colors.accent)
            .selected(true);
    }
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().button_padding = vec2(2.0, 2.0);
            ui.add_enabled_ui(refusal.is_none(), |ui| ui.add_sized(size, button))
                .inner
        })
        .inner
        .on_hover_text(tip)
        .on_disabled_hover_text(refusal.unwrap_or_default())
        .accessible_name(command.display_label());
    if response.clicked() {
        actions.push(Action::Command(command));
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |c| c.to_lowercase().chain(letters).collect())
}

/// Shows the options of the active tool.
pub(in crate::ui) fn show_active_options(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let tool = session.tools.active_tool();
    let mut options = session.settings.tools.clone();
    match tool {
        ToolKind::Look => {
            explanation_text(ui, "Choose a drawing tool from the toolbar on the left.")
        }
        ToolKind::Click => show_click_options(ui, session, &mut options),
        ToolKind::Brush | ToolKind::Eraser | ToolKind::SmartBrush => {
            show_size_slider(ui, session, "Radius", &mut options, |o| &mut o.radius);
            if tool == ToolKind::SmartBrush {
                show_sensitivity_slider(ui, &mut options);
            }
            show_threshold_range(ui, session, &mut options);
        }
        ToolKind::Polygon | ToolKind::Lasso | ToolKind::LiveWire => outline_does(ui, &mut options),
        ToolKind::Fill => explanation_text(
            ui,
            "Fills the connected region under the pointer. Hold Alt or Ctrl to clear it instead.",
        ),
        ToolKind::Pull => show_size_slider(ui, session, "Reach", &mut options, |o| &mut o.reach),
        ToolKind::Measure => measurements::choose_kind(ui, session, &mut options),
    }
    ui.add_space(4.0);
    if options != session.settings.tools {
        actions.push(Action::SetTools(options));
    }
}

/// Pixel spacing of the current slice in mm, if known.
fn physical_spacing(session: &Session) -> Option<PixelSpacing> {
    let case = session.cases.current_case()?;
    session
        .pixel_spacing(case, case.slice)
        .filter(|s| s.is_physical())
}

/// The name of an option at the left of a line.
fn option_name(ui: &mut Ui, words: &str) {
    name_column(
        ui,
        72.0,
        RichText::new(words).color(theme::current_colors(ui).dimmed),
    );
}

fn show_size_slider(
    ui: &mut Ui,
    session: &Session,
    words: &str,
    options: &mut ToolOptions,
    of: impl Fn(&mut ToolOptions) -> &mut f64,
) {
    ui.horizontal(|ui| {
        option_name(ui, words);
        ui.spacing_mut().slider_width = (ui.available_width() - 100.0).max(40.0);
        let slider = Slider::new(of(options), ToolOptions::RADII)
            .logarithmic(true)
            .max_decimals(1);
        let keys = &session.settings.keys;
        let [less, more] = [UserCommand::SmallerBrush, UserCommand::LargerBrush]
            .map(|c| shortcuts::key_of(keys, c));
        ui.add(slider)
            .on_hover_text(format!("{words} ({less} {more}, Shift+wheel)"))
            .accessible_name(words);
        show_unit_button(ui, session, options);
    });
}

/// Toggles between pixels and millimetres.
fn show_unit_button(ui: &mut Ui, session: &Session, options: &mut ToolOptions) {
    let has_length = physical_spacing(session).is_some();
    let shown = if options.unit == BrushUnit::Mm && has_length {
        "mm"
    } else {
        "px"
    };
    let button = Button::new(RichText::new(shown).size(12.0)).min_size(vec2(32.0, 22.0));
    let response = ui
        .add_enabled(has_length, button)
        .on_hover_text("Sizes in pixels or millimetres")
        .on_disabled_hover_text("No pixel spacing in this image: sizes are in pixels")
        .accessible_name("Unit of sizes");
    if response.clicked() {
        options.unit = if options.unit == BrushUnit::Mm {
            BrushUnit::Pixels
        } else {
            BrushUnit::Mm
        };
    }
}

fn show_sensitivity_slider(ui: &mut Ui, options: &mut ToolOptions) {
    ui.horizontal(|ui| {
        option_name(ui, "Sensitivity");
        ui.spacing_mut().slider_width = (ui.available_width() - 60.0).max(40.0);
        let slider = Slider::new(&mut options.sensitivity, 0.0..=1.0)
            .custom_formatter(|v, _| format!("{:.0} %", v * 100.0))
            .custom_parser(|s| {
                s.trim_end_matches(['%', ' '])
                    .parse::<f64>()
                    .ok()
                    .map(|v| v / 100.0)
            });
        ui.add(slider)
            .on_hover_text("Edge sensitivity: with higher values the brush stops at weaker edges")
            .accessible_name("Edge sensitivity");
    });
}

/// The intensity range that brushes may change.
fn show_threshold_range(ui: &mut Ui, session: &Session, options: &mut ToolOptions) {
    // Start with the range of the current window.
    let window = session
        .cases
        .current_case()
        .zip(session.current_loaded())
        .map(|(case, loaded)| session.window_of(case, loaded));
    let seen = window.map_or([0.0, 255.0], |w| {
        [w.center - w.width / 2.0, w.center + w.width / 2.0].map(f64::round)
    });
    ui.horizontal(|ui| {
        let mut is_on = options.threshold.is_some();
        let check = ui.checkbox(&mut is_on, "Intensity");
        if check
            .on_hover_text("Paint only where the image intensity is within this range")
            .changed()
        {
            options.threshold = is_on.then_some(seen);
        }
        let mut range = options.threshold.unwrap_or(seen);
        let speed = ((range[1] - range[0]) / 200.0).max(0.01);
        let before = range;
        ui.add_enabled_ui(is_on, |ui| {
            ui.spacing_mut().interact_size.x = 48.0;
            ui.add(DragValue::new(&mut range[0]).speed(speed).max_decimals(2))
                .accessible_name("Lowest value");
            ui.label("to");
            ui.add(DragValue::new(&mut range[1]).speed(speed).max_decimals(2))
                .accessible_name("Highest value");
        });
        if is_on && range != before {
            options.threshold = Some([range[0], range[1].max(range[0])]);
        }
    });
}

fn outline_does(ui: &mut Ui, options: &mut ToolOptions) {
    let choices = [
        (
            OutlineDoes::Add,
            "Add",
            "The enclosed region gets the active label".to_owned(),
        ),
        (
            OutlineDoes::Subtract,
            "Subtract",
            "The enclosed region becomes background (or hold Alt or Ctrl)".to_owned(),
        ),
        (
            OutlineDoes::TakeProposal,
            "Proposal",
            "The enclosed region is replaced by the proposal".to_owned(),
        ),
    ];
    if let Some(does) = segmented_choice(ui, options.outline_does, &choices) {
        options.outline_does = does;
    }
}

fn show_click_options(ui: &mut Ui, session: &Session, options: &mut ToolOptions) {
    choose_next_click(ui, options);
    let object = session.clicks.object();
    let words = object.map_or_else(|| "No object yet".to_owned(), |object| object.summary());
    explanation_text(ui, &words);
}

/// The choice of what a click outside of the current object does.
pub(in crate::ui) fn choose_next_click(ui: &mut Ui, options: &mut ToolOptions) {
    explanation_text(ui, "Next click");
    let choices = [
        (
            NextClick::SameObject,
            "Same object",
            "All clicks belong to one object until you press Enter".to_owned(),
        ),
        (
            NextClick::NewObject,
            "New object",
            "A click outside of the object starts a new object; hold Shift to add to the current one"
                .to_owned(),
        ),
    ];
    if let Some(next) = segmented_choice(ui, options.next_click, &choices) {
        options.next_click = next;
    }
}

/// Which labels drawing may overwrite.
pub(super) fn paint_over(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let now = session.labels.paint_over();
    let mut choices = vec![PaintOver::Everything, PaintOver::Background];
    choices.extend(session.standing_labels().into_iter().map(PaintOver::Label));
    ui.horizontal(|ui| {
        option_name(ui, "Overwrite");
        let width = ui.available_width();
        let combo = ComboBox::from_id_salt("paints over")
            .selected_text(paint_over_text(session, now))
            .width(width)
            .truncate();
        let combo = combo.show_ui(ui, |ui| {
            for over in choices {
                let words = paint_over_text(session, over);
                if ui.selectable_label(over == now, words).clicked() {
                    actions.push(Action::Label(LabelAction::PaintOver(over)));
                }
            }
        });
        combo.response.accessible_name("Overwrite");
    });
}

fn paint_over_text(session: &Session, over: PaintOver) -> String {
    match over {
        PaintOver::Everything => "All except locked".to_owned(),
        PaintOver::Background => "Background only".to_owned(),
        PaintOver::Label(label) => format!("{} only", session.labels.label_name(label)),
    }
}
