//! Makes the program that is shipped smaller on Linux: without the names of its functions, and with equal functions once.
//!
//! `strip` in the profile would do the first, but does not reach a package whose level of optimisation is set apart from
//! the others'. With `LABRUM_SYMBOLS=1` names stay, and `RUST_BACKTRACE=1` says what was called.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LABRUM_SYMBOLS");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|of_build| of_build == value);
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    if !is("LABRUM_SYMBOLS", "1") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
    if links_with_lld() {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// True where rustc links with its own lld, as it does here since 1.90 unless it is told otherwise: other linkers may not
/// know what folds equal functions.
fn links_with_lld() -> bool {
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_chosen = ["linker", "fuse-ld", "link-self-contained"]
        .iter()
        .any(|word| flags.contains(word));
    target == "x86_64-unknown-linux-gnu" && env::var_os("RUSTC_LINKER").is_none() && !is_chosen
}
