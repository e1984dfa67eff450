//! The case list on the left: progress, order, filter, and the cases with thumbnail and status.

mod row;

use crate::{
    session::{
        Action, Actions, Session, case::Case, case_list::CaseFilter, command::UserCommand,
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
    Align, ComboBox, Key, Layout, Rect, RichText, ScrollArea, TextEdit, Ui, UiBuilder, vec2,
};
use egui_material_icons::icons::{ICON_DESCRIPTION, ICON_FOLDER_OPEN};
use labrum_core::study::Status;
use row::{case_row, small_text};
use std::mem;

const CASE_HEIGHT: f32 = 64.0;
const STUDY_HEIGHT: f32 = 28.0;

/// A row of the list.
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

/// State of the list between frames.
#[derive(Default)]
pub(in crate::ui) struct CaseList {
    wants_search: bool,
}

impl CaseList {
    /// Focuses the search field.
    pub(in crate::ui) fn focus_search(&mut self) {
        self.wants_search = true;
    }

    /// Shows the list.
    pub(in crate::ui) fn show_list(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        textures: &mut Textures,
        actions: &mut Actions,
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

    /// The filter: search text and status.
    fn show_filter(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        let mut filter = session.cases.filter.clone();
        // Side by side if there is room.
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
                for (kept, count) in session.cases.counts_of_kept() {
                    let words = format!("{} ({count})", kept.display_label());
                    ui.selectable_value(&mut filter.kept, kept, words);
                }
            });
            combo
                .response
                .on_hover_text("Filter the case list")
                .accessible_name("Case filter");
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
        if filter != session.cases.filter {
            actions.push(Action::Filter(filter));
        }
    }

    /// The search field. Enter selects the first match.
    fn show_search_field(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        words: &mut String,
        width: f32,
        actions: &mut Actions,
    ) {
        let key = shortcuts::key_of(&session.settings.keys, UserCommand::FindCase);
        let field = TextEdit::singleline(words)
            .desired_width(width - 8.0)
            .hint_text(format!("Find ({key})"));
        let field = ui.add(field).accessible_name("Find a case");
        if mem::take(&mut self.wants_search) {
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

fn below_filter(ui: &mut Ui, session: &Session, textures: &mut Textures, actions: &mut Actions) {
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

fn choose_order(ui: &mut Ui, session: &Session, actions: &mut Actions) {
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
        CaseOrder::Opened => "By study, in the order in which they were opened",
        CaseOrder::Name => "By name",
        CaseOrder::Date => "Newest study first",
        CaseOrder::Doubt => "Most uncertain first",
        CaseOrder::WhatNext => {
            "Most useful for training first: open cases that the model is uncertain about; every third at random"
        }
    }
}

/// Progress, and the average time per case.
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
    let meter = &session.workspace.meter;
    let pace = match meter.accepted {
        0 => String::new(),
        n => format!(
            "{} per case",
            format_seconds(meter.seconds_of_accepted / f64::from(n))
        ),
    };
    let room = ui.available_width() - width_of(ui, &words, 12.0) - 12.0;
    let is_beside = width_of(ui, &pace, 12.0) <= room;
    let dimmed = theme::current_colors(ui).dimmed;
    let words = small_text(&words, dimmed);
    let pace = small_text(&pace, dimmed);
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
        "In this workspace: {} of {} cases accepted, {} skipped, {} pixels of the proposals corrected. \
         The time is the average per accepted case.",
        meter.accepted,
        meter.total,
        meter.skipped,
        format_count(meter.pixels_changed)
    ));
}

/// The rows of the list; with headings for studies if the list is ordered by study.
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

/// Draws only the visible rows, so that long lists stay fast.
fn show_visible_rows(
    ui: &mut Ui,
    session: &Session,
    textures: &mut Textures,
    rows: &[Row<'_>],
    viewport: Rect,
    actions: &mut Actions,
) {
    let total: f32 = rows.iter().map(Row::height_in_list).sum();
    ui.set_height(total);
    let origin = ui.max_rect().min;
    let width = ui.available_width();
    let mut y = 0.0;
    let changed = ui.data_mut(|d| {
        let last =
            d.get_temp_mut_or_default::<Option<usize>>(egui::Id::unique("case that was shown"));
        mem::replace(last, session.cases.current) != session.cases.current
    });
    for row in rows {
        let rect = Rect::from_min_size(origin + vec2(0.0, y), vec2(width, row.height_in_list()));
        y += row.height_in_list();
        if let Row::Case(index, _) = row
            && changed
            && session.cases.current == Some(*index)
        {
            ui.scroll_to_rect(rect, None);
        }
        if rect.max.y - origin.y < viewport.min.y || rect.min.y - origin.y > viewport.max.y {
            continue;
        }
        match row {
            Row::Study(case) => {
                let title = study_title(session, case);
                let words = RichText::new(&title)
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
                            .on_hover_text(title);
                    },
                );
            }
            Row::Case(index, case) => {
                if case_row(
                    ui,
                    rect,
                    session,
                    case,
                    session.cases.current == Some(*index),
                    textures,
                    actions,
                ) {
                    actions.push(Action::SelectCase(case.id));
                }
            }
        }
    }
}

/// The heading of a study; without the patient if the user has hidden it.
fn study_title(session: &Session, case: &Case) -> String {
    if session.settings.information {
        case.study.display_title()
    } else {
        case.study.title_without_patient()
    }
}

/// "3 files skipped"; `None` for 0.
fn file_count_text(count: usize, what: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 file {what}")),
        n => Some(format!("{n} files {what}")),
    }
}

/// The number of files that were not opened; a click lists them with the reasons.
fn passed_over(ui: &mut Ui, session: &Session) {
    let masks = session
        .passed_over
        .iter()
        .filter(|passed| passed.has_masks)
        .count();
    let other = session.passed_over.len() - masks;
    let words: Vec<String> = [
        file_count_text(masks, "with masks"),
        file_count_text(other, "skipped"),
    ]
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
                    "; press Ctrl+Shift+I to import the masks of this case"
                } else {
                    ""
                };
                ui.label(RichText::new(format!("{name}: {}{more}", one.reason)).size(12.0))
                    .on_hover_text(one.path.display().to_string());
            }
        });
    });
}
