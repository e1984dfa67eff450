//! One row of the case list: thumbnail, name and status.

use crate::{
    session::{
        Actions, Session,
        case::{Case, ThumbnailState, status_label},
    },
    ui::{
        case_drag,
        panels::{context, mask_values},
        textures::Textures,
        theme::{self, Colors},
        widgets::{format_seconds, width_of},
    },
};
use egui::{
    Align, Align2, Color32, FontId, Layout, Painter, Rect, RichText, Role, Sense, TextureHandle,
    Ui, UiBuilder, WidgetInfo, pos2, vec2,
};
use egui_material_icons::{
    MaterialIcon,
    icons::{
        ICON_AUTO_AWESOME, ICON_BALANCE, ICON_BROKEN_IMAGE, ICON_CHECK_CIRCLE, ICON_EDIT,
        ICON_RADIO_BUTTON_UNCHECKED, ICON_SKIP_NEXT,
    },
};
use labrum_core::{holdout::Side, study::Status};

/// Shows a case at `rect`; returns true if it was clicked.
pub(super) fn case_row(
    ui: &mut Ui,
    rect: Rect,
    session: &Session,
    case: &Case,
    is_current: bool,
    textures: &mut Textures,
    actions: &mut Actions,
) -> bool {
    let colors = theme::current_colors(ui);
    let response = sense_row(ui, rect, session, case);
    let is_stale = session.models.is_stale(case);
    let status = status_words(session, case, is_stale);
    let views = OtherViews::of_case(session, case);
    let name = accessible_name(case, &status, &views);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_current, &name));
    let painter = ui.painter_at(rect);
    let ground = rect.shrink2(vec2(0.0, 1.0));
    if is_current {
        painter.rect_filled(ground, 4.0, colors.selected);
    } else if response.hovered() || response.has_focus() {
        painter.rect_filled(ground, 4.0, colors.raised);
    }
    let square = Rect::from_min_size(rect.min + vec2(6.0, 6.0), vec2(52.0, 52.0));
    paint_thumbnail(
        &painter,
        square,
        textures.case_thumbnail(ui.ctx(), case),
        case,
    );
    views.paint_numbers(&painter, square, colors);
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
            ui.add(
                egui::Label::new(RichText::new(case.display_title()).color(colors.strong))
                    .truncate(),
            );
            // What to do and why it is suggested is more useful here than the summary, which the tooltip also shows.
            let line = match &case.reason {
                _ if case.hides_proposals() => "No proposal shown".to_owned(),
                Some(reason) => reason.clone(),
                None => case.short_summary(),
            };
            ui.add(egui::Label::new(small_text(&line, dimmed)).truncate());
            let status = if case.hides_proposals() {
                "Segment manually".to_owned()
            } else {
                status
            };
            let icon = status_icon(ui, case.status, is_stale);
            status_line(ui, case, icon, status, dimmed);
        },
    );
    context::show_case_menu(&response, session, case, actions);
    response
        .on_hover_text(hover_text(case, &views, is_stale))
        .clicked()
}

/// What assistive technology says about a row.
fn accessible_name(case: &Case, status: &str, views: &OtherViews) -> String {
    let mut parts = vec![
        format!("Case {}", case.display_title()),
        case.short_summary(),
        status.to_owned(),
    ];
    if is_held_out(case) {
        parts.push("hold-out case".to_owned());
    }
    parts.extend(views.shown_in().map(|words| format!("shown in {words}")));
    parts.join(", ")
}

/// Paints the thumbnail of a case into a square; an icon if there is none because the images cannot be read.
fn paint_thumbnail(painter: &Painter, square: Rect, texture: Option<TextureHandle>, case: &Case) {
    painter.rect_filled(square, 3.0, Color32::BLACK);
    match texture {
        Some(texture) => {
            let size = texture.size_vec2();
            let size = size * (square.width() / size.max_elem());
            let place = Rect::from_center_size(square.center(), size);
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(texture.id(), place, whole, Color32::WHITE);
        }
        None if matches!(case.thumbnail, ThumbnailState::Failed) => {
            let broken = ICON_BROKEN_IMAGE;
            let font = FontId::new(22.0, broken.font_family());
            painter.text(
                square.center(),
                Align2::CENTER_CENTER,
                broken.codepoint,
                font,
                Color32::GRAY,
            );
        }
        None => {}
    }
}

/// The views beside the active one that show a case, by their numbers from 1.
struct OtherViews(Vec<String>);

impl OtherViews {
    fn of_case(session: &Session, case: &Case) -> Self {
        let numbers = session.other_views_of(case.id);
        Self(numbers.map(|pane| (pane + 1).to_string()).collect())
    }

    /// "view 2", "views 2, 3"; `None` without any.
    fn shown_in(&self) -> Option<String> {
        let noun = match self.0.len() {
            0 => return None,
            1 => "view",
            _ => "views",
        };
        Some(format!("{noun} {}", self.0.join(", ")))
    }

    /// Paints the numbers into the lower right corner of the thumbnail.
    fn paint_numbers(&self, painter: &Painter, square: Rect, colors: &Colors) {
        if self.0.is_empty() {
            return;
        }
        let font = FontId::proportional(12.0);
        let words = painter.layout_no_wrap(self.0.join(", "), font, colors.text);
        let size = words.size() + vec2(8.0, 2.0);
        let badge = Align2::RIGHT_BOTTOM.anchor_size(square.max, size);
        painter.rect_filled(badge, 3.0, colors.raised);
        painter.galley(badge.min + vec2(4.0, 1.0), words, colors.text);
    }
}

/// Lets a row be clicked, and dragged into a view. With one view, dragging does nothing that a click does not do.
fn sense_row(ui: &Ui, rect: Rect, session: &Session, case: &Case) -> egui::Response {
    let has_several = session.pane_count() > 1;
    let sense = match has_several {
        true => Sense::click_and_drag(),
        false => Sense::click(),
    };
    let response = ui.interact(rect, ui.scope_id().with(case.id), sense);
    if has_several {
        case_drag::drag_from_row(&response, case.id);
    }
    response
}

/// Small text below a name.
pub(super) fn small_text(text: &str, color: Color32) -> RichText {
    RichText::new(text).size(12.0).color(color)
}

/// The status, and at the right the mark of a hold-out case; its text is left out if there is no room.
fn status_line(ui: &mut Ui, case: &Case, icon: RichText, words: String, color: Color32) {
    const HELD_OUT: &str = "hold-out";
    const MARK: f32 = 14.0;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let needed = width_of(ui, &words, 12.0) + width_of(ui, HELD_OUT, 12.0) + 2.0 * MARK + 20.0;
        let has_words = needed <= ui.available_width();
        ui.label(icon.size(MARK));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if is_held_out(case) {
                // The instruction needs the room.
                if has_words && !case.hides_proposals() {
                    ui.label(small_text(HELD_OUT, color));
                }
                ui.label(ICON_BALANCE.rich_text().size(MARK).color(color));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(egui::Label::new(small_text(&words, color)).truncate());
            });
        });
    });
}

fn is_held_out(case: &Case) -> bool {
    case.side == Some(Side::HoldOut)
}

fn status_words(session: &Session, case: &Case, is_stale: bool) -> String {
    if case.hides_proposals() {
        return "Segment manually: no proposal shown".to_owned();
    }
    if is_stale {
        return "Outdated proposal".to_owned();
    }
    let found = case.measured_slice_count();
    let count = case.slices.len();
    let words = match case.status {
        Status::Proposed if found < count => format!("Proposed on {found} of {count} slices"),
        status => status_label(status).to_owned(),
    };
    let words = match nothing_of(session, case) {
        Some(names) => format!("{words} · absent: {names}"),
        None => words,
    };
    if proposals_apart(case) == 0 {
        words
    } else {
        format!("{words} · new proposal")
    }
}

/// The names of labels marked as absent from the case.
fn nothing_of(session: &Session, case: &Case) -> Option<String> {
    let names: Vec<&str> = case
        .absent_labels()
        .into_iter()
        .map(|label| session.labels.label_name(label))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Number of edited slices with a newer proposal.
fn proposals_apart(case: &Case) -> usize {
    case.slices.iter().filter(|s| s.is_proposal_newer()).count()
}

fn hover_text(case: &Case, views: &OtherViews, is_stale: bool) -> String {
    let mut lines = vec![case.display_title(), case.short_summary()];
    lines.extend(case.reason.clone());
    lines.extend(views.shown_in().map(|words| format!("Shown in {words}")));
    if is_held_out(case) {
        lines.push("Hold-out case: used to evaluate models, never for training".to_owned());
    }
    if case.hides_proposals() {
        lines.push(
            "Segment manually: no proposal is shown, so that your mask stays independent of the model"
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
        1 => lines.push("New proposal for 1 slice that was edited".to_owned()),
        n => lines.push(format!("New proposals for {n} slices that were edited")),
    }
    if case.seconds >= 1.0 {
        lines.push(format!("Time spent: {}", format_seconds(case.seconds)));
    }
    lines.join("\n")
}

/// Where the lengths of a case come from: "Lengths: mm from the header".
fn length_source_text(case: &Case) -> Option<String> {
    let scale = case.series.slices.first()?.length_scale();
    let source = scale
        .uniform_spacing()
        .or_else(|| scale.regions.iter().find_map(|region| region.spacing))
        .map(|s| s.source);
    Some(format!(
        "Lengths: {}",
        mask_values::source_of_lengths(source)
    ))
}

/// The model of the proposal, and its uncertainty.
fn about_proposal(case: &Case, is_stale: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let model = case
        .slices
        .iter()
        .find_map(|s| s.proposal())
        .map(|p| &p.model)
        .filter(|m| !m.is_empty());
    if let Some(model) = model {
        lines.push(format!("Proposed by {model}"));
    }
    if is_stale {
        lines.push("The model has changed. Segment again for a new proposal.".to_owned());
    }
    if let Some(doubt) = case.mean_uncertainty() {
        lines.push(format!("Boundary uncertainty: {:.0} %", doubt * 100.0));
    }
    lines
}

/// The icon of a status; dimmed for an outdated proposal.
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
