//! Weights: safetensors with a card, and PyTorch's pickles.
#![no_main]

use labrum_fuzz::with_file;
use labrum_nn::weights;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = weights::read_card(bytes);
    for ending in ["pth", "safetensors"] {
        let read = with_file(bytes, ending, weights::read_model);
        let _ = read.and_then(|(_, weights)| weights::detect_architecture(&weights));
    }
});
