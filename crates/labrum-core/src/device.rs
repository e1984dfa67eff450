//! The device that the network runs on.

use serde::{Deserialize, Serialize};

/// Choice of device, in the settings and on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A hardware GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// Any adapter that wgpu finds, including software adapters; an error if there is none.
    Gpu,
}
