//! Writes the duration of frames to the file named by `LABRUM_FRAME_LOG`, for performance measurements.

use std::{
    env, fmt,
    fs::{self, File},
    io::{BufWriter, Write},
    mem,
    time::Instant,
};

/// One line per frame: milliseconds since the start, then wall-clock and CPU milliseconds of the update (equal if the
/// system does not report CPU time). The first image adds a line `picture` with milliseconds since the start.
pub(super) struct FrameLog {
    out: BufWriter<File>,
    begun: Instant,
    frame: (Instant, Option<f64>),
    is_first_picture: bool,
}

impl FrameLog {
    pub(super) fn from_environment() -> Option<Self> {
        let path = env::var_os("LABRUM_FRAME_LOG")?;
        let file = File::create(&path)
            .inspect_err(|e| log::warn!("cannot write the frame log: {e}"))
            .ok()?;
        let now = Instant::now();
        Some(Self {
            out: BufWriter::new(file),
            begun: now,
            frame: (now, None),
            is_first_picture: true,
        })
    }

    /// Call at the beginning of a frame.
    pub(super) fn begin_frame(&mut self) {
        self.frame = (Instant::now(), cpu_ms());
    }

    /// Call when an image was loaded; only the first is logged.
    pub(super) fn log_first_picture(&mut self) {
        if mem::take(&mut self.is_first_picture) {
            self.write_line(format_args!("picture {:.1}", elapsed_ms(self.begun)));
        }
    }

    /// Call at the end of a frame.
    pub(super) fn end_frame(&mut self) {
        let clock = elapsed_ms(self.frame.0);
        let cpu = cpu_ms()
            .zip(self.frame.1)
            .map_or(clock, |(end, begin)| end - begin);
        self.write_line(format_args!(
            "{:.1} {clock:.3} {cpu:.3}",
            elapsed_ms(self.begun)
        ));
    }

    fn write_line(&mut self, text: fmt::Arguments<'_>) {
        // Flush: the log is read while the app runs.
        if let Err(e) = writeln!(self.out, "{text}").and_then(|()| self.out.flush()) {
            log::warn!("cannot write the frame log: {e}");
        }
    }
}

fn elapsed_ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// CPU time of this thread in milliseconds; available on Linux only.
fn cpu_ms() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e6)
}
