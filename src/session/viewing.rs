//! Display: settings, zoom and pan, flips and rotations, window/level.

use super::{
    Session,
    appearance::Appearance,
    command::UserCommand,
    job::{FileJob, Job, NetworkJob},
    settings::{Settings, ViewMode},
    tools::Place,
    turn::Turn,
    view::{Canvas, PictureExtent, View},
};
use labrum_core::{image::Window, stack::ViewPlane};

impl Session {
    pub(super) fn set_view_mode(&mut self, mode: ViewMode) {
        self.change_settings(|s| s.view_mode = mode);
    }

    pub(super) fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        self.set_settings(settings);
    }

    pub(super) fn set_settings(&mut self, settings: Settings) {
        if settings == self.settings {
            return;
        }
        if settings.device != self.settings.device {
            self.models.device.clear();
            self.jobs
                .push(Job::Network(NetworkJob::ProbeDevice(settings.device)));
        }
        let starts_running = settings.auto_run && !self.settings.auto_run;
        let is_limited_anew = settings.memory_mb != self.settings.memory_mb;
        let is_ordered_anew = settings.case_order != self.settings.case_order;
        if settings.view_mode == ViewMode::Difference
            && self.settings.view_mode != ViewMode::Difference
        {
            self.viewports.before_difference = self.settings.view_mode;
        }
        self.settings = settings;
        if is_ordered_anew {
            self.give_reasons();
        }
        self.jobs.push(Job::Files(FileJob::SaveSettings(Box::new(
            self.settings.clone(),
        ))));
        if is_limited_anew {
            self.limit_memory();
        }
        if starts_running {
            self.auto_run();
        }
    }

    pub(super) fn change_view(&mut self, change: impl FnOnce(&mut View, Canvas, PictureExtent)) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let extent = self.picture_extent(case);
        let canvas = self.viewports.canvas;
        if let Some(case) = self.cases.current_case_mut() {
            change(&mut case.view, canvas, extent);
        }
    }

    fn zoom_about_middle(&mut self, factor: f32) {
        self.change_view(|view, canvas, extent| {
            let middle = [
                canvas.min[0] + canvas.size[0] / 2.0,
                canvas.min[1] + canvas.size[1] / 2.0,
            ];
            view.zoom_at(factor, middle, canvas, extent);
        });
    }

    fn zoom_actual(&mut self) {
        let scale = 1.0 / self.viewports.pixels_per_point;
        self.change_view(|view, canvas, extent| {
            let middle = [
                canvas.min[0] + canvas.size[0] / 2.0,
                canvas.min[1] + canvas.size[1] / 2.0,
            ];
            let center = view.place_picture(canvas, extent).image_from_screen(middle);
            *view = View::Free { scale, center };
        });
    }

    /// Carries out a command about zoom, flips, rotations, colours or window.
    pub(super) fn change_look(&mut self, command: UserCommand) {
        use UserCommand as C;
        match command {
            C::ZoomIn => self.zoom_about_middle(1.25),
            C::ZoomOut => self.zoom_about_middle(0.8),
            C::ZoomFit => self.change_view(|view, _, _| *view = View::Fit),
            C::ZoomActual => self.zoom_actual(),
            C::ZoomMask => self.zoom_to_mask(),
            C::ResetView => self.reset_view(),
            C::ToggleMagnifier => self.viewports.magnifier = !self.viewports.magnifier,
            C::FlipHorizontally | C::FlipVertically | C::RotateRight | C::RotateLeft => {
                self.change_appearance(|a| a.turn = turned_by(a.turn, command))
            }
            C::WindowAuto => self.set_window(self.auto_window()),
            C::WindowMask => self.set_window_of_mask(),
            C::WindowReset => self.set_window(None),
            C::InvertGrey => self.change_appearance(|a| a.is_inverted = !a.is_inverted),
            C::NextColorMap => self.change_appearance(|a| a.color_map = a.color_map.next_map()),
            command => match command.color_map() {
                Some(map) => self.change_appearance(|a| a.color_map = map),
                None => self.apply_window_preset(command),
            },
        }
    }

    /// Changes how the images of the case on the screen look.
    fn change_appearance(&mut self, change: impl FnOnce(&mut Appearance)) {
        if let Some(case) = self.cases.current_case_mut() {
            change(&mut case.appearance);
        }
    }

    /// Shows the case as when it was opened: zoom, flips, rotations, colours and window, in all views.
    fn reset_view(&mut self) {
        let current = self.cases.current_case();
        if current.is_some_and(|case| case.presentation.is_some()) {
            // It also turned the case in the views beside this one.
            self.choose_presentation(None);
        }
        self.change_appearance(|appearance| *appearance = Appearance::default());
        self.change_view(|view, _, _| *view = View::Fit);
        self.set_window(None);
        for plane in ViewPlane::ALL {
            self.viewports.change_across(plane, |across| {
                across.view = View::Fit;
                across.turn = Turn::UPRIGHT;
            });
        }
    }

    /// Moves the keyboard cursor by pixels across and down the screen.
    pub(super) fn move_on_screen(&mut self, by: Place) {
        let turn = self
            .cases
            .current_case()
            .map_or(Turn::UPRIGHT, |case| case.appearance.turn);
        self.move_pointer(turn.to_image(by));
    }

    fn apply_window_preset(&mut self, command: UserCommand) {
        let window = command
            .preset_index()
            .and_then(|index| self.current_loaded()?.presets.get(index))
            .map(|p| p.window);
        if window.is_some() {
            self.set_window(window);
        }
    }

    /// The window that the current slice's own values suggest; `None` until it is loaded.
    fn auto_window(&self) -> Option<Window> {
        self.current_loaded()
            .map(|loaded| loaded.image.auto_window())
    }

    /// Name of the window preset that a command applies.
    pub fn preset_name(&self, command: UserCommand) -> Option<&str> {
        let index = command.preset_index()?;
        self.current_loaded()?
            .presets
            .get(index)
            .map(|preset| preset.name.as_str())
    }

    pub(super) fn set_window(&mut self, window: Option<Window>) {
        if let Some(case) = self.cases.current_case_mut() {
            case.window = window;
        }
    }
}

/// The turn after a command; unchanged for commands that neither flip nor rotate.
pub(super) fn turned_by(turn: Turn, command: UserCommand) -> Turn {
    match command {
        UserCommand::FlipHorizontally => turn.flipped_horizontally(),
        UserCommand::FlipVertically => turn.flipped_vertically(),
        UserCommand::RotateRight => turn.rotated_right(),
        UserCommand::RotateLeft => turn.rotated_left(),
        _ => turn,
    }
}
