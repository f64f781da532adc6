//! Messages: templates compiled once, their variables filled in for every log.

use std::ops::Range;

use fastrand::Rng;
use highwater_engine::Level;

use super::{
    json::{escaped, hex64, hundredths, number},
    services::{CALLEE_FAILED, HEARTBEATS, NOVEL, RETRIED, SERVICES, TIMED_OUT},
};

/// The place of a template in [`Messages`].
pub(super) type TemplateId = u16;

/// What the variables of one message are made of.
pub(super) struct Values {
    /// Common to all logs of a trace, so that they speak of the same user and order.
    pub(super) stable: u64,
    /// This log's own.
    pub(super) own: u64,
    /// The page or interface the work came in by.
    pub(super) page: &'static str,
    /// How long the call took, in milliseconds.
    pub(super) ms: u64,
    /// Whom it called, where the message is about that.
    pub(super) callee: &'static str,
}

/// What stands for a `{variable}` of the catalogue.
#[derive(Clone, Copy, Debug)]
enum Variable {
    User,
    Order,
    Sku,
    Amount,
    Client,
    Page,
    Term,
    Town,
    Job,
    Ms,
    Callee,
    Few,
    Count,
    Percent,
    Peer,
    Hex,
    Version,
}

const VARIABLES: [(&str, Variable); 17] = [
    ("user", Variable::User),
    ("order", Variable::Order),
    ("sku", Variable::Sku),
    ("amount", Variable::Amount),
    ("client", Variable::Client),
    ("page", Variable::Page),
    ("term", Variable::Term),
    ("town", Variable::Town),
    ("job", Variable::Job),
    ("ms", Variable::Ms),
    ("callee", Variable::Callee),
    ("few", Variable::Few),
    ("count", Variable::Count),
    ("percent", Variable::Percent),
    ("peer", Variable::Peer),
    ("hex", Variable::Hex),
    ("version", Variable::Version),
];

// Eight words each, so three bits choose one.
const TERMS: [&str; 8] =
    ["running shoes", "café crème", "usb-c cable", "Hängematte", "desk lamp", "日本茶", "rain jacket", "naïve bayes"];
const TOWNS: [&str; 8] = ["Köln", "Zürich", "Tromsø", "Łódź", "Málaga", "São Paulo", "Bergen", "東京"];
const JOBS: [&str; 8] = [
    "nightly-reindex",
    "stock-sync",
    "newsletter",
    "price-import",
    "session-cleanup",
    "invoice-run",
    "sitemap",
    "expire-carts",
];
/// The networks set aside for documentation: no client of the shop is anybody's address.
const CLIENT_NETWORKS: [&str; 4] = ["203.0.113.", "198.51.100.", "192.0.2.", "203.0.113."];

#[derive(Clone, Debug)]
enum Piece {
    /// Text as it stands in JSON.
    Text(Box<str>),
    Variable(Variable),
}

type Template = Box<[Piece]>;

/// All templates, compiled, and which of them a service logs at which level.
#[derive(Clone, Debug)]
pub(super) struct Messages {
    templates: Vec<Template>,
    /// by service and level
    choices: Vec<[Vec<TemplateId>; Level::ALL.len()]>,
    heartbeats: Range<TemplateId>,
    /// A call that succeeded at the second attempt.
    pub(super) retried: TemplateId,
    /// A call that failed because its callee did.
    pub(super) callee_failed: TemplateId,
    /// A call that failed because its callee did not answer.
    pub(super) timed_out: TemplateId,
    /// The message of the current cycle's incident; see [`Messages::renew`].
    pub(super) novel: TemplateId,
}

impl Messages {
    pub(super) fn new() -> Self {
        let mut templates = Vec::new();
        let mut add = |text: &str| {
            templates.push(compile(text));
            (templates.len() - 1) as TemplateId
        };
        let choices = SERVICES
            .iter()
            .map(|service| {
                let mut choices: [Vec<TemplateId>; Level::ALL.len()] = Default::default();
                for &(level, text) in service.messages {
                    choices[level as usize].push(add(text));
                }
                choices
            })
            .collect();
        let (retried, callee_failed, timed_out, novel) = (add(RETRIED), add(CALLEE_FAILED), add(TIMED_OUT), add(""));
        for (_, text) in HEARTBEATS {
            add(text);
        }
        let heartbeats = novel + 1..novel + 1 + HEARTBEATS.len() as TemplateId;
        Messages { templates, choices, heartbeats, retried, callee_failed, timed_out, novel }
    }

    /// Makes the novel message that of another cycle.
    pub(super) fn renew(&mut self, cycle: i64) {
        fn part(parts: &[&'static str], cycle: i64) -> &'static str {
            parts[cycle.rem_euclid(parts.len() as i64) as usize]
        }
        let (what, how, by) = NOVEL;
        let text = format!("{} {} {}", part(what, cycle), part(how, cycle), part(by, cycle));
        self.templates[self.novel as usize] = compile(&text);
    }

    /// One of the messages of a service at a level, the first ones more often.
    pub(super) fn pick(&self, service: usize, level: Level, rng: &mut Rng) -> TemplateId {
        let choices = &self.choices[service][level as usize];
        choices.get(skewed(rng, choices.len())).copied().unwrap_or(self.retried)
    }

    /// One of the messages that hosts log about themselves.
    pub(super) fn pick_heartbeat(&self, rng: &mut Rng) -> (Level, TemplateId) {
        let choice = skewed(rng, HEARTBEATS.len());
        (HEARTBEATS[choice].0, self.heartbeats.start + choice as TemplateId)
    }

    /// Appends a message, as it stands between the quotes of a JSON string.
    pub(super) fn write(&self, out: &mut Vec<u8>, template: TemplateId, values: &Values) {
        let mut rng = Rng::with_seed(values.own);
        for piece in &self.templates[template as usize] {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Variable(variable) => write_variable(out, *variable, values, &mut rng),
            }
        }
    }
}

/// A place below `n`, lower ones likelier: the lesser of two throws.
fn skewed(rng: &mut Rng, n: usize) -> usize {
    // two throws of 32 bits from one random number; multiply and shift instead of dividing
    let random = rng.u64(..);
    let throw = (random as u32).min((random >> 32) as u32);
    ((u64::from(throw) * n as u64) >> 32) as usize
}

/// Splits a text of the catalogue at its variables. What looks like one and is not stays text.
fn compile(text: &str) -> Template {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let variable = rest[open..].find('}').and_then(|close| {
            let name = &rest[open + 1..open + close];
            let (_, variable) = VARIABLES.iter().find(|(known, _)| *known == name)?;
            Some((*variable, open + close + 1))
        });
        plain.push_str(&rest[..open]);
        if let Some((variable, end)) = variable {
            pieces.push(Piece::Text(escaped(&plain).into()));
            pieces.push(Piece::Variable(variable));
            plain.clear();
            rest = &rest[end..];
        } else {
            plain.push('{');
            rest = &rest[open + 1..];
        }
    }
    plain.push_str(rest);
    pieces.push(Piece::Text(escaped(&plain).into()));
    pieces.into()
}

fn write_variable(out: &mut Vec<u8>, variable: Variable, values: &Values, rng: &mut Rng) {
    let stable = values.stable;
    let mut prefixed = |prefix: &str, n: u64| {
        out.extend_from_slice(prefix.as_bytes());
        number(out, n);
    };
    match variable {
        Variable::User => prefixed("user-", 1 + (stable >> 8) % 50_000),
        Variable::Order => prefixed("ord-", 100_000 + (stable >> 16) % 900_000),
        Variable::Sku => prefixed("SKU-", 10_000 + (stable >> 24) % 8_000),
        Variable::Amount => hundredths(out, 499 + (stable >> 32) % 25_000),
        Variable::Client => prefixed(CLIENT_NETWORKS[(stable >> 40 & 3) as usize], 1 + (stable >> 42) % 254),
        Variable::Page => out.extend_from_slice(values.page.as_bytes()),
        Variable::Term => word(out, &TERMS, stable >> 52),
        Variable::Town => word(out, &TOWNS, stable >> 56),
        Variable::Job => word(out, &JOBS, stable >> 60),
        Variable::Ms => number(out, values.ms),
        Variable::Callee => out.extend_from_slice(values.callee.as_bytes()),
        Variable::Few => number(out, 1 + rng.u64(..) % 16),
        Variable::Count => number(out, 20 + rng.u64(..) % 4_000),
        Variable::Percent => number(out, 5 + rng.u64(..) % 90),
        Variable::Peer => write_peer(out, rng.u64(..)),
        Variable::Hex => {
            hex64(out, rng.u64(..));
            out.truncate(out.len() - 8);
        }
        Variable::Version => {
            let random = rng.u64(..);
            prefixed("v3.", random % 8);
            out.push(b'.');
            number(out, (random >> 8) % 20);
        }
    }
}

fn word(out: &mut Vec<u8>, words: &[&str; 8], bits: u64) {
    out.extend_from_slice(words[(bits & 7) as usize].as_bytes());
}

/// An address within the shop, with a port.
fn write_peer(out: &mut Vec<u8>, random: u64) {
    out.extend_from_slice(b"10.");
    number(out, random & 15);
    out.push(b'.');
    number(out, random >> 8 & 255);
    out.push(b'.');
    number(out, random >> 16 & 255);
    out.extend_from_slice(b":5432");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, values: &Values) -> String {
        let mut messages = Messages::new();
        messages.templates[0] = compile(text);
        let mut out = Vec::new();
        messages.write(&mut out, 0, values);
        serde_json::from_str(&format!("\"{}\"", String::from_utf8(out).unwrap())).unwrap()
    }

    #[test]
    fn every_variable_of_the_catalogue_is_known() {
        let mut texts: Vec<&str> =
            SERVICES.iter().flat_map(|service| service.messages).map(|(_, text)| *text).collect();
        texts.extend(HEARTBEATS.iter().map(|(_, text)| *text));
        texts.extend([RETRIED, CALLEE_FAILED, TIMED_OUT]);
        texts.extend(NOVEL.0.iter().chain(NOVEL.1).chain(NOVEL.2));
        for text in texts {
            let variables = compile(text).iter().filter(|piece| matches!(piece, Piece::Variable(_))).count();
            // `hydrate({page})` and the like contain no brace of their own
            assert_eq!(variables, text.matches('{').count(), "{text}");
        }
    }

    #[test]
    fn variables_are_filled_in_and_other_braces_stay() {
        let values = Values { stable: 0, own: 7, page: "/cart", ms: 42, callee: "cart-service" };
        assert_eq!(
            message("{user} \"waits\" {ms} ms on {page} for {callee} {nobody} {", &values),
            "user-1 \"waits\" 42 ms on /cart for cart-service {nobody} {"
        );
    }

    #[test]
    fn the_novel_message_is_another_one_for_504_cycles() {
        let mut messages = Messages::new();
        let mut seen = std::collections::HashSet::new();
        for cycle in -10..494 {
            messages.renew(cycle);
            let mut out = Vec::new();
            messages.write(&mut out, messages.novel, &Values { stable: 0, own: 0, page: "", ms: 0, callee: "" });
            assert!(seen.insert(out), "cycle {cycle}");
        }
    }
}
