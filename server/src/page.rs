//! The page at `/`, and the files it is made of. Each of its parts has an address, so that a link leads there.

use highwater_dashboard::File;
use http::{HeaderMap, HeaderValue, header};

use crate::{
    call::Call,
    error::{Problem, shorten},
    identity::Access,
    operation::{Answer, Handle, Kind, Operation, Param, Verb},
    rates::Class,
    reply::{Response, text, whole},
};

const PAGE: Operation = Operation {
    verb: Verb::Get,
    paths: &["/", "/logs", "/anomalies", "/alerts", "/traces", "/patterns", "/pipeline", "/login"],
    tag: "Documentation",
    about: "The page that shows what happens",
    params: &[Param::query("state", Kind::Anything, "What the page shows, which is read in the browser alone")],
    body: None,
    answer: Answer::new(&[("text/html", None)]),
    access: Access::Anyone,
    class: Class::Free,
    handle: Handle::Now(page),
};

pub(crate) const OPERATIONS: &[Operation] = &[
    PAGE,
    Operation {
        paths: &["/assets/{file}"],
        about: "What the page is made of, by names that change with it",
        params: &[Param::path("file", "As the page names it")],
        answer: Answer::new(&[("*/*", None)]),
        handle: Handle::Now(asset),
        ..PAGE
    },
    Operation {
        paths: &["/favicon.svg"],
        about: "The page's picture",
        params: &[],
        answer: Answer::new(&[("image/svg+xml", None)]),
        handle: Handle::Now(picture),
        ..PAGE
    },
];

/// Scripts and styles are files of the page; nothing else may run, and nothing is sent or asked for elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What stands in for a page that was not built.
const MISSING: &str = include_str!("no_page.html");

fn page(call: &Call) -> Result<Response, Problem> {
    let page = highwater_dashboard::file("index.html");
    let mut response = page.map_or_else(|| text("text/html; charset=utf-8", MISSING), |page| sent(page, &call.headers));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

fn asset(call: &Call) -> Result<Response, Problem> {
    let name = call.params.segment("file");
    let file = highwater_dashboard::file(&format!("assets/{name}"));
    let file = file.ok_or_else(|| Problem::not_found(format!("no file `{}` is a part of the page", shorten(name))))?;
    Ok(sent(file, &call.headers))
}

fn picture(call: &Call) -> Result<Response, Problem> {
    let file = highwater_dashboard::file("favicon.svg");
    file.map(|file| sent(file, &call.headers)).ok_or_else(|| Problem::not_found("the page was not built"))
}

/// A file, compressed for whoever reads that.
fn sent(file: File, asked: &HeaderMap) -> Response {
    let compressed = takes_gzip(asked);
    let mut response = whole(if compressed { file.gzipped } else { file.bytes });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let kept = if file.hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    response
}

/// Whether `Accept-Encoding` names gzip, and does not rule it out with a weight of 0.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT_ENCODING);
    let mut codings = accepted.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        matches!(name.trim(), "gzip" | "*") && weight != Some(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_goes_to_who_takes_it() {
        let of = |text: &'static str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]);
        for text in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8", "*", "identity, gzip ; q=0.1"] {
            assert!(takes_gzip(&of(text)), "{text}");
        }
        for text in ["", "br", "gzip;q=0", "gzip;q=0.000, br", "identity", "xgzip"] {
            assert!(!takes_gzip(&of(text)), "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_stands_in_for_the_page_asks_for_nothing() {
        assert!(MISSING.contains("npm") && !MISSING.contains("<script") && !MISSING.contains("style"));
    }
}
