//! Ids: hashes of what they name, which anybody can work out again, and new ones.

use highwater_engine::{Name, Timestamp};
use sha2::{Digest, Sha256};

/// 32 hexadecimal digits of the SHA-256 of the parts. Each part's length goes in before it, so that no two lists of parts
/// are one. Names come from logs, so the hash withstands whoever writes those.
pub(crate) fn id_of(parts: &[&[u8]]) -> Name {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..16]).into()
}

/// A new id that nobody guesses; later ones sort later.
pub(crate) fn new_id(now: Timestamp) -> Name {
    format!("{:016x}{:016x}", now.as_micros(), rand::random::<u64>()).into()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(id_of(&[b"ab", b"c"]), id_of(&[b"a", b"bc"]));
        assert_ne!(id_of(&[b"a"]), id_of(&[b"a", b""]));
        assert_eq!(id_of(&[]).as_str(), "e3b0c44298fc1c149afbf4c8996fb924");
    }
}
