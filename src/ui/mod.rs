//! The window: reads the session, returns what the user asks for. The only place, with `app`, that names egui.

mod across;
mod canvas;
mod charts;
mod dialogs;
pub mod gpu;
pub mod look;
mod overlay;
mod panels;
pub mod raster;
mod shortcuts;
mod stage;
mod table;
mod textures;
pub mod theme;
mod tool_input;
mod tool_overlay;
mod widgets;

use crate::session::{Action, Session, command::UserCommand, job::SliceKey};
use across::AcrossState;
use canvas::CanvasState;
use dialogs::Dialogs;
use egui::{CentralPanel, Frame, Margin, Panel, Ui, UiBuilder, ViewportCommand};
use textures::Textures;

/// What the pointer is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pointer {
    pub(crate) slice: usize,
    /// Pixels from the left upper corner of the picture.
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// A command that is shown before it is done: on which slice, and on which state of its mask.
type Previewed = (UserCommand, Option<(SliceKey, u64)>);

/// What the window remembers between frames and nobody else needs.
#[derive(Default)]
pub struct Window {
    textures: Textures,
    canvas: CanvasState,
    across: [AcrossState; 2],
    dialogs: Dialogs,
    pointer: Option<Pointer>,
    panel_widths: [f32; 2],
    previewed: Option<Previewed>,
    title: String,
}

impl Window {
    /// Draws one frame and returns what the user asked for in it.
    pub fn show(&mut self, ui: &mut Ui, session: &Session) -> Vec<Action> {
        let mut actions = Vec::new();
        theme::apply(ui.ctx(), session.settings.theme);
        self.name_window(ui, session);
        self.textures.forget_closed(session);
        if !self.dialogs.any_open() {
            actions.extend(shortcuts::pressed(ui.ctx(), &session.settings.keys).into_iter().map(Action::Command));
        }

        Panel::top("menu").frame(bar(ui, 4)).show(ui, |ui| panels::menu::show(ui, session, &mut actions));
        Panel::bottom("status")
            .frame(bar(ui, 4))
            .show(ui, |ui| panels::status::show(ui, session, self.pointer, &mut actions));
        if session.case().is_some() {
            let pointed = self.side_panels(ui, session, &mut actions);
            Panel::bottom("scrubber")
                .frame(bar(ui, 8))
                .show(ui, |ui| panels::scrubber::show(ui, session, &mut actions));
            let pointer = CentralPanel::no_frame().show(ui, |ui| self.views(ui, session, &mut actions));
            self.pointer = pointer.inner;
            // After the canvas: the tool hears that the pointer left it before the command is shown.
            self.preview(session, pointed, &mut actions);
        } else {
            self.pointer = None;
            CentralPanel::default().show(ui, |ui| match &session.opening {
                Some(opening) => panels::welcome::opening(ui, session, opening.files, &mut actions),
                None => panels::welcome::show(ui, session, &mut actions),
            });
        }

        self.leave(ui, session);
        self.dialogs.show(ui.ctx(), session, &mut actions);
        panels::toasts::show(ui.ctx(), session, &mut actions);
        panels::drop_hint(ui.ctx());
        actions.retain(|action| !self.is_for_window(ui, session, action));
        actions
    }

    /// Paints the canvas on the graphics card that draws the window, from now on; without one on the CPU.
    pub fn use_card(&mut self, state: Option<&eframe::egui_wgpu::RenderState>) {
        if let Some(state) = state {
            self.canvas.use_card(state);
            self.across.iter_mut().for_each(|view| view.use_card(state));
        }
    }

    /// True while a dialog has the keyboard.
    pub fn has_dialog(&self) -> bool {
        self.dialogs.any_open()
    }

    /// Shows the slice, and the views across the series beside it where they are wanted.
    fn views(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> Option<Pointer> {
        if session.ortho().is_none() {
            return canvas::show(ui, session, &mut self.canvas, actions);
        }
        let [slice, column, row] = across::layout(ui.available_rect_before_wrap());
        let shown = ui
            .scope_builder(UiBuilder::new().max_rect(slice), |ui| canvas::show(ui, session, &mut self.canvas, actions));
        across::show(ui, session, [column, row], &mut self.across, actions);
        shown.inner
    }

    /// Shows the panels at the sides; returns the command that is pointed at.
    fn side_panels(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> Option<UserCommand> {
        if !session.settings.panels {
            return None;
        }
        let settings = &session.settings;
        let left = Panel::left("cases")
            .frame(side(ui))
            .default_size(settings.left_width)
            .size_range(240.0..=320.0)
            .show(ui, |ui| panels::cases::show(ui, session, &mut self.textures, actions));
        Panel::left("tools")
            .frame(Frame::new().fill(theme::colors(ui).panel).inner_margin(Margin::symmetric(4, 8)))
            .exact_size(panels::tools::BAR)
            .resizable(false)
            .show(ui, |ui| panels::tools::bar(ui, session, actions));
        let right = Panel::right("inspector")
            .frame(side(ui))
            .default_size(settings.right_width)
            .size_range(248.0..=320.0)
            .show(ui, |ui| panels::inspector::show(ui, session, &mut self.dialogs, actions));
        let widths = [left.response.rect.width(), right.response.rect.width()].map(f32::round);
        // Written down once the edge is let go.
        if widths != self.panel_widths && !ui.input(|i| i.pointer.any_down()) {
            let is_first = self.panel_widths == [0.0; 2];
            self.panel_widths = widths;
            if !is_first {
                actions.push(Action::SetPanelWidths(widths));
            }
        }
        right.inner
    }

    /// Shows what the command that is pointed at would do.
    fn preview(&mut self, session: &Session, pointed: Option<UserCommand>, actions: &mut Vec<Action>) {
        let state = session.live().map(|l| (l.key(), l.version()));
        let wanted = pointed.map(|command| (command, state));
        if wanted != self.previewed {
            self.previewed = wanted;
            actions.push(Action::PreviewCommand(pointed));
        }
    }

    /// Commands that open something in the window are done here.
    fn is_for_window(&mut self, ui: &Ui, session: &Session, action: &Action) -> bool {
        let Action::Command(command) = action else { return false };
        if session.refusal(*command).is_some() {
            return false;
        }
        match command {
            UserCommand::Quit => ui.send_viewport_cmd(ViewportCommand::Close),
            other => return self.dialogs.open(*other, session),
        }
        true
    }

    /// Nobody closes the window on work that is not written yet without being asked.
    fn leave(&mut self, ui: &Ui, session: &Session) {
        let is_asked = ui.input(|i| i.viewport().close_requested());
        if is_asked && session.unsaved() > 0 && !self.dialogs.may_lose_work() {
            ui.send_viewport_cmd(ViewportCommand::CancelClose);
            self.dialogs.leave();
        }
    }

    fn name_window(&mut self, ui: &Ui, session: &Session) {
        let title = match session.case() {
            Some(case) => format!("{} - Labrum", case.title()),
            None => "Labrum".to_owned(),
        };
        if title != self.title {
            ui.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }
}

/// A bar across the window.
fn bar(ui: &Ui, height: i8) -> Frame {
    Frame::new().fill(theme::colors(ui).panel).inner_margin(Margin::symmetric(12, height))
}

/// A panel at the side.
fn side(ui: &Ui) -> Frame {
    Frame::new().fill(theme::colors(ui).panel).inner_margin(Margin { left: 12, right: 12, top: 8, bottom: 8 })
}

#[cfg(test)]
mod tests;
