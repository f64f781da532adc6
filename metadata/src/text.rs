//! What a name that people give may be.

use crate::error::Error;

/// The longest name, in characters.
pub const MAX_NAME_CHARS: usize = 200;

/// Any text of a line. PostgreSQL keeps no NUL, and nobody can read the other control characters.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid("name", "empty".into()));
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(Error::invalid("name", format!("longer than {MAX_NAME_CHARS} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "has control characters".into()));
    }
    Ok(())
}

/// Any text, but for the one character that PostgreSQL keeps nowhere.
pub(crate) fn check_text(field: &'static str, text: &str) -> Result<(), Error> {
    if text.contains('\0') { Err(Error::invalid(field, "has a NUL character".into())) } else { Ok(()) }
}
