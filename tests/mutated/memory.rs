//! Peak resident memory, where the system reports it (Linux).

use labrum_core::containment;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Polls the child processes, because the peak of one that has ended cannot be read.
pub(crate) struct Meter {
    stop: Arc<AtomicBool>,
    peaks: Arc<Mutex<HashMap<u32, u64>>>,
    thread: Option<JoinHandle<()>>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        let (stop, peaks) = (
            Arc::<AtomicBool>::default(),
            Arc::<Mutex<HashMap<u32, u64>>>::default(),
        );
        let (stopped, all) = (stop.clone(), peaks.clone());
        let look = move || {
            while !stopped.load(Relaxed) {
                look(&all);
                thread::sleep(Duration::from_millis(5));
            }
        };
        Self {
            stop,
            peaks,
            thread: Some(thread::spawn(look)),
        }
    }

    /// Peak of the largest child in MB, and the number of children.
    pub(crate) fn end(mut self) -> (u64, usize) {
        self.stop.store(true, Relaxed);
        self.thread.take().unwrap().join().unwrap();
        look(&self.peaks);
        let peaks = self.peaks.lock().unwrap();
        (peaks.values().copied().max().unwrap_or(0), peaks.len())
    }
}

fn look(peaks: &Mutex<HashMap<u32, u64>>) {
    for child in containment::child_process_ids() {
        let peak = peak_mb(&child.to_string());
        let mut peaks = peaks.lock().unwrap();
        let known = peaks.entry(child).or_default();
        *known = peak.max(*known);
    }
}

/// Peak of the process with this ID or "self", in MB; 0 if the system does not report it.
pub(crate) fn peak_mb(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("0 kB");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .unwrap_or(0)
        / 1024
}
