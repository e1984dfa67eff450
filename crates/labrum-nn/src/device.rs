//! Selects the device that the network runs on: CPU or GPU.

use burn::tensor::Device;
use burn_wgpu::WgpuSetup;
pub use labrum_core::device::DeviceChoice;
use labrum_core::{Error, Result, guard};
use parking_lot::Mutex;
use std::{any, iter, num::NonZeroUsize};

/// A device with its display name.
#[derive(Clone, Debug)]
pub struct NamedDevice {
    /// The device as burn knows it.
    pub(crate) device: Device,
    /// Display name: "CPU (4 threads)", "NVIDIA GeForce RTX 4090 (Vulkan)".
    pub name: String,
    /// The queue of a GPU, which numbers what is submitted to it; `None` for the CPU.
    pub(crate) queue: Option<wgpu::Queue>,
}

impl NamedDevice {
    /// The CPU, which is always available.
    pub fn cpu() -> Self {
        let threads = rayon::current_num_threads();
        let plural = if threads == 1 { "" } else { "s" };
        Self {
            device: Device::flex(),
            name: format!("CPU ({threads} thread{plural})"),
            queue: None,
        }
    }

    /// True for the CPU.
    pub fn is_cpu(&self) -> bool {
        is_cpu(&self.device)
    }

    /// The device as burn knows it.
    pub fn burn_device(&self) -> &Device {
        &self.device
    }

    /// Submits no work to the GPU, and returns the number of that submission; `None` for the CPU, or if wgpu does not
    /// tell the number.
    pub(crate) fn submit_nothing(&self) -> Option<u64> {
        let index = self.queue.as_ref()?.submit(iter::empty());
        // The number is private; there is no other way to read it.
        let text = format!("{index:?}");
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    }
}

/// True for burn-flex, with or without autodiff.
pub(super) fn is_cpu(device: &Device) -> bool {
    matches!(
        device.clone().inner().as_dispatch(),
        burn::backend::DispatchDevice::Flex(_)
    )
}

/// Sets the number of CPU threads; `None` uses all cores. Call it before any computation: later calls have no effect.
pub fn use_threads(count: Option<NonZeroUsize>) {
    let pool = rayon::ThreadPoolBuilder::new().thread_name(|i| format!("labrum-compute-{i}"));
    if let Err(error) = pool
        .num_threads(count.map_or(0, NonZeroUsize::get))
        .build_global()
    {
        log::warn!("the number of CPU threads was not changed: {error}");
    }
}

/// Selects the device. `Auto` ignores software adapters; `Gpu` accepts them.
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
    // OpenGL cannot compute, and it prints to stderr while it looks for a display.
    descriptor.backends &= wgpu::Backends::PRIMARY;
    let adapters = pollster::block_on(
        wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::PRIMARY),
    );
    adapters.iter().any(is_hardware_gpu)
}

fn is_hardware_gpu(adapter: &wgpu::Adapter) -> bool {
    matches!(
        adapter.get_info().device_type,
        wgpu::DeviceType::DiscreteGpu
            | wgpu::DeviceType::IntegratedGpu
            | wgpu::DeviceType::VirtualGpu
    )
}

/// Number of launches that cubecl gives to a GPU as one submission: a forward pass of the largest network has fewer.
const LAUNCHES_AT_ONCE: usize = 64;

/// The GPU device of this process: wgpu's runtime can be initialised only once.
static GPU: Mutex<Option<NamedDevice>> = Mutex::new(None);

fn find_gpu() -> Result<NamedDevice> {
    let mut known = GPU.lock();
    if let Some(device) = known.as_ref() {
        return Ok(device.clone());
    }
    let (device, WgpuSetup { adapter, queue, .. }) = Device::wgpu_options()
        .tasks_max(LAUNCHES_AT_ONCE)
        .init_with_setup()
        .map_err(|e| {
            Error::new("use the GPU", e)
                .with_advice("Choose the CPU in the settings or with --device cpu.")
        })?;
    let info = adapter.get_info();
    let device = NamedDevice {
        device,
        name: format!("{} ({:?})", info.name, info.backend),
        queue: Some(queue),
    };
    Ok(known.insert(device).clone())
}

/// Turns a caught panic of burn on `device` into an error for the user.
pub(super) fn panic_to_error(
    device: &NamedDevice,
    tried: &str,
    panic: &(dyn any::Any + Send),
) -> Error {
    let error = Error::new(
        format!("{tried} on {}", device.name),
        guard::panic_reason(panic),
    );
    if device.is_cpu() {
        error
    } else {
        error.with_advice("Choose the CPU in the settings or with --device cpu.")
    }
}
