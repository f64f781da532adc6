//! Ids that anybody can work out again: hashes of what they name.

use highwater_engine::Name;
use highwater_metadata::hexadecimal;
use sha2::{Digest, Sha256};

/// 32 hexadecimal digits of the SHA-256 of the parts. Each part's length goes in before it, so that no two lists of parts
/// are one. Names come from logs, so the hash withstands whoever writes those.
pub(crate) fn id_of(parts: &[&[u8]]) -> Name {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hexadecimal(&hash.finalize()[..16]).into()
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
