//! How long frames take on the CPU, written to the file that `LABRUM_FRAME_LOG` names: to measure, not to use.

use std::{
    fs::File,
    io::{BufWriter, Write},
    time::{Duration, Instant},
};

/// One line for each frame: milliseconds since the start, of the update, of the whole frame before it.
pub(super) struct FrameLog {
    out: BufWriter<File>,
    begun: Instant,
}

impl FrameLog {
    pub(super) fn from_environment() -> Option<Self> {
        let path = std::env::var_os("LABRUM_FRAME_LOG")?;
        let file = File::create(&path).inspect_err(|e| log::warn!("cannot write the frame log: {e}")).ok()?;
        Some(Self { out: BufWriter::new(file), begun: Instant::now() })
    }

    pub(super) fn write(&mut self, update: Duration, frame_before: Option<f32>) {
        let at = self.begun.elapsed().as_secs_f64() * 1000.0;
        let whole = frame_before.unwrap_or(0.0) * 1000.0;
        let written = writeln!(self.out, "{at:.1} {:.3} {whole:.3}", update.as_secs_f64() * 1000.0);
        // Each line counts: the log is read while the app runs.
        if let Err(e) = written.and_then(|()| self.out.flush()) {
            log::warn!("cannot write the frame log: {e}");
        }
    }
}
