//! The start screen: open images, recent workspaces and samples.

use crate::{
    session::{Action, Actions, Session, command::UserCommand, store::WorkspaceState},
    ui::{
        dialogs::workspace::show_open_failure,
        shortcuts, theme,
        widgets::{command_button, primary_button, with_icon},
    },
};
use egui::{
    Align, Button, CornerRadius, Frame, Layout, Margin, RichText, ScrollArea, Sense, Stroke, Ui,
    UiBuilder, vec2,
};
use egui_material_icons::icons::{ICON_DESCRIPTION, ICON_EDIT, ICON_FOLDER_OPEN};
use std::path::{Path, PathBuf};

/// Folder name, title, description and licence of the samples.
const SAMPLES: [(&str, &str, &str, &str); 3] = [
    (
        "fetal-head",
        "Fetal head",
        "Four ultrasound images; a model segments the head.",
        "HC18, CC BY 4.0",
    ),
    (
        "cardiac-mr",
        "Heart",
        "Cardiac MR, 12 slices (DICOM); a model segments the left ventricle.",
        "Sunnybrook, CC0",
    ),
    (
        "sarcoma-ct",
        "Soft tissue",
        "CT of the thigh, 12 slices (DICOM); a model proposes the tumour.",
        "STS, CC BY 3.0",
    ),
];

const WIDTH: f32 = 720.0;

/// Maximum number of workspaces listed.
const RECENT: usize = 4;

/// Shows the screen.
pub(in crate::ui) fn show_screen(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let room = ui.available_rect_before_wrap();
    // The first start creates a workspace; reserve its row from the first frame on.
    let height = 460.0 + 52.0 + recent_folders(session).len().max(1) as f32 * 32.0;
    let size = vec2(
        WIDTH.min(room.width() - 32.0),
        height.min(room.height() - 16.0),
    );
    let column = egui::Rect::from_center_size(room.center(), size);
    ui.scope_builder(
        UiBuilder::new()
            .max_rect(column)
            .layout(Layout::top_down(Align::LEFT)),
        |ui| {
            // On a low screen the samples may need scrolling.
            ScrollArea::vertical()
                .auto_shrink(false)
                .show(ui, |ui| show_contents(ui, session, actions));
        },
    );
}

/// The folders of the recent workspaces.
fn recent_folders(session: &Session) -> &[PathBuf] {
    let all = &session.settings.recent_workspaces;
    &all[..all.len().min(RECENT)]
}

fn show_contents(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let colors = theme::current_colors(ui);
    ui.label(RichText::new("Labrum").size(34.0).color(colors.strong));
    ui.add_space(4.0);
    ui.label(
        RichText::new(
            "Open images, correct the segmentation, export it. Your data stays on this computer unless you send it.",
        )
        .color(colors.dimmed),
    );
    ui.add_space(24.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().button_padding = vec2(14.0, 8.0);
        let size = vec2(0.0, 36.0);
        let open = primary_button(ui, "Open folder").min_size(size);
        command_button(ui, session, actions, UserCommand::OpenFolder, open);
        let files = with_icon(ICON_DESCRIPTION, "Open files").min_size(size);
        command_button(ui, session, actions, UserCommand::OpenFiles, files);
        let path = with_icon(ICON_EDIT, "Enter a path").min_size(size);
        command_button(ui, session, actions, UserCommand::OpenPath, path);
    });
    ui.add_space(8.0);
    let palette = shortcuts::key_of(&session.settings.keys, UserCommand::Palette);
    ui.label(
        RichText::new(format!(
            "Or drop files here. DICOM, NIfTI, PNG, JPEG, TIFF, BMP and WebP. {palette} lists all commands."
        ))
        .size(12.0)
        .color(colors.dimmed),
    );
    if let WorkspaceState::Failed(reason) = session.workspace.state() {
        ui.add_space(16.0);
        show_open_failure(ui, reason, actions);
    }
    // What becomes known only after the first frame must not move anything that can be clicked.
    if session.is_first_start {
        show_samples(ui, actions);
        show_workspace_list(ui, session, actions);
    } else {
        show_workspace_list(ui, session, actions);
        show_samples(ui, actions);
    }
}

fn show_samples(ui: &mut Ui, actions: &mut Actions) {
    ui.add_space(24.0);
    ui.label(
        RichText::new("Samples")
            .size(18.0)
            .color(theme::current_colors(ui).strong),
    );
    ui.add_space(8.0);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let width = (ui.available_width() - 24.0) / 3.0;
        for (name, title, what, licence) in SAMPLES {
            if sample_button(ui, width, title, what, licence) {
                actions.push(Action::OpenSample(name));
            }
        }
    });
}

/// The recent workspaces.
fn show_workspace_list(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let folders = recent_folders(session);
    if folders.is_empty() {
        return;
    }
    ui.add_space(24.0);
    ui.label(
        RichText::new("Workspaces")
            .size(18.0)
            .color(theme::current_colors(ui).strong),
    );
    ui.add_space(4.0);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        folders
            .iter()
            .for_each(|folder| show_workspace_entry(ui, session, folder, actions));
    });
}

fn show_workspace_entry(ui: &mut Ui, session: &Session, folder: &Path, actions: &mut Actions) {
    // The summary is not available in the first frames.
    let summary = session
        .workspace
        .recent
        .iter()
        .find(|summary| summary.folder == folder);
    let name = match summary {
        Some(summary) => summary.name.clone(),
        None => folder
            .file_name()
            .unwrap_or(folder.as_os_str())
            .to_string_lossy()
            .into_owned(),
    };
    let is_missing = summary.is_some_and(|summary| summary.is_missing);
    let words = match summary.and_then(|summary| summary.cases) {
        _ if is_missing => "not found".to_owned(),
        Some((cases, accepted)) => format!("{accepted} of {cases} accepted"),
        None => String::new(),
    };
    let button = Button::new((ICON_FOLDER_OPEN.rich_text().size(16.0), name.clone()))
        .right_text(
            RichText::new(words)
                .size(12.0)
                .color(theme::current_colors(ui).dimmed),
        )
        .min_size(vec2(ui.available_width(), 30.0));
    let response = ui
        .add_enabled(!is_missing, button)
        .on_hover_text(folder.display().to_string())
        .on_disabled_hover_text(format!("Workspace not found in {}", folder.display()))
        .accessible_name(format!("Open workspace {name}"));
    if response.clicked() {
        actions.push(Action::OpenWorkspace(folder.to_owned()));
    }
}

/// Shows the progress of opening files.
pub(in crate::ui) fn show_opening_progress(
    ui: &mut Ui,
    session: &Session,
    files: usize,
    actions: &mut Actions,
) {
    let room = ui.available_rect_before_wrap();
    let column = egui::Rect::from_center_size(room.center(), vec2(320.0, 96.0));
    ui.scope_builder(
        UiBuilder::new()
            .max_rect(column)
            .layout(Layout::top_down(Align::Center)),
        |ui| {
            ui.label(
                RichText::new("Opening")
                    .size(18.0)
                    .color(theme::current_colors(ui).strong),
            );
            let files = if files == 0 {
                String::new()
            } else {
                format!("{files} files checked")
            };
            ui.label(RichText::new(files).color(theme::current_colors(ui).dimmed));
            command_button(
                ui,
                session,
                actions,
                UserCommand::Cancel,
                Button::new("Cancel"),
            );
        },
    );
}

fn sample_button(ui: &mut Ui, width: f32, title: &str, what: &str, licence: &str) -> bool {
    let colors = theme::current_colors(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(width, 132.0), Sense::hover());
    // A button behind the text handles focus, accessible name and clicks.
    let button = Button::new("")
        .fill(colors.raised)
        .corner_radius(CornerRadius::same(8))
        .stroke(Stroke::new(1.0, colors.line));
    let response = ui
        .put(rect, button.min_size(rect.size()))
        .accessible_name(format!("Open sample {title}"));
    let inner = Frame::new().inner_margin(Margin::same(14));
    ui.scope_builder(
        UiBuilder::new()
            .max_rect(rect)
            .layout(Layout::top_down(Align::LEFT)),
        |ui| {
            inner.show(ui, |ui| {
                ui.set_min_size(rect.size() - vec2(28.0, 28.0));
                ui.horizontal(|ui| {
                    ui.label(ICON_FOLDER_OPEN.rich_text().size(18.0).color(colors.dimmed));
                    ui.label(RichText::new(title).color(colors.strong));
                });
                ui.label(RichText::new(what).size(12.5));
                ui.with_layout(Layout::bottom_up(Align::LEFT), |ui| {
                    ui.label(RichText::new(licence).size(12.0).color(colors.dimmed));
                });
            });
        },
    );
    response.clicked()
}
