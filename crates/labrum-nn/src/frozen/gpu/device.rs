//! The device of the frozen network: memory on it, and sizes of launches.

use super::quad::THREADS;
use burn::tensor::{Bytes, DType, Shape};
use burn_wgpu::CubeTensor;
use cubecl::{
    CubeCount, CubeDim, Device as CubeDevice, calculate_cube_count_elemwise, client::Client,
    server::Handle,
};

/// A GPU, as cubecl knows it.
pub(super) struct Gpu {
    pub client: Client,
    device: CubeDevice,
}

impl Gpu {
    pub(super) fn new(device: CubeDevice) -> Self {
        Self {
            client: device.client(),
            device,
        }
    }

    /// Copies values to the device.
    pub(super) fn upload(&self, values: Vec<f32>) -> CubeTensor {
        let shape = [values.len()];
        let handle = self.client.create(Bytes::from_elems(values));
        self.view(handle, shape)
    }

    /// Uninitialised memory for a tensor.
    pub(super) fn empty(&self, shape: impl Into<Shape>) -> CubeTensor {
        let shape = shape.into();
        let handle = self.empty_buffer(shape.num_elements());
        self.view(handle, shape)
    }

    /// Uninitialised memory for this number of values.
    pub(super) fn empty_buffer(&self, values: usize) -> Handle {
        self.client.empty(values * size_of::<f32>())
    }

    /// A tensor at the beginning of a buffer, which has to be large enough.
    pub(super) fn view(&self, buffer: Handle, shape: impl Into<Shape>) -> CubeTensor {
        CubeTensor::new_contiguous(
            self.client.clone(),
            self.device.clone(),
            shape.into(),
            buffer,
            DType::F32,
        )
    }

    /// Cubes for `tiles` tiles that `parts` threads share each.
    pub(super) fn launch_size(&self, tiles: usize, parts: usize) -> (CubeCount, CubeDim) {
        let threads = CubeDim::new_1d(THREADS as u32);
        let count = calculate_cube_count_elemwise(&self.client, tiles * parts, threads);
        (count, threads)
    }
}
