//! Entries of the store: their keys, their checksums, their encoding.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Epoch;

/// The keys of entries, in their order. Names hold no NUL.
pub(super) struct Key;

impl Key {
    /// What there is one of.
    pub(super) fn meta(name: &str) -> Vec<u8> {
        [b"m", name.as_bytes()].concat()
    }
    /// A base collection → its number.
    pub(super) fn collection(name: &str) -> Vec<u8> {
        [b"c", name.as_bytes()].concat()
    }
    /// A row of a base collection → its value.
    pub(super) fn row(collection: u32, row: &[u8]) -> Vec<u8> {
        [b"b", &collection.to_be_bytes()[..], row].concat()
    }
    /// What a sink was told of a key of a view → the record.
    pub(super) fn told(sink: &str, view: &str, key: &str) -> Vec<u8> {
        [b"t", sink.as_bytes(), b"\0", view.as_bytes(), b"\0", key.as_bytes()].concat()
    }
    /// What a sink has to be told of an epoch → the batch.
    pub(super) fn outbox(sink: &str, epoch: Epoch) -> Vec<u8> {
        [b"o", sink.as_bytes(), b"\0", &epoch.to_be_bytes()[..]].concat()
    }
    /// A sink → the newest epoch of its outbox that has arrived.
    pub(super) fn delivered(sink: &str) -> Vec<u8> {
        [b"d", sink.as_bytes()].concat()
    }
    /// All keys that begin so.
    pub(super) fn all(prefix: Vec<u8>) -> Range<Vec<u8>> {
        let mut end = prefix.clone();
        // no prefix is all 0xff: the first byte is a letter
        while end.pop_if(|last| *last == u8::MAX).is_some() {}
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        prefix..end
    }
}

/// Puts a checksum of key and value behind the value: redb's own checksums are not looked at when it reads.
pub(super) fn seal<'a>(key: &[u8], value: &[u8], into: &'a mut Vec<u8>) -> &'a [u8] {
    into.clear();
    into.extend_from_slice(value);
    into.extend_from_slice(&checksum(key, value).to_be_bytes());
    into
}

/// The value again, if it is the one that was sealed.
pub(super) fn unseal<'a>(key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], redb::Error> {
    match sealed.split_last_chunk() {
        Some((value, sum)) if u32::from_be_bytes(*sum) == checksum(key, value) => Ok(value),
        _ => Err(redb::Error::Corrupted("a row's checksum is wrong".to_owned())),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(key);
    sum.update(value);
    sum.finalize()
}

pub(super) fn unreadable(what: &str, cause: &postcard::Error) -> redb::Error {
    redb::Error::Corrupted(format!("{what}: {cause}"))
}

pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, redb::Error> {
    postcard::to_stdvec(value).map_err(|error| redb::Error::Io(std::io::Error::other(error)))
}

pub(super) fn decode<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, redb::Error> {
    postcard::from_bytes(bytes).map_err(|cause| unreadable("an entry", &cause))
}
