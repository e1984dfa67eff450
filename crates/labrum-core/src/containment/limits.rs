//! Resource limits that a child sets on itself before it reads anything, so that an exploit in a decoder is bound too.

/// Sets permanent limits for this process. `memory`: bytes that it may still allocate from the system.
///
/// A limit that the system refuses is ignored; the others still hold.
#[cfg(unix)]
pub(super) fn restrict_process(memory: usize) {
    use rustix::process::{Resource, setrlimit};
    let _ = setrlimit(Resource::Core, final_limit(0));
    let _ = setrlimit(Resource::Fsize, final_limit(0));
    if cfg!(target_os = "linux")
        && let Some(now) = address_space()
    {
        let _ = setrlimit(Resource::As, final_limit(now.saturating_add(memory as u64)));
    }
}

/// A limit that the process cannot raise again: hard and soft limit are equal.
#[cfg(unix)]
fn final_limit(bytes: u64) -> rustix::process::Rlimit {
    rustix::process::Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    }
}

/// On other systems only the allocator's limit holds.
#[cfg(not(unix))]
pub(super) fn restrict_process(_memory: usize) {}

/// Bytes of address space that the process has reserved, most of them unused.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let kilobytes: u64 = size.trim().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1024)
}
