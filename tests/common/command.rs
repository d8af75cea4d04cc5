//! The command line as it was just built.

use std::process::Command;

/// A run of it in the root, where people stand.
pub fn xception() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xception"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    command
}
