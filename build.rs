//! Leaves the names of functions out of the program that is shipped: a third of its size on Linux.
//!
//! `strip` in the profile would do, but does not reach a package whose level of optimisation is set apart from the others'.
//! With `LABRUM_SYMBOLS=1` they stay, and `RUST_BACKTRACE=1` names what was called.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LABRUM_SYMBOLS");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|of_build| of_build == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && !is("LABRUM_SYMBOLS", "1") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}
