//! Ids that the program makes.

use std::fmt::Write;

use crate::error::Error;

/// 16 random bytes in hexadecimal digits: nobody else's, and not to be guessed.
pub fn new_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|cause| Error::Random(cause.to_string()))?;
    Ok(hexadecimal(&bytes))
}

/// Whether a text could be one that [`new_id`] made. What cannot be need not be looked for.
pub fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes anything
        text
    })
}
