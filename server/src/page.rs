//! The page at `/`.

use std::hash::{BuildHasher, RandomState};

use warp::{
    http::{HeaderValue, header},
    reply::{Reply, Response},
};

const PAGE: &str = include_str!("index.html");

/// The page, whose script and style are the only ones that may run: they carry a word that no one can foresee.
pub(crate) fn page() -> Response {
    let nonce = random_hex();
    let mut response = PAGE.replace("{{nonce}}", &nonce).into_response();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// 32 hexadecimal digits from the keys that the standard library seeds its hashers with.
pub(crate) fn random_hex() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static CALLS: AtomicU64 = AtomicU64::new(0);
    static KEYS: std::sync::LazyLock<[RandomState; 2]> =
        std::sync::LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{:016x}", KEYS[0].hash_one(call), KEYS[1].hash_one((call, "second")))
}
