//! The case list at the left: how far the work is, the order, and the cases with thumbnail and status.

use crate::{
    session::{
        Action, Session,
        case::{Case, status_label},
        case_list::CaseFilter,
        command::UserCommand,
        settings::CaseOrder,
    },
    ui::{
        shortcuts,
        textures::Textures,
        theme,
        widgets::{
            command_button, format_count, format_seconds, progress_bar, width_of, with_icon,
        },
    },
};
use egui::{
    Align, Color32, ComboBox, Key, Layout, Rect, RichText, Role, ScrollArea, Sense, TextEdit, Ui,
    UiBuilder, WidgetInfo, pos2, vec2,
};
use egui_material_icons::{
    MaterialIcon,
    icons::{
        ICON_AUTO_AWESOME, ICON_BALANCE, ICON_BROKEN_IMAGE, ICON_CHECK_CIRCLE, ICON_DESCRIPTION,
        ICON_EDIT, ICON_FOLDER_OPEN, ICON_RADIO_BUTTON_UNCHECKED, ICON_SKIP_NEXT,
    },
};
use labrum_core::{holdout::Side, study::Status};

const CASE_HEIGHT: f32 = 64.0;
const STUDY_HEIGHT: f32 = 28.0;

/// A line of the list.
enum Row<'a> {
    Study(&'a Case),
    Case(usize, &'a Case),
}

impl Row<'_> {
    fn height_in_list(&self) -> f32 {
        match self {
            Row::Study(_) => STUDY_HEIGHT,
            Row::Case(..) => CASE_HEIGHT,
        }
    }
}

/// What the list remembers between frames.
#[derive(Default)]
pub(in crate::ui) struct CaseList {
    wants_search: bool,
}

impl CaseList {
    /// The search field gets the keyboard.
    pub(in crate::ui) fn focus_search(&mut self) {
        self.wants_search = true;
    }

    /// Shows the list.
    pub(in crate::ui) fn show_list(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        textures: &mut Textures,
        actions: &mut Vec<Action>,
    ) {
        ui.horizontal(|ui| {
            ui.label(RichText::new("Cases").color(theme::current_colors(ui).strong));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                choose_order(ui, session, actions)
            });
        });
        show_work_progress(ui, session);
        ui.add_space(4.0);
        self.show_filter(ui, session, actions);
        ui.add_space(4.0);
        below_filter(ui, session, textures, actions);
    }

    /// Which cases are listed: words, and what became of them.
    fn show_filter(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
        let mut filter = session.case_filter.clone();
        // Beside each other where there is room.
        let room = ui.available_width();
        let [field, combo] = if room >= 208.0 {
            [room - 112.0, 96.0]
        } else {
            [room, room - 8.0]
        };
        ui.horizontal_wrapped(|ui| {
            self.show_search_field(ui, session, &mut filter.words, field, actions);
            let combo = ComboBox::from_id_salt("kept")
                .selected_text(filter.kept.display_label())
                .width(combo);
            let combo = combo.show_ui(ui, |ui| {
                for (kept, count) in session.counts_of_kept() {
                    let words = format!("{} ({count})", kept.display_label());
                    ui.selectable_value(&mut filter.kept, kept, words);
                }
            });
            combo
                .response
                .on_hover_text("Which cases are listed")
                .accessible_name("Cases that are listed");
        });
        if !filter.is_empty() {
            ui.horizontal(|ui| {
                let words = format!(
                    "{} of {} listed",
                    session.listed_cases().len(),
                    session.cases.len()
                );
                ui.label(
                    RichText::new(words)
                        .size(12.0)
                        .color(theme::current_colors(ui).dimmed),
                );
                if ui.link(RichText::new("List all").size(12.0)).clicked() {
                    filter = CaseFilter::default();
                }
            });
        }
        if filter != session.case_filter {
            actions.push(Action::Filter(filter));
        }
    }

    /// The search field. Enter shows the first case that was found.
    fn show_search_field(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        words: &mut String,
        width: f32,
        actions: &mut Vec<Action>,
    ) {
        let key = shortcuts::key_of(&session.settings.keys, UserCommand::FindCase);
        let field = TextEdit::singleline(words)
            .desired_width(width - 8.0)
            .hint_text(format!("Find ({key})"));
        let field = ui.add(field).accessible_name("Find a case");
        if std::mem::take(&mut self.wants_search) {
            field.request_focus();
        }
        if field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
            let first = session
                .listed_cases()
                .first()
                .and_then(|i| session.cases.get(*i));
            actions.extend(first.map(|case| Action::SelectCase(case.id)));
        }
    }
}

fn below_filter(
    ui: &mut Ui,
    session: &Session,
    textures: &mut Textures,
    actions: &mut Vec<Action>,
) {
    let footer = if session.passed_over.is_empty() {
        36.0
    } else {
        60.0
    };
    let height = ui.available_height() - footer;
    let rows = list_rows(session);
    ScrollArea::vertical()
        .max_height(height)
        .auto_shrink([false, false])
        .show_viewport(ui, |ui, viewport| {
            show_visible_rows(ui, session, textures, &rows, viewport, actions);
        });
    ui.with_layout(Layout::bottom_up(Align::LEFT), |ui| {
        ui.horizontal(|ui| {
            command_button(
                ui,
                session,
                actions,
                UserCommand::OpenFolder,
                with_icon(ICON_FOLDER_OPEN, "Folder"),
            );
            command_button(
                ui,
                session,
                actions,
                UserCommand::OpenFiles,
                with_icon(ICON_DESCRIPTION, "Files"),
            );
        });
        if !session.passed_over.is_empty() {
            passed_over(ui, session);
        }
    });
}

fn choose_order(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    let now = session.settings.case_order;
    let combo = ComboBox::from_id_salt("order")
        .selected_text(now.display_name())
        .width(104.0)
        .show_ui(ui, |ui| {
            for order in CaseOrder::ALL {
                if ui
                    .selectable_label(order == now, order.display_name())
                    .on_hover_text(order_tip(order))
                    .clicked()
                {
                    actions.push(Action::SetOrder(order));
                }
            }
        });
    combo
        .response
        .on_hover_text(order_tip(now))
        .accessible_name("Order of cases");
}

fn order_tip(order: CaseOrder) -> &'static str {
    match order {
        CaseOrder::Opened => "By study, as they were opened",
        CaseOrder::Name => "By name",
        CaseOrder::Date => "The newest study first",
        CaseOrder::Doubt => "Where the model is least sure first",
        CaseOrder::WhatNext => {
            "What teaches the model most: open cases that it is unsure of, every third one at random"
        }
    }
}

/// How far the work is, and what it cost.
fn show_work_progress(ui: &mut Ui, session: &Session) {
    let accepted = session
        .cases
        .iter()
        .filter(|c| c.status == Status::Accepted)
        .count();
    let words = format!("{accepted} of {} accepted", session.cases.len());
    progress_bar(
        ui,
        accepted as f32 / session.cases.len().max(1) as f32,
        &words,
    );
    let meter = &session.meter;
    let pace = match meter.accepted {
        0 => String::new(),
        n => format!(
            "{} per case",
            format_seconds(meter.seconds_of_accepted / f64::from(n))
        ),
    };
    let small = |words: String| {
        RichText::new(words)
            .size(12.0)
            .color(theme::current_colors(ui).dimmed)
    };
    let room = ui.available_width() - width_of(ui, &words, 12.0) - 12.0;
    let is_beside = width_of(ui, &pace, 12.0) <= room;
    let (words, pace) = (small(words), small(pace));
    let line = ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.horizontal(|ui| {
            ui.label(words);
            if is_beside {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.label(pace.clone())
                });
            }
        });
        if !is_beside {
            ui.label(pace);
        }
    });
    line.response.on_hover_text(format!(
        "In the workspace: {} of {} cases accepted, {} skipped, {} pixels changed against the proposals",
        meter.accepted,
        meter.total,
        meter.skipped,
        format_count(meter.pixels_changed)
    ));
}

/// Studies have headings where their cases stand together.
fn list_rows(session: &Session) -> Vec<Row<'_>> {
    let mut rows = Vec::with_capacity(session.cases.len() + 8);
    let has_headings = session.settings.case_order == CaseOrder::Opened;
    let mut study = None;
    for (index, case) in session
        .listed_cases()
        .into_iter()
        .filter_map(|i| Some((i, session.cases.get(i)?)))
    {
        if has_headings && study != Some(&case.study.id) {
            study = Some(&case.study.id);
            rows.push(Row::Study(case));
        }
        rows.push(Row::Case(index, case));
    }
    rows
}

/// Only the lines in sight are made: a list of thousands costs no more than one of ten.
fn show_visible_rows(
    ui: &mut Ui,
    session: &Session,
    textures: &mut Textures,
    rows: &[Row<'_>],
    viewport: Rect,
    actions: &mut Vec<Action>,
) {
    let total: f32 = rows.iter().map(Row::height_in_list).sum();
    ui.set_height(total);
    let origin = ui.max_rect().min;
    let width = ui.available_width();
    let mut y = 0.0;
    let changed = ui.data_mut(|d| {
        let last =
            d.get_temp_mut_or_default::<Option<usize>>(egui::Id::unique("case that was shown"));
        std::mem::replace(last, session.current) != session.current
    });
    for row in rows {
        let rect = Rect::from_min_size(origin + vec2(0.0, y), vec2(width, row.height_in_list()));
        y += row.height_in_list();
        if let Row::Case(index, _) = row
            && changed
            && session.current == Some(*index)
        {
            ui.scroll_to_rect(rect, None);
        }
        if rect.max.y - origin.y < viewport.min.y || rect.min.y - origin.y > viewport.max.y {
            continue;
        }
        match row {
            Row::Study(case) => {
                let words = RichText::new(case.study.display_title())
                    .size(12.0)
                    .color(theme::current_colors(ui).dimmed);
                let mut place = rect;
                place.min.y += 6.0;
                ui.scope_builder(
                    UiBuilder::new()
                        .max_rect(place)
                        .layout(Layout::left_to_right(Align::Center)),
                    |ui| {
                        ui.add(egui::Label::new(words).truncate())
                            .on_hover_text(case.study.display_title());
                    },
                );
            }
            Row::Case(index, case) => {
                if case_row(
                    ui,
                    rect,
                    session,
                    case,
                    session.current == Some(*index),
                    textures,
                    actions,
                ) {
                    actions.push(Action::SelectCase(case.id));
                }
            }
        }
    }
}

fn case_row(
    ui: &mut Ui,
    rect: Rect,
    session: &Session,
    case: &Case,
    is_current: bool,
    textures: &mut Textures,
    actions: &mut Vec<Action>,
) -> bool {
    let colors = theme::current_colors(ui);
    let response = ui.interact(rect, ui.scope_id().with(case.id), Sense::click());
    let is_stale = session.is_stale(case);
    let status = status_words(session, case, is_stale);
    let mark = if is_held_out(case) { ", held out" } else { "" };
    let name = format!(
        "Case {}, {}, {status}{mark}",
        case.display_title(),
        case.short_summary()
    );
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_current, &name));
    let painter = ui.painter_at(rect);
    let ground = rect.shrink2(vec2(0.0, 1.0));
    if is_current {
        painter.rect_filled(ground, 4.0, colors.selected);
    } else if response.hovered() || response.has_focus() {
        painter.rect_filled(ground, 4.0, colors.raised);
    }
    let square = Rect::from_min_size(rect.min + vec2(6.0, 6.0), vec2(52.0, 52.0));
    painter.rect_filled(square, 3.0, Color32::BLACK);
    match textures.case_thumbnail(ui.ctx(), case) {
        Some(texture) => {
            let size = texture.size_vec2();
            let size = size * (square.width() / size.max_elem());
            let place = Rect::from_center_size(square.center(), size);
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(texture.id(), place, whole, Color32::WHITE);
        }
        None if matches!(case.thumbnail, crate::session::case::ThumbnailState::Failed) => {
            let broken = ICON_BROKEN_IMAGE;
            let font = egui::FontId::new(22.0, broken.font_family());
            painter.text(
                square.center(),
                egui::Align2::CENTER_CENTER,
                broken.codepoint,
                font,
                Color32::GRAY,
            );
        }
        None => {}
    }
    let words = Rect::from_min_max(
        pos2(square.right() + 10.0, rect.top() + 7.0),
        rect.max - vec2(6.0, 4.0),
    );
    let dimmed = if is_current {
        colors.text
    } else {
        colors.dimmed
    };
    ui.scope_builder(
        UiBuilder::new()
            .max_rect(words)
            .layout(Layout::top_down(Align::LEFT)),
        |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let small = |text: String| RichText::new(text).size(12.0).color(dimmed);
            ui.add(
                egui::Label::new(RichText::new(case.display_title()).color(colors.strong))
                    .truncate(),
            );
            // What to do, and why it comes next, say more than what it is, which stands in the tooltip too.
            let line = match &case.reason {
                _ if case.hides_proposals() => "No proposal is shown".to_owned(),
                Some(reason) => reason.clone(),
                None => case.short_summary(),
            };
            ui.add(egui::Label::new(small(line)).truncate());
            let status = if case.hides_proposals() {
                "Draw it yourself".to_owned()
            } else {
                status
            };
            let icon = status_icon(ui, case.status, is_stale);
            status_line(ui, case, icon, status, dimmed);
        },
    );
    super::context::show_case_menu(&response, session, case, actions);
    response.on_hover_text(hover_text(case, is_stale)).clicked()
}

/// The status at the left, and at the right whether the case is held out: by a mark alone where both words do not fit.
fn status_line(ui: &mut Ui, case: &Case, icon: RichText, words: String, color: Color32) {
    const HELD_OUT: &str = "held out";
    const MARK: f32 = 14.0;
    let small = |text: &str| RichText::new(text).size(12.0).color(color);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let needed = width_of(ui, &words, 12.0) + width_of(ui, HELD_OUT, 12.0) + 2.0 * MARK + 20.0;
        let has_words = needed <= ui.available_width();
        ui.label(icon.size(MARK));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if is_held_out(case) {
                // What is to be done needs the room.
                if has_words && !case.hides_proposals() {
                    ui.label(small(HELD_OUT));
                }
                ui.label(ICON_BALANCE.rich_text().size(MARK).color(color));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(small(&words)).truncate());
            });
        });
    });
}

fn is_held_out(case: &Case) -> bool {
    case.side == Some(Side::HoldOut)
}

fn status_words(session: &Session, case: &Case, is_stale: bool) -> String {
    if case.hides_proposals() {
        return "Draw it yourself: no proposal is shown".to_owned();
    }
    if is_stale {
        return "Stale proposal".to_owned();
    }
    let (found, count) = (case.measured_slice_count(), case.slices.len());
    let words = match case.status {
        Status::Proposed if found < count => format!("Proposed on {found} of {count} slices"),
        status => status_label(status).to_owned(),
    };
    let words = match nothing_of(session, case) {
        Some(names) => format!("{words} · nothing of {names}"),
        None => words,
    };
    if proposals_apart(case) == 0 {
        words
    } else {
        format!("{words} · proposal waits")
    }
}

/// The labels of which a person said that the case holds nothing.
fn nothing_of(session: &Session, case: &Case) -> Option<String> {
    let names: Vec<&str> = case
        .absent_labels()
        .into_iter()
        .map(|label| session.label_name(label))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Slices with a proposal that is newer than the work on them.
fn proposals_apart(case: &Case) -> usize {
    case.slices.iter().filter(|s| s.is_proposal_apart).count()
}

fn hover_text(case: &Case, is_stale: bool) -> String {
    let mut lines = vec![case.display_title(), case.short_summary()];
    lines.extend(case.reason.clone());
    if is_held_out(case) {
        lines.push("Held out: judges models; never learned from".to_owned());
    }
    if case.hides_proposals() {
        lines.push(
            "Draw it yourself: no proposal is shown, so that your own drawing stays a measure"
                .to_owned(),
        );
    } else {
        lines.extend(about_proposal(case, is_stale));
    }
    if !case.series.body_part.is_empty() {
        lines.push(case.series.body_part.clone());
    }
    lines.extend(length_source_text(case));
    lines.extend(case.series.notes.iter().cloned());
    match proposals_apart(case) {
        0 => {}
        1 => lines.push("The model has a newer proposal for 1 slice that was drawn on".to_owned()),
        n => lines.push(format!(
            "The model has newer proposals for {n} slices that were drawn on"
        )),
    }
    if case.seconds >= 1.0 {
        lines.push(format!("{} of work", format_seconds(case.seconds)));
    }
    lines.join("\n")
}

/// Where the lengths on a case come from: "Lengths: mm from the header".
fn length_source_text(case: &Case) -> Option<String> {
    let scale = case.series.slices.first()?.length_scale();
    let source = scale
        .uniform_spacing()
        .or_else(|| scale.regions.iter().find_map(|region| region.spacing))
        .map(|s| s.source);
    Some(format!(
        "Lengths: {}",
        super::inspector::source_of_lengths(source)
    ))
}

/// Who proposed, and how sure it is.
fn about_proposal(case: &Case, is_stale: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let model = case
        .slices
        .iter()
        .find_map(|s| s.proposal.as_ref())
        .map(|p| &p.model)
        .filter(|m| !m.is_empty());
    if let Some(model) = model {
        lines.push(format!("Proposed by {model}"));
    }
    if is_stale {
        lines.push(
            "Another model would run on it now: segment it again for a new proposal".to_owned(),
        );
    }
    if let Some(doubt) = case.mean_uncertainty() {
        lines.push(format!("Doubt along the boundary {:.0} %", doubt * 100.0));
    }
    lines
}

/// The icon of a status; a stale proposal asks for less attention.
fn status_icon(ui: &Ui, status: Status, is_stale: bool) -> RichText {
    let colors = theme::current_colors(ui);
    let (icon, color): (MaterialIcon, Color32) = match status {
        Status::Proposed if is_stale => (ICON_AUTO_AWESOME, colors.dimmed),
        Status::New => (ICON_RADIO_BUTTON_UNCHECKED, colors.dimmed),
        Status::Proposed => (ICON_AUTO_AWESOME, colors.warning),
        Status::Corrected => (ICON_EDIT, colors.warning),
        Status::Accepted => (ICON_CHECK_CIRCLE, colors.good),
        Status::Skipped => (ICON_SKIP_NEXT, colors.dimmed),
    };
    icon.rich_text().color(color)
}

/// How many files were not taken; a click lists them with the reasons.
fn passed_over(ui: &mut Ui, session: &Session) {
    let masks = session
        .passed_over
        .iter()
        .filter(|passed| passed.has_masks)
        .count();
    let other = session.passed_over.len() - masks;
    let files = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 file {what}")),
        n => Some(format!("{n} files {what}")),
    };
    let words: Vec<String> = [files(masks, "with masks"), files(other, "passed over")]
        .into_iter()
        .flatten()
        .collect();
    ui.menu_button(RichText::new(words.join(", ")).size(12.0), |ui| {
        ui.set_min_width(420.0);
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for one in session.passed_over.iter().take(500) {
                let name = one
                    .path
                    .file_name()
                    .unwrap_or(one.path.as_os_str())
                    .to_string_lossy();
                let more = if one.has_masks {
                    "; Ctrl+Shift+I takes in those of the case"
                } else {
                    ""
                };
                ui.label(RichText::new(format!("{name}: {}{more}", one.reason)).size(12.0))
                    .on_hover_text(one.path.display().to_string());
            }
        });
    });
}
