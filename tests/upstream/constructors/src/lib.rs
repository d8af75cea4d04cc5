//! A thousand entries that register themselves, and two exports that have nothing to do with them.

pub struct Entry(pub u32);

inventory::collect!(Entry);

macro_rules! ten {
    ($($item:tt)*) => { $($item)* $($item)* $($item)* $($item)* $($item)* $($item)* $($item)* $($item)* $($item)* $($item)* };
}

ten! { ten! { ten! { inventory::submit! { Entry(1) } } } }

#[unsafe(no_mangle)]
pub extern "C" fn registered() -> u32 {
    inventory::iter::<Entry>.into_iter().map(|entry| entry.0).sum()
}

#[unsafe(no_mangle)]
pub extern "C" fn add(a: u32, b: u32) -> u32 {
    a.wrapping_add(b)
}

#[cfg(feature = "once")]
#[unsafe(no_mangle)]
pub extern "C" fn start() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the host calls this once, before any other export.
    unsafe { __wasm_call_ctors() };
}
