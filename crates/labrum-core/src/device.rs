//! What the user wants the network to run on.

use serde::{Deserialize, Serialize};

/// The choice of device, in the settings and on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A real GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// Whatever adapter wgpu finds, a software one too; an error where there is none.
    Gpu,
}
