//! The allocator of the command; a library must not choose one.

use std::ffi::c_long;

// Runs free large buffers on other threads than those that asked for them, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, which the crate has no name for: milliseconds after which freed memory goes
/// back to the system; -1 for never.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
const NEVER: c_long = -1;

/// Keeps freed memory until the process ends, unless `MIMALLOC_PURGE_DELAY` says otherwise: a run asks for as much again
/// at once, and a fresh page costs a fault and the zeros that the system fills it with. Large pages, of which a part that
/// is used keeps all of it, are not asked for (the feature `no_thp`): a COG's peak is a fifth lower without them, and what is
/// kept is not faulted in anew.
#[allow(unsafe_code, reason = "the allocator's options are set by a function in C")]
pub(crate) fn keep() {
    // SAFETY: the call writes one number in a table of the allocator, and may come at any time.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, NEVER) }
}
