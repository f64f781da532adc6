//! `GET /logs/export`: any number of logs, a piece at a time.

use std::io;

use bytes::Bytes;
use futures_util::StreamExt;
use highwater_engine::Snapshot;
use highwater_logstore::{LogStore, Search};
use http::{HeaderValue, header};
use tokio::sync::mpsc;

use super::{
    asked::Asked,
    failed,
    marks::Marks,
    sheet::{Format, Sheet, SheetError},
    store,
};
use crate::{
    call::Call,
    error::Problem,
    metrics_api::now,
    operation::{Kind, Param},
    reply::{Response, at_epoch, streamed},
};

pub(super) const LIMIT: Param =
    Param::query("limit", Kind::Whole { least: 0, most: 1 << 48, usual: None }, "How many, at most; else all");
pub(super) const FORMAT: Param = Param::query(
    "format",
    Kind::OneOf(|| FORMATS.iter().map(|(name, _)| *name).collect(), Some("ndjson")),
    "An object a line, or a row a log",
);

const FORMATS: [(&str, Format); 2] = [("ndjson", Format::Lines), ("csv", Format::Csv)];

/// Bytes of a piece, about.
const PIECE: usize = 64 << 10;
/// Pieces that wait for the connection.
const WAITING: usize = 4;

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Lines => "application/x-ndjson",
        Format::Csv => "text/csv; charset=utf-8; header=present",
    }
}

fn disposition(format: Format) -> &'static str {
    match format {
        Format::Lines => "attachment; filename=\"logs.ndjson\"",
        Format::Csv => "attachment; filename=\"logs.csv\"",
    }
}

type Piece = Result<Vec<u8>, Problem>;

/// A reader that is slow slows the search; one that is gone ends it. Where the store fails on the way the answer breaks
/// off, lest it pass for whole.
pub(super) async fn export(call: Call) -> Result<Response, Problem> {
    let Call { state, params, .. } = &call;
    let store = store(state)?;
    let format = params.choice(FORMAT.name, &FORMATS)?.unwrap_or(Format::Lines);
    let asked = Asked::from_params(params, &LIMIT)?;
    let snapshot = state.views.snapshot();
    let search = asked.search(now(&snapshot, None), 0)?;
    let limit = asked.limit().unwrap_or(usize::MAX);
    let place = state.exporting.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("too many exports are under way; try again when one is over"))?;

    let epoch = snapshot.epoch;
    let (out, mut pieces) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        write(&store, &snapshot, &search, limit, format, &out);
    });
    // what goes wrong at once is answered as it should be
    let first = match pieces.recv().await {
        Some(piece) => piece?,
        None => return Err(Problem::internal()),
    };
    let mut first = Some(first);
    let stream = futures_util::stream::poll_fn(move |context| match first.take() {
        Some(piece) => std::task::Poll::Ready(Some(Ok(piece))),
        None => pieces
            .poll_recv(context)
            .map(|piece| piece.map(|piece| piece.map_err(|why| io::Error::other(why.detail().to_owned())))),
    });
    let stream = stream.map(|piece: io::Result<Vec<u8>>| piece.map(Bytes::from));
    let mut response = at_epoch(streamed(stream), epoch);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(format)));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition(format)));
    Ok(response)
}

/// Writes logs until the last, or until nobody takes them.
fn write(
    store: &LogStore,
    snapshot: &Snapshot,
    search: &Search,
    limit: usize,
    format: Format,
    out: &mpsc::Sender<Piece>,
) {
    let marks = Marks::of(snapshot);
    let pieces = || {
        let mut sheet = Sheet::new(format).map_err(unwritten)?;
        for log in store.export(search.clone()).take(limit) {
            sheet.add(&marks.show(&log.map_err(failed)?)).map_err(unwritten)?;
            if sheet.len() >= PIECE && out.blocking_send(Ok(sheet.take())).is_err() {
                return Ok(());
            }
        }
        let _ = out.blocking_send(Ok(sheet.take()));
        Ok(())
    };
    if let Err(problem) = pieces() {
        let _ = out.blocking_send(Err(problem));
    }
}

fn unwritten(error: SheetError) -> Problem {
    tracing::error!(%error, "an export broke off");
    Problem::internal()
}
