//! The window: draws the session and returns the user's actions. Only this module and `app` use egui.

mod across;
mod canvas;
mod case_drag;
mod charts;
mod click_overlay;
mod crosshair;
mod dialogs;
mod edges;
mod focus;
pub mod gpu;
pub mod look;
mod magnifier;
mod measure_overlay;
mod overlay;
mod panels;
mod panes;
mod presentation_overlay;
pub mod raster;
mod screenshot;
mod shortcuts;
mod stage;
mod stream;
mod table;
mod textures;
pub mod theme;
mod tool_input;
mod tool_overlay;
mod widgets;

use crate::session::{
    Action, Actions, Session, command::UserCommand, job::SliceKey, panes::MOST_PANES,
    tool_options::ToolKind,
};
use across::AcrossState;
use canvas::CanvasState;
use dialogs::Dialogs;
use egui::{CentralPanel, Context, Frame, Margin, Panel, Ui, UiBuilder, ViewportCommand};
use labrum_core::stack::ViewPlane;
use screenshot::ScreenshotTaker;
use std::mem;
use stream::{EventStream, Heard, WindowEvent};
use textures::Textures;
use tool_input::{EventContext, ToolInput};

/// The pixel under the pointer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pointer {
    pub(crate) slice: usize,
    /// In pixels of the image, from its top left corner.
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// Height of the status bar in points. Fixed, so that the image above it never moves.
const STATUS: f32 = 36.0;

/// A command whose result is previewed, with the slice and the version of its mask.
type Previewed = (UserCommand, Option<(SliceKey, u64)>);

/// State of the window between frames.
#[derive(Default)]
pub struct WindowState {
    textures: Textures,
    /// The views beside each other; with orthogonal views, that of the slices is the active one of them.
    canvases: [CanvasState; MOST_PANES],
    across: [AcrossState; 2],
    dialogs: Dialogs,
    /// What the last frame showed: a case, the panels, the orthogonal views.
    parts: Option<[bool; 3]>,
    /// All events before this frame have been handled.
    is_settled: bool,
    /// Wheel events per notch; 0 is treated as 1.
    events_per_notch: f32,
    panel_widths: [f32; 2],
    previewed: Option<Previewed>,
    pub(crate) title: String,
    toasts: panels::toasts::Toasts,
    screenshots: ScreenshotTaker,
    case_list: panels::cases::CaseList,
}

impl WindowState {
    /// The actions of the next input event (mouse on the canvas, or key) since the last frame; `None` when all are
    /// handled. Apply them before the next call: a stroke after a key press belongs to the slice that the key selected.
    pub fn handle_next_event(&mut self, ctx: &Context, session: &Session) -> Option<Actions> {
        let mut actions = Vec::new();
        match EventStream::pop_next_event(ctx) {
            Some(heard) => self.dispatch_event(ctx, session, &heard, &mut actions),
            None if mem::take(&mut self.is_settled) => return None,
            None => {
                if let Some(now) = EventStream::current_pointer_event(ctx) {
                    self.sync_pointer(ctx, session, &now, &mut actions);
                    handle_pinch(ctx, &now, &mut actions);
                }
                if session.cine.is_playing() {
                    actions.push(Action::Tick(ctx.input(|i| i.time)));
                }
                self.is_settled = true;
            }
        }
        actions.retain(|action| !self.is_for_window(ctx, session, action));
        Some(actions)
    }

    fn dispatch_event(
        &mut self,
        ctx: &Context,
        session: &Session,
        heard: &Heard,
        actions: &mut Actions,
    ) {
        let active = &self.canvases[session.panes.active_index()].input;
        if panes::activate_by_event(ctx, session, heard, active, actions) {
            return;
        }
        if let WindowEvent::Command(_) = heard.what {
            // A command may draw at the pointer.
            self.sync_pointer(ctx, session, heard, actions);
        }
        self.for_views(ctx, session, |input, around| {
            actions.extend(input.handle_event(heard, around, session))
        });
        if let WindowEvent::Command(command) = heard.what {
            actions.push(Action::Command(command_of_key(session, command)));
        }
    }

    /// Tells the tools where the pointer is.
    fn sync_pointer(
        &mut self,
        ctx: &Context,
        session: &Session,
        now: &Heard,
        actions: &mut Actions,
    ) {
        self.for_views(ctx, session, |input, around| {
            actions.extend(input.sync_pointer(now, around, session))
        });
    }

    /// Calls `each` for the slice view and the two orthogonal views.
    fn for_views(
        &mut self,
        ctx: &Context,
        session: &Session,
        mut each: impl FnMut(&mut ToolInput, &EventContext),
    ) {
        let (time, notch) = (ctx.input(|i| i.time), self.events_per_notch.max(1.0));
        let [column, row] = &mut self.across;
        let active = session.panes.active_index();
        for (pane, other) in self.canvases.iter_mut().enumerate() {
            if pane != active {
                other.input.let_go();
            }
        }
        let slice = &mut self.canvases[active];
        for (plane, canvas, input) in [
            (ViewPlane::Slice, slice.drawn_canvas(), &mut slice.input),
            (ViewPlane::Column, column.drawn_canvas(), &mut column.input),
            (ViewPlane::Row, row.drawn_canvas(), &mut row.input),
        ] {
            match canvas
                .and_then(|canvas| EventContext::for_view(session, plane, canvas, time, notch))
            {
                Some(around) => each(input, &around),
                None => input.let_go(),
            }
        }
    }

    /// Draws one frame after all events are handled, and returns the actions of its controls.
    pub fn show_frame(&mut self, ui: &mut Ui, session: &Session) -> Actions {
        let mut actions = Vec::new();
        EventStream::install_plugin(ui.ctx());
        theme::apply(ui.ctx(), session.settings.theme);
        self.name_window(ui, session);
        self.textures.forget_closed(session);
        let parts = [
            session.cases.current_case().is_some(),
            session.settings.panels,
            session.viewports.ortho_views().is_some(),
        ];
        if self.parts.replace(parts) != Some(parts) {
            // Panels have their final layout only in the second pass; show that one.
            ui.ctx().request_discard("other parts of the window");
        }
        let canvas = &mut self.canvases[session.panes.active_index()];
        let shown = canvas.shown_slice(session).map(|key| key.slice);
        let pointer = EventStream::current_pointer_event(ui.ctx())
            .and_then(|now| canvas.current_pointer(session, &now));

        Panel::top("menu")
            .frame(bar_frame(ui, 4))
            .show(ui, |ui| panels::menu::show_bar(ui, session, &mut actions));
        if let Some(holder) = session.workspace.lock_holder() {
            Panel::top("looking")
                .frame(bar_frame(ui, 6))
                .show(ui, |ui| {
                    panels::looking::show_read_only_bar(ui, session, holder, &mut actions)
                });
        }
        // Fixed height, so that the image does not move.
        Panel::bottom("status")
            .frame(bar_frame(ui, 4))
            .exact_size(STATUS)
            .resizable(false)
            .show(ui, |ui| {
                panels::status::show_bar(ui, session, pointer, &mut actions)
            });
        if session.cases.current_case().is_some() {
            let pointed = self.side_panels(ui, session, shown, &mut actions);
            Panel::bottom("scrubber")
                .frame(bar_frame(ui, 8))
                .show(ui, |ui| {
                    panels::scrubber::show_slice_strip(ui, session, &mut actions)
                });
            CentralPanel::no_frame().show(ui, |ui| self.show_views(ui, session, &mut actions));
            // After the canvas: the tool must know that the pointer has left before the command is previewed.
            self.update_preview(session, pointed, &mut actions);
        } else {
            CentralPanel::default().show(ui, |ui| match &session.opening {
                Some(opening) => {
                    panels::welcome::show_opening_progress(ui, session, opening.files, &mut actions)
                }
                None => panels::welcome::show_screen(ui, session, &mut actions),
            });
        }

        self.guard_window_close(ui, session);
        self.dialogs.show_current(ui.ctx(), session, &mut actions);
        self.toasts.show_messages(ui.ctx(), session, &mut actions);
        panels::drop_hint(ui.ctx());
        focus::paint_ring(ui);
        let slice = self.canvases[session.panes.active_index()].shown_slice(session);
        self.screenshots
            .finish_frame(ui.ctx(), session, slice, &mut actions);
        if let Some(wait) = session.cine.time_left(ui.input(|i| i.time)) {
            // While it waits for an image, the worker wakes the window.
            ui.ctx().request_repaint_after_secs(wait as f32);
        }
        actions.retain(|action| !self.is_for_window(ui.ctx(), session, action));
        let canvases = self.canvases.iter_mut().map(CanvasState::take_target);
        let targets = canvases.chain(self.across.iter_mut().map(AcrossState::take_target));
        let has_dialog = self.dialogs.any_open();
        EventStream::update_targets(
            ui.ctx(),
            targets.flatten().collect(),
            &session.settings.keys,
            has_dialog,
        );
        actions
    }

    /// Requests the pixels of the frame that was just drawn, if it was drawn for a screenshot.
    pub fn request_screenshot(&mut self, ctx: &Context) {
        if let Some(sender) = self.screenshots.take_request() {
            let waker = ctx.clone();
            ctx.request_screenshot(move |image| {
                // Nobody waits for it any more if another screenshot was asked for.
                drop(sender.send(image));
                waker.request_repaint();
            });
        }
    }

    /// Paints the canvas on the GPU that draws the window; with `None`, on the CPU.
    pub fn use_card(&mut self, state: Option<&eframe::egui_wgpu::RenderState>) {
        if let Some(state) = state {
            self.canvases
                .iter_mut()
                .for_each(|view| view.use_card(state));
            self.across.iter_mut().for_each(|view| view.use_card(state));
        }
    }

    /// Sets the number of wheel events per notch, for the canvas and for lists.
    pub fn use_wheel(&mut self, ctx: &Context, events_per_notch: f32) {
        self.events_per_notch = events_per_notch;
        ctx.options_mut(|o| o.input_options.line_scroll_speed /= events_per_notch);
    }

    /// True while the pointer is on the messages; they do not expire then.
    pub fn has_pointer_on_messages(&self) -> bool {
        self.toasts.is_pointed_at()
    }

    /// True while a dialog is open.
    pub fn has_dialog(&self) -> bool {
        self.dialogs.any_open()
    }

    /// Shows the views beside each other, or one slice view and, if enabled, the orthogonal views beside it.
    fn show_views(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        self.screenshots.note_views(ui.available_rect_before_wrap());
        let (active, count) = (session.panes.active_index(), session.pane_count());
        for (pane, canvas) in self.canvases.iter_mut().enumerate() {
            if pane != active && (pane >= count || count == 1) {
                canvas.forget_images();
            }
        }
        if count > 1 {
            return panes::show_views(ui, session, &mut self.canvases, actions);
        }
        let canvas = &mut self.canvases[active];
        if session.viewports.ortho_views().is_none() {
            canvas::show_slice(ui, session, active, canvas, actions);
            return;
        }
        let [slice, column, row] = across::split_layout(ui.available_rect_before_wrap());
        ui.scope_builder(UiBuilder::new().max_rect(slice), |ui| {
            canvas::show_slice(ui, session, active, canvas, actions)
        });
        across::show_views(ui, session, [column, row], &mut self.across, actions);
    }

    /// Shows the side panels; returns the command under the pointer.
    fn side_panels(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        shown: Option<usize>,
        actions: &mut Actions,
    ) -> Option<UserCommand> {
        if !session.settings.panels {
            return None;
        }
        let settings = &session.settings;
        // On a narrow screen the image needs the room more than the case list does.
        let is_narrow = ui.available_width() < NARROW;
        let ([least, most], right_most) = if is_narrow {
            ([180.0, 200.0], 248.0)
        } else {
            ([240.0, 320.0], 320.0)
        };
        let left = settings.case_list.then(|| {
            Panel::left("cases")
                .frame(side_panel_frame(ui))
                .default_size(settings.left_width)
                .size_range(least..=most)
                .show(ui, |ui| {
                    held_in(ui, |ui| {
                        self.case_list
                            .show_list(ui, session, &mut self.textures, actions)
                    })
                })
        });
        let margin = Margin::symmetric(4, 8);
        let layout = panels::tools::BarLayout::for_height(ui.available_height() - margin.sum().y);
        Panel::left("tools")
            .frame(
                Frame::new()
                    .fill(theme::current_colors(ui).panel)
                    .inner_margin(margin),
            )
            .exact_size(layout.total_width() + margin.sum().x)
            .resizable(false)
            .show(ui, |ui| {
                held_in(ui, |ui| {
                    panels::tools::show_bar(ui, session, layout, actions)
                })
            });
        let right = Panel::right("inspector")
            .frame(side_panel_frame(ui))
            .default_size(settings.right_width)
            .size_range(248.0..=right_most)
            .show(ui, |ui| {
                held_in(ui, |ui| {
                    panels::inspector::show_panel(ui, session, shown, &mut self.dialogs, actions)
                })
            });
        let left = left.map_or(settings.left_width, |left| left.response.rect.width());
        let widths = [left, right.response.rect.width()].map(f32::round);
        // Save the widths when the user has released the edge.
        if widths != self.panel_widths && !ui.input(|i| i.pointer.any_down()) {
            let is_first = self.panel_widths == [0.0; 2];
            self.panel_widths = widths;
            if !is_first && !is_narrow {
                actions.push(Action::SetPanelWidths(widths));
            }
        }
        right.inner
    }

    /// Previews the result of the command under the pointer.
    fn update_preview(
        &mut self,
        session: &Session,
        pointed: Option<UserCommand>,
        actions: &mut Actions,
    ) {
        let state = session
            .live_mask()
            .map(|l| (l.slice_key(), l.mask_version()));
        let wanted = pointed.map(|command| (command, state));
        if wanted != self.previewed {
            self.previewed = wanted;
            actions.push(Action::PreviewCommand(pointed));
        }
    }

    /// Handles commands that open a dialog or concern the window; returns false for all others.
    fn is_for_window(&mut self, ctx: &Context, session: &Session, action: &Action) -> bool {
        let Action::Command(command) = action else {
            return false;
        };
        if session.command_refusal(*command).is_some() {
            return false;
        }
        match command {
            UserCommand::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            UserCommand::FindCase => {
                self.case_list.focus_search();
                // The session also shows the case list if it is hidden.
                return false;
            }
            other => return self.dialogs.open_for_command(*other, session),
        }
        true
    }

    /// Asks before the window is closed while changes are unsaved or training is running.
    fn guard_window_close(&mut self, ui: &Ui, session: &Session) {
        let is_asked = ui.input(|i| i.viewport().close_requested());
        let has_something =
            session.workspace.unsaved_count() > 0 || session.learning.running.is_some();
        if is_asked && has_something && !self.dialogs.may_leave() {
            ui.send_viewport_cmd(ViewportCommand::CancelClose);
            self.dialogs.ask_before_leaving();
        }
    }

    fn name_window(&mut self, ui: &Ui, session: &Session) {
        let title = match session.cases.current_case() {
            Some(case) => format!("{} - Labrum", case.display_title()),
            None => "Labrum".to_owned(),
        };
        if title != self.title {
            ui.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }
}

/// The command of a key: with the Measure tool, Delete deletes the selected measurement.
fn command_of_key(session: &Session, command: UserCommand) -> UserCommand {
    let measures = session.tools.active_tool() == ToolKind::Measure;
    match command {
        UserCommand::EmptyLabel if measures => UserCommand::DeleteMeasurement,
        command => command,
    }
}

/// Pinch zoom on a touch screen; egui tracks it per frame.
fn handle_pinch(ctx: &Context, now: &Heard, actions: &mut Actions) {
    if let Some(touch) = ctx.multi_touch().filter(|touch| touch.zoom_delta != 1.0)
        && now.over == Some(ViewPlane::Slice)
    {
        actions.push(Action::Zoom {
            factor: touch.zoom_delta,
            pointer: touch.center_pos.into(),
        });
    }
}

/// Windows narrower than this, in points, get narrower panels.
const NARROW: f32 = 900.0;

/// The frame of a bar across the window.
fn bar_frame(ui: &Ui, height: i8) -> Frame {
    Frame::new()
        .fill(theme::current_colors(ui).panel)
        .inner_margin(Margin::symmetric(12, height))
}

/// Shows a panel's content clipped to its width: slightly wider content must not move the image.
fn held_in<T>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> T) -> T {
    let room = ui.available_rect_before_wrap();
    let mut inner = ui.new_child(UiBuilder::new().max_rect(room));
    let shown = content(&mut inner);
    ui.advance_cursor_after_rect(room);
    shown
}

/// The frame of a side panel.
fn side_panel_frame(ui: &Ui) -> Frame {
    Frame::new()
        .fill(theme::current_colors(ui).panel)
        .inner_margin(Margin {
            left: 12,
            right: 12,
            top: 8,
            bottom: 8,
        })
}

#[cfg(test)]
mod tests;
