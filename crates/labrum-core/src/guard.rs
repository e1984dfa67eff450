//! Panics as values: runs third-party decoders so that a panic becomes an error and prints nothing, and says why one
//! happened.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` if it panicked.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                loud(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    // Unwind safety: nothing that the decoder touched is used after a panic.
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    QUIET.set(before);
    result
}

/// The first line of the message of a caught panic.
pub fn panic_reason(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    let first = text.and_then(|text| text.lines().next());
    first.unwrap_or("unknown error").to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_becomes_none() {
        assert_eq!(catch_panic(|| 3), Some(3));
        assert_eq!(catch_panic(|| -> u8 { panic!("a broken decoder") }), None);
    }

    #[test]
    fn the_reason_of_a_panic_is_its_first_line() {
        let message = "out of memory\nat line 3";
        for panic in [
            Box::new(message) as Box<dyn Any + Send>,
            Box::new(message.to_owned()),
        ] {
            assert_eq!(panic_reason(panic.as_ref()), "out of memory");
        }
        assert_eq!(panic_reason(&3), "unknown error");
    }
}
