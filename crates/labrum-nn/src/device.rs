//! Which device the network runs on, and why.

use burn::tensor::Device;
use burn_wgpu::WgpuSetup;
pub use labrum_core::device::DeviceChoice;
use labrum_core::{Error, Result};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

/// A device with the name that is shown to people.
#[derive(Clone, Debug)]
pub struct NamedDevice {
    /// burn's handle.
    pub(crate) device: Device,
    /// "CPU (4 threads)", "NVIDIA GeForce RTX 4090 (Vulkan)".
    pub name: String,
}

impl NamedDevice {
    /// The CPU, which is always there.
    pub fn cpu() -> Self {
        let threads = rayon::current_num_threads();
        let plural = if threads == 1 { "" } else { "s" };
        Self {
            device: Device::flex(),
            name: format!("CPU ({threads} thread{plural})"),
        }
    }

    /// True for the CPU.
    pub fn is_cpu(&self) -> bool {
        is_cpu(&self.device)
    }
}

/// True for burn-flex, with or without autodiff.
pub(super) fn is_cpu(device: &Device) -> bool {
    matches!(
        device.clone().inner().as_dispatch(),
        burn::backend::DispatchDevice::Flex(_)
    )
}

/// How many threads compute on the CPU, all cores for `None`. Counts when it comes before any work; later calls change
/// nothing.
pub fn use_threads(count: Option<NonZeroUsize>) {
    let pool = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("labrum-compute-{i}"));
    if let Err(error) = pool
        .num_threads(count.map_or(0, NonZeroUsize::get))
        .build_global()
    {
        log::warn!("the number of threads stays as it was: {error}");
    }
}

/// Picks the device. A software adapter counts as no GPU unless the GPU was asked for.
pub fn select_available(choice: DeviceChoice) -> Result<NamedDevice> {
    match choice {
        DeviceChoice::Cpu => Ok(NamedDevice::cpu()),
        DeviceChoice::Gpu => find_gpu(),
        DeviceChoice::Auto if has_real_gpu() => Ok(find_gpu().unwrap_or_else(|error| {
            log::warn!("{error}");
            NamedDevice::cpu()
        })),
        DeviceChoice::Auto => Ok(NamedDevice::cpu()),
    }
}

fn has_real_gpu() -> bool {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    // OpenGL looks for a display, which it tells of on stderr, and computes nothing.
    descriptor.backends &= wgpu::Backends::PRIMARY;
    let adapters = pollster::block_on(
        wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::PRIMARY),
    );
    let is_gpu = |a: &wgpu::Adapter| {
        matches!(
            a.get_info().device_type,
            wgpu::DeviceType::DiscreteGpu
                | wgpu::DeviceType::IntegratedGpu
                | wgpu::DeviceType::VirtualGpu
        )
    };
    adapters.iter().any(is_gpu)
}

/// The GPU device of this process: wgpu's runtime can be set up only once.
static GPU: Mutex<Option<NamedDevice>> = Mutex::new(None);

fn find_gpu() -> Result<NamedDevice> {
    let mut known = GPU.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = known.as_ref() {
        return Ok(device.clone());
    }
    let (device, WgpuSetup { adapter, .. }) =
        Device::wgpu_options().init_with_setup().map_err(|e| {
            Error::new("start the network on the GPU", e)
                .with_advice("Choose the CPU in the settings or with --device cpu.")
        })?;
    let info = adapter.get_info();
    let device = NamedDevice {
        device,
        name: format!("{} ({:?})", info.name, info.backend),
    };
    Ok(known.insert(device).clone())
}

/// What a caught panic of burn on `device` means to the user.
pub(super) fn panic_to_error(
    device: &NamedDevice,
    tried: &str,
    panic: &(dyn std::any::Any + Send),
) -> Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    let reason = text
        .unwrap_or("unknown failure")
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let error = Error::new(format!("{tried} on {}", device.name), reason);
    if device.is_cpu() {
        error
    } else {
        error.with_advice("Choose the CPU in the settings or with --device cpu.")
    }
}
