//! What a child forbids itself before it reads anything, so that whatever takes it over cannot do it either.

/// Sets the limits of this process for good. `memory`: bytes that it may still ask the system for.
///
/// A system that refuses a limit does not stop the child: the others hold.
#[cfg(unix)]
pub(super) fn restrict_process(memory: usize) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let at_most = |bytes: u64| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    let _ = setrlimit(Resource::Core, at_most(0));
    let _ = setrlimit(Resource::Fsize, at_most(0));
    if cfg!(target_os = "linux")
        && let Some(now) = address_space()
    {
        let _ = setrlimit(Resource::As, at_most(now.saturating_add(memory as u64)));
    }
}

/// Elsewhere the allocator's limit alone holds.
#[cfg(not(unix))]
pub(super) fn restrict_process(_memory: usize) {}

/// Bytes of address space that the process has taken, most of them never used.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let size = status
        .lines()
        .find_map(|line| line.strip_prefix("VmSize:"))?;
    let kilobytes: u64 = size.trim().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1024)
}
