//! Putting a log together again, from its columns and its rest.

use highwater_engine::{Level, Timestamp};
use tantivy::{
    DocAddress, DocId, TantivyError,
    schema::document::{DeserializeError, DocumentDeserialize, DocumentDeserializer},
};

use crate::{
    StoreError, StoredLog,
    collect::Segment,
    columns::{Ids, text_column},
    rest,
    schema::Fields,
};

/// The log of a document.
pub(crate) fn fetch(segment: &Segment, ids: &mut Ids, doc: DocId) -> Result<StoredLog, StoreError> {
    let reader = segment.reader();
    let columns = reader.fast_fields();
    let services = text_column(reader, "service")?;
    let mut service = String::new();
    if let Some(ordinal) = services.ords().first(doc) {
        services.ord_to_str(ordinal, &mut service).map_err(TantivyError::from)?;
    }
    let level = columns.u64("level")?.first(doc).unwrap_or_default();
    let held = rest::Columns {
        id: ids.id(doc),
        timestamp: Timestamp::from_micros(segment.times.first(doc).unwrap_or_default()),
        level: Level::ALL.get(level as usize).copied().unwrap_or_default(),
        service,
        latency_micros: columns.column_opt::<u64>("latency")?.and_then(|latencies| latencies.first(doc)),
    };
    let address = DocAddress::new(segment.number, doc);
    let document: Stored = segment.searcher.doc(address)?;
    let unreadable = || TantivyError::InternalError("a stored log cannot be read".to_owned());
    Ok(rest::decode(held, &document.0).ok_or_else(unreadable)?)
}

/// The rest of a log, as it is stored.
struct Stored(Vec<u8>);

impl DocumentDeserialize for Stored {
    fn deserialize<'de, D>(mut from: D) -> Result<Self, DeserializeError>
    where
        D: DocumentDeserializer<'de>,
    {
        let mut rest = Vec::new();
        while let Some((field, bytes)) = from.next_field::<Vec<u8>>()? {
            if field == Fields::get().rest {
                rest = bytes;
            }
        }
        Ok(Stored(rest))
    }
}
