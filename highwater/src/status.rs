//! What the terminal shows: lines that scroll, and a status line that stays at the bottom and is redrawn in place.
//!
//! Everything the program writes for people goes through here, so that the status line makes way for it.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The status line as it stands; empty where there is none.
static STATUS: Mutex<String> = Mutex::new(String::new());
/// Whether standard output is taken by something else, such as a sink.
static STDOUT_IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// To the first column, and nothing to the right of it.
const CLEAR: &str = "\r\x1b[2K";

/// From now on, what is for people goes to stderr: standard output belongs to a sink.
pub(crate) fn leave_stdout() {
    STDOUT_IS_TAKEN.store(true, Ordering::Relaxed);
}

/// Whether people watch.
pub(crate) fn is_terminal() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !dumb
        && if STDOUT_IS_TAKEN.load(Ordering::Relaxed) { io::stderr().is_terminal() } else { io::stdout().is_terminal() }
}

/// Whether colours may be used where people watch: see no-color.org.
pub(crate) fn colours_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes lines, above the status line.
pub(crate) fn say(text: &str) {
    let status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    if status.is_empty() {
        write(&format!("{text}\n"));
    } else {
        write(&format!("{CLEAR}{text}\n{}", drawn(&status)));
    }
}

/// Draws the status line anew.
pub(crate) fn show(text: String) {
    let mut status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    *status = text;
    write(&format!("{CLEAR}{}", drawn(&status)));
}

/// Takes the status line away.
pub(crate) fn clear() {
    let mut status = STATUS.lock().unwrap_or_else(PoisonError::into_inner);
    if !status.is_empty() {
        status.clear();
        write(CLEAR);
    }
}

/// Writes to stderr as it stands, the status line making way.
pub(crate) fn to_stderr(text: &str) {
    // a panic may come while the lock is held
    let status = STATUS.try_lock().map(|status| status.clone()).unwrap_or_default();
    if !status.is_empty() {
        write(CLEAR);
    }
    let _ = io::stderr().write_all(text.as_bytes());
    if !status.is_empty() {
        write(&drawn(&status));
    }
}

/// Without wrapping: a line that is too long for the terminal is cut, or clearing it would leave parts behind.
fn drawn(status: &str) -> String {
    format!("\x1b[?7l{status}\x1b[?7h")
}

/// A terminal that is gone is no reason to end.
fn write(text: &str) {
    if STDOUT_IS_TAKEN.load(Ordering::Relaxed) {
        let _ = io::stderr().write_all(text.as_bytes());
    } else {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// Where the program's own log goes: a line at a time, to stderr.
pub(crate) struct LogWriter(Vec<u8>);

impl LogWriter {
    pub(crate) fn new() -> Self {
        LogWriter(Vec::new())
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        to_stderr(&String::from_utf8_lossy(&self.0));
    }
}
