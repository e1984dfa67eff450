//! Connects session, worker and window, and opens the window.

mod dialog;
mod frame_log;
mod network;
mod place;
#[cfg(test)]
mod tests;
mod wheel;

use crate::{
    Error, Result,
    session::{
        Action, Session,
        job::{Event, Job, StoreJob},
        settings::{Settings, WindowPlace},
    },
    ui::{self, WindowState},
    worker::{AppFolders, SegmentationNetwork, Worker},
};
use eframe::{CreationContext, NativeOptions, Renderer};
use frame_log::FrameLog;
use labrum_core::device::DeviceChoice;
use labrum_nn::device;
use place::Place;
use std::{
    env,
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// Longest time spent on events in one frame; the rest wait for the next frame.
const EVENTS_TIME: Duration = Duration::from_millis(6);

/// Longest time that a frame waits for a step to be written. Writing usually takes well under a millisecond.
const STORE_TIME: Duration = Duration::from_millis(16);

/// Settings from the command line that override the stored ones for this run only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// Where the network runs.
    pub device: Option<DeviceChoice>,
    /// Number of CPU threads.
    pub threads: Option<NonZeroUsize>,
}

/// Opens the window, loads `paths`, and returns when the window is closed.
pub fn run_window(paths: Vec<PathBuf>, overrides: Overrides) -> Result<()> {
    if !may_have_display() {
        return Err(cannot_open(
            "no display found (neither DISPLAY nor WAYLAND_DISPLAY is set)",
        ));
    }
    let places = AppFolders::of_user();
    let (mut settings, trouble) = places.load_settings();
    settings.device = overrides.device.unwrap_or(settings.device);
    device::use_threads(overrides.threads.or(NonZeroUsize::new(settings.threads)));
    let mut failure = None;
    // A computer without Vulkan, Metal or DirectX may still have OpenGL.
    for renderer in [Renderer::Wgpu, Renderer::Glow] {
        let options = NativeOptions {
            renderer,
            ..native_options(settings.window)
        };
        let settings = settings.clone();
        let places = places.clone();
        let paths = paths.clone();
        let trouble = trouble.clone();
        let create = Box::new(move |cc: &CreationContext<'_>| {
            let mut app = LabrumApp::new(&cc.egui_ctx, settings, places, network::boxed_segmenter)?;
            app.window.use_card(cc.wgpu_render_state.as_ref());
            app.window
                .use_wheel(&cc.egui_ctx, wheel::events_per_notch());
            app.open_at_startup(paths, trouble);
            Ok(Box::new(app) as Box<dyn eframe::App>)
        });
        match eframe::run_native("Labrum", options, create) {
            Ok(()) => return Ok(()),
            Err(error @ (eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_))) => {
                log::info!("{error}");
                return Err(cannot_open("cannot connect to the display"));
            }
            Err(error) => {
                log::warn!("{renderer} cannot open the window: {error}");
                failure = Some(error.to_string());
            }
        }
    }
    Err(cannot_open(&failure.unwrap_or_default()))
}

/// False only where the environment rules a display out, which can be seen on Linux alone.
fn may_have_display() -> bool {
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux")
        || ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"]
            .iter()
            .any(is_set)
}

fn cannot_open(reason: &str) -> Error {
    Error::new("open the window", reason)
        .with_advice("Without a display use the command line: labrum segment INPUT --out DIR (see labrum --help).")
}

fn native_options(window: Option<WindowPlace>) -> NativeOptions {
    let viewport = place::viewport_builder(window)
        .with_title("Labrum")
        .with_app_id("labrum")
        .with_drag_and_drop(true);
    let centered = window.is_none_or(|w| w.corner.is_none());
    NativeOptions {
        viewport,
        centered,
        ..Default::default()
    }
}

/// The application that eframe runs.
pub struct LabrumApp {
    session: Session,
    worker: Worker,
    window: WindowState,
    frame_log: Option<FrameLog>,
    place: Place,
}

impl LabrumApp {
    /// Creates the app with the given network; tests pass their own.
    pub fn new(
        ctx: &egui::Context,
        settings: Settings,
        places: AppFolders,
        network: impl FnOnce() -> Box<dyn SegmentationNetwork> + Send + 'static,
    ) -> Result<Self> {
        ui::theme::install_themes(ctx);
        // The scale is a setting of Labrum; egui must not zoom with Ctrl+Plus.
        ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let wake = {
            let ctx = ctx.clone();
            Arc::new(move || ctx.request_repaint())
        };
        Ok(Self {
            worker: Worker::start_threads(wake, places, network)?,
            session: Session::new(settings),
            window: WindowState::default(),
            frame_log: FrameLog::from_environment(),
            place: Place::default(),
        })
    }

    /// Opens the paths from the command line, and reports settings that could not be read.
    pub fn open_at_startup(&mut self, paths: Vec<PathBuf>, trouble: Option<Error>) {
        if let Some(error) = trouble {
            self.session.show_error(&error);
        }
        self.session.apply_action(Action::Open(paths));
        self.hand_out_jobs();
    }

    /// The session, for tests.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Runs one frame: handles events, draws the window, applies actions, submits jobs.
    pub fn run_frame(&mut self, ui: &mut egui::Ui) {
        self.take_events(ui.ctx());
        if self.session.settings.ui_scale != ui.ctx().zoom_factor() {
            ui.ctx().set_zoom_factor(self.session.settings.ui_scale);
        }
        while let Some(actions) = self.window.handle_next_event(ui.ctx(), &self.session) {
            actions
                .into_iter()
                .for_each(|action| self.session.apply_action(action));
        }
        let mut actions = self.window.show_frame(ui, &self.session);
        self.window.request_screenshot(ui.ctx());
        let dropped: Vec<PathBuf> = ui.input(|i| {
            i.raw
                .dropped_files
                .iter()
                .map(|f| f.path().to_owned())
                .collect()
        });
        if !dropped.is_empty() {
            actions.push(Action::Open(dropped));
        }
        let acted = !actions.is_empty();
        actions
            .into_iter()
            .for_each(|action| self.session.apply_action(action));
        self.hand_out_jobs();
        if acted {
            // Show the result of the actions at once.
            ui.ctx().request_repaint();
        }
        if !self.window.has_pointer_on_messages()
            && let Some(wait) = self.session.notices.drop_expired(Instant::now())
        {
            ui.ctx().request_repaint_after(wait);
        }
    }

    fn take_events(&mut self, ctx: &egui::Context) {
        let begun = Instant::now();
        while begun.elapsed() < EVENTS_TIME {
            match self.worker.poll_event() {
                Some(event) => {
                    if matches!(event, Event::Loaded { .. }) {
                        self.frame_log
                            .iter_mut()
                            .for_each(FrameLog::log_first_picture);
                    }
                    self.session.on_event(event);
                }
                None => return self.hand_out_jobs(),
            }
        }
        self.hand_out_jobs();
        ctx.request_repaint();
    }

    fn hand_out_jobs(&mut self) {
        let mut has_step = false;
        for job in self.session.take_jobs() {
            has_step |= matches!(
                job,
                Job::Store(StoreJob::Append { .. } | StoreJob::SetUndone { .. })
            );
            match job {
                Job::Dialog(pick) => {
                    if let Err(error) = self
                        .worker
                        .spawn_detached("labrum-dialog", move || dialog::show_picker(pick))
                    {
                        self.session.show_error(&error);
                    }
                }
                job => self.worker.submit_job(job),
            }
        }
        if has_step {
            // Steps are saved before the next frame, but a slow disk must not block the window.
            self.worker.wait_until_stored(STORE_TIME);
        }
    }
}

impl eframe::App for LabrumApp {
    /// Also called while the window is hidden, so that segmentation and training continue.
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        if let Some(frame_log) = &mut self.frame_log {
            frame_log.begin_frame(frame.info().cpu_usage);
        }
        self.take_events(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        if let Some(place) = self.place.track_window(ui.ctx()) {
            self.session.apply_action(Action::SetWindowPlace(place));
        }
        self.run_frame(ui);
        self.frame_log.iter_mut().for_each(FrameLog::end_frame);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
