//! The program's own log, to stderr; and what happens when a thread panics.

use std::{backtrace::Backtrace, io::IsTerminal, panic};

use tracing_subscriber::EnvFilter;

/// How the program's own log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogStyle {
    /// For people.
    #[default]
    Text,
    /// An object per line, for machines.
    Json,
}

/// Whether a filter as `logging.level` holds it can be read.
pub(crate) fn filter(directives: &str) -> Option<EnvFilter> {
    EnvFilter::try_new(directives).ok()
}

/// Begins to write the log. `redrawn` is where a status line must make way first.
pub(crate) fn start(directives: &str, style: LogStyle) {
    let filter = filter(directives).unwrap_or_else(|| EnvFilter::new("warn"));
    let ansi = std::io::stderr().is_terminal() && crate::status::colours_allowed();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(crate::status::LogWriter::new);
    // a second subscriber (in tests) is none
    let _ = match style {
        LogStyle::Text => builder.with_ansi(ansi).try_init(),
        LogStyle::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// A panic is logged and ends the process: a worker that is gone would leave its peers waiting for it.
pub(crate) fn abort_on_panic() {
    panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("no message");
        // timely has no other way to say so
        if place.contains("timely_communication") && !message.starts_with("timely communication error") {
            tracing::error!(thread = name, place, "{message}");
            let what = "whoever connected to the port for other processes is none of them; strangers must not reach it";
            crate::status::to_stderr(&format!("highwater: {what}\n"));
            std::process::exit(1);
        }
        if message.starts_with("timely communication error") {
            tracing::error!(thread = name, "{message}");
            crate::status::to_stderr("highwater: another process of the job is gone, so this one ends too\n");
            std::process::exit(1);
        }
        let backtrace = Backtrace::capture();
        tracing::error!(thread = name, place, %backtrace, "panic: {message}; this is a bug in Highwater or in a query");
        crate::status::to_stderr(&format!("highwater: thread {name} panicked at {place}: {message}\n"));
        std::process::abort();
    }));
}
