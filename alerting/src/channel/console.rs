//! The server's own log.

use crate::notify::{Notice, Texts};

pub(super) fn send(notice: &Notice) {
    let texts = Texts::of(notice);
    let severity = notice.severity().as_str();
    if notice.is_firing() {
        tracing::warn!(target: "highwater::alert", severity, notice = %notice.id, "{}: {:?}", texts.title, texts.text.trim_end());
    } else {
        tracing::info!(target: "highwater::alert", severity, notice = %notice.id, "{}: {:?}", texts.title, texts.text.trim_end());
    }
}
