//! Ctrl-C and SIGTERM.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// What a shell sees of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Calls `stop` at the first signal to end; the second ends the process at once.
///
/// # Errors
/// Where signals cannot be had.
pub(crate) fn on_stop(stop: impl FnOnce() + Send + 'static) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().context("cannot wait for signals")?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        let of = |kind| signal(kind).context("cannot wait for signals");
        (of(SignalKind::interrupt())?, of(SignalKind::terminate())?)
    };
    let wait = move || {
        let mut next = || {
            runtime.block_on(async {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            });
        };
        next();
        stop();
        next();
        crate::status::clear();
        std::process::exit(INTERRUPTED);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).context("cannot wait for signals")?;
    Ok(())
}
