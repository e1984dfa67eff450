//! Killed at any moment, the program loses no saved work: children work on a workspace until they
//! are killed.

#![allow(clippy::unwrap_used, clippy::panic)]

mod editor;
mod store;

use std::{io::Read, process::Child};

/// Panics with the error output of a child that ended by itself.
fn fail(child: &mut Child) -> ! {
    let mut words = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    panic!("the child ended by itself: {words}");
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
