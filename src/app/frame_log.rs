//! Writes the duration of frames to the file named by `LABRUM_FRAME_LOG`, for performance measurements.

use std::{
    env, fmt,
    fs::{self, File},
    io::{BufWriter, Write},
    mem,
    path::Path,
    time::Instant,
};

/// One line per frame, as docs/hands.md describes it. The first image adds a line `picture` with milliseconds since the
/// start.
pub(super) struct FrameLog {
    out: BufWriter<File>,
    begun: Instant,
    frame: FrameBegin,
    is_first_picture: bool,
}

/// What is known at the beginning of a frame.
struct FrameBegin {
    at: Instant,
    cpu_ms: Option<f64>,
    /// Duration of the whole frame before it in milliseconds, with painting.
    ms_before: Option<f64>,
}

impl FrameBegin {
    fn now(ms_before: Option<f64>) -> Self {
        Self {
            at: Instant::now(),
            cpu_ms: cpu_ms(),
            ms_before,
        }
    }
}

impl FrameLog {
    pub(super) fn from_environment() -> Option<Self> {
        let path = env::var_os("LABRUM_FRAME_LOG")?;
        Self::create(Path::new(&path))
            .inspect_err(|e| log::warn!("cannot write the frame log: {e}"))
            .ok()
    }

    fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            out: BufWriter::new(File::create(path)?),
            begun: Instant::now(),
            frame: FrameBegin::now(None),
            is_first_picture: true,
        })
    }

    /// Call at the beginning of a frame, with the duration in seconds of the whole frame before it.
    pub(super) fn begin_frame(&mut self, seconds_before: Option<f32>) {
        self.frame = FrameBegin::now(seconds_before.map(|seconds| f64::from(seconds) * 1000.0));
    }

    /// Call when an image was loaded; only the first is logged.
    pub(super) fn log_first_picture(&mut self) {
        if mem::take(&mut self.is_first_picture) {
            self.write_line(format_args!("picture {:.1}", elapsed_ms(self.begun)));
        }
    }

    /// Call at the end of a frame.
    pub(super) fn end_frame(&mut self) {
        let clock = elapsed_ms(self.frame.at);
        let cpu = cpu_ms()
            .zip(self.frame.cpu_ms)
            .map_or(clock, |(end, begin)| end - begin);
        let before = match self.frame.ms_before {
            Some(ms) => format!("{ms:.3}"),
            None => "-".to_owned(),
        };
        self.write_line(format_args!(
            "{:.1} {clock:.3} {cpu:.3} {before}",
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn each_frame_is_a_line_of_times_and_the_first_image_is_noted_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames");
        let mut log = FrameLog::create(&path).unwrap();
        log.begin_frame(None);
        log.log_first_picture();
        log.end_frame();
        log.begin_frame(Some(0.0125));
        log.log_first_picture();
        log.end_frame();

        // The log is still open: each line is in the file at once.
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(' ').collect()).collect();
        let [picture, first, second] = lines.as_slice() else {
            panic!("{text}");
        };
        assert_eq!(picture[0], "picture");
        assert_eq!((first[3], second[3]), ("-", "12.500"));
        for frame in [first, second] {
            let times: Vec<f64> = frame[..3]
                .iter()
                .map(|word| word.parse().unwrap())
                .collect();
            assert!(times.iter().all(|ms| *ms >= 0.0), "{text}");
            assert!(times[1] <= times[0] + 0.1, "a frame ends after it began");
        }
    }
}
