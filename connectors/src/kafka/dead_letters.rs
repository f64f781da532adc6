//! Dead letters as records.

use highwater_engine::{DeadLetter, Epoch, SinkError};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::BaseRecord,
};

use super::outbox::Outbox;

/// Sends a dead letter: the record's first bytes as they came, and where it came from in the headers.
pub(crate) fn send(outbox: &mut Outbox, topic: &str, epoch: Epoch, letter: &DeadLetter) -> Result<(), SinkError> {
    let [partition, next_offset, length, epoch] =
        [letter.partition.to_string(), letter.next_offset.to_string(), letter.length.to_string(), epoch.to_string()];
    let headers = OwnedHeaders::new_with_capacity(6)
        .insert(Header { key: "highwater-reason", value: Some(letter.reason.label()) })
        .insert(Header { key: "highwater-source", value: Some(letter.source.as_str()) })
        .insert(Header { key: "highwater-partition", value: Some(partition.as_str()) })
        .insert(Header { key: "highwater-next-offset", value: Some(next_offset.as_str()) })
        .insert(Header { key: "highwater-length", value: Some(length.as_str()) })
        .insert(Header { key: "highwater-epoch", value: Some(epoch.as_str()) });
    let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic)
        .payload(letter.bytes.as_slice())
        .timestamp(letter.received.as_micros() / 1000)
        .headers(headers);
    outbox.send(record)
}
