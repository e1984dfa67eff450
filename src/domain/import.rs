//! Masks of others: what is to be taken of them.

use serde::{Deserialize, Serialize};

/// What a user chose about masks that are taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskChoice {
    /// Of pictures: pixels of so much and more are label 1, all others background.
    pub threshold: Option<u16>,
    /// Of label maps: each label keeps its value, also where values between are no labels; else the labels are numbered anew.
    pub keep_values: bool,
}
