//! Services as people call them.

use std::collections::{BTreeMap, BTreeSet};

use highwater_engine::{Name, OTHER};

use super::words::{is_stop_word, levels, singular};

/// Most services that a question is held against.
const MOST: usize = 5_000;
/// Most words that a service's name is spread over.
const MOST_WORDS: usize = 4;

/// Parts of names that do not tell services apart.
const GENERIC: [&str; 12] =
    ["service", "services", "svc", "server", "srv", "api", "app", "worker", "backend", "daemon", "the", "prod"];

/// Words for the same thing.
const ALIASES: [&[&str]; 10] = [
    &["db", "database", "postgres", "postgresql", "mysql", "mariadb", "sql", "mongo", "mongodb"],
    &["auth", "authentication", "authorization", "identity", "iam", "sso"],
    &["cache", "redis", "memcached"],
    &["mail", "email", "mailer", "smtp"],
    &["notification", "notifications", "notifier", "notify"],
    &["frontend", "web", "website", "webapp", "ui", "storefront", "front-end"],
    &["gateway", "proxy", "ingress", "edge", "nginx"],
    &["queue", "kafka", "rabbitmq", "broker"],
    &["recommendation", "recommendations", "recommender", "reco"],
    &["inventory", "stock", "warehouse"],
];

/// The live services, by all that they may be called.
pub(super) struct Services {
    /// by the whole name, and by its telling parts together
    whole: BTreeMap<String, BTreeSet<String>>,
    /// by one telling part
    parts: BTreeMap<String, BTreeSet<String>>,
    /// by a part that does not tell much
    generic: BTreeMap<String, BTreeSet<String>>,
}

/// Services that words name.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) services: Vec<String>,
    /// how many words name them
    pub(super) used: usize,
    /// whether that took some guessing
    pub(super) guessed: bool,
}

impl Services {
    pub(super) fn new(names: &[Name]) -> Self {
        let mut services = Services { whole: BTreeMap::new(), parts: BTreeMap::new(), generic: BTreeMap::new() };
        for name in names.iter().filter(|name| !name.is_empty() && ***name != *OTHER).take(MOST) {
            let parts = parts(name);
            let telling: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !GENERIC.contains(part)).collect();
            let own = || name.to_string();
            services.whole.entry(parts.join(" ")).or_default().insert(own());
            if !telling.is_empty() {
                services.whole.entry(telling.join(" ")).or_default().insert(own());
            }
            for part in &parts {
                let by = if GENERIC.contains(&part.as_str()) { &mut services.generic } else { &mut services.parts };
                by.entry(part.clone()).or_default().insert(own());
            }
        }
        services
    }

    /// The services whose name begins the words. What is a common word besides, such as `search`, is a service only where
    /// the question points at one.
    pub(super) fn named(&self, words: &[&str], pointed_at: bool) -> Option<Found> {
        (1..=words.len().min(MOST_WORDS)).rev().find_map(|used| {
            let parts = words[..used].iter().map(|word| parts(word)).collect::<Vec<_>>();
            // a word that is no part of a name, such as a comma, ends it
            if parts.iter().any(Vec::is_empty) {
                return None;
            }
            let joined = parts.concat().join(" ");
            if used == 1 && is_stop_word(&joined) && !pointed_at {
                return None;
            }
            let found = self.whole.get(&joined).or_else(|| self.whole.get(&singular(&joined)?))?;
            Some(Found { services: found.iter().cloned().collect(), used, guessed: false })
        })
    }

    /// The services that the first word speaks of by a part of their name, by another word for it, or with a typo. Where
    /// the question points at a service (`from ..`), more is believed.
    pub(super) fn meant(&self, word: &str, pointed_at: bool) -> Option<Found> {
        if is_stop_word(word) || levels(word).is_some() || word.chars().count() < 2 {
            return None;
        }
        let one = singular(word);
        let forms: Vec<&str> = [Some(word), one.as_deref()].into_iter().flatten().collect();
        let found = |services: BTreeSet<String>, guessed| {
            (!services.is_empty()).then(|| Found { services: services.into_iter().collect(), used: 1, guessed })
        };
        let part = forms.iter().find_map(|form| self.parts.get(*form)).cloned().unwrap_or_default();
        found(part, false)
            .or_else(|| found(self.by_alias(&forms), false))
            .or_else(|| self.generic.get(word).filter(|_| pointed_at).and_then(|some| found(some.clone(), false)))
            .or_else(|| found(self.by_typo(word, pointed_at), true))
    }

    fn by_alias(&self, forms: &[&str]) -> BTreeSet<String> {
        let group = ALIASES.iter().find(|group| forms.iter().any(|form| group.contains(form)));
        let others = group.into_iter().flat_map(|group| group.iter());
        others.filter_map(|other| self.parts.get(*other)).flatten().cloned().collect()
    }

    /// The nearest names. A word with one letter replaced is too often another word, unless a service is pointed at.
    fn by_typo(&self, word: &str, pointed_at: bool) -> BTreeSet<String> {
        let length = word.chars().count();
        if length < if pointed_at { 4 } else { 6 } || word.contains(|c: char| c.is_ascii_digit()) {
            return BTreeSet::new();
        }
        let most = if length >= 8 && pointed_at { 2 } else { 1 };
        let joined = parts(word).join(" ");
        let near = |known: &str| {
            let others = known.chars().count();
            if others < 4 || length.abs_diff(others) > most || known.chars().next() != joined.chars().next() {
                return None;
            }
            let distance = strsim::osa_distance(known, &joined);
            let is_replaced = others == length && strsim::levenshtein(known, &joined) == 1;
            (distance <= most && (pointed_at || !is_replaced)).then_some(distance)
        };
        let mut nearest: (usize, BTreeSet<String>) = (usize::MAX, BTreeSet::new());
        for (known, services) in self.whole.iter().chain(&self.parts) {
            match near(known) {
                Some(distance) if distance < nearest.0 => nearest = (distance, services.clone()),
                Some(distance) if distance == nearest.0 => nearest.1.extend(services.iter().cloned()),
                _ => {}
            }
        }
        nearest.1
    }
}

/// `paymentService`, `payment_service` and `payment-service` alike.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut previous = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && previous.is_lowercase();
        if !c.is_alphanumeric() || begins {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| c.is_alphanumeric()) {
            part.extend(c.to_lowercase());
        }
        previous = c;
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Services {
        let names =
            ["payment-service", "api-gateway", "cart-service", "order-service", "order_worker", "userDb", "shipping"];
        Services::new(&names.map(Name::from))
    }

    #[test]
    fn names_may_be_spelt_in_many_ways() {
        let services = services();
        let named = |words: &[&str]| services.named(words, false).map(|found| (found.services.join(" "), found.used));
        assert_eq!(named(&["payment", "service", "x"]), Some(("payment-service".into(), 2)));
        assert_eq!(named(&["payment_service"]), Some(("payment-service".into(), 1)));
        assert_eq!(named(&["payments"]), Some(("payment-service".into(), 1)));
        assert_eq!(named(&["order"]), Some(("order-service order_worker".into(), 1)));
        assert_eq!(named(&["user", "db"]), Some(("userDb".into(), 2)));
        assert_eq!(named(&["billing"]), None);
    }

    #[test]
    fn parts_aliases_and_typos() {
        let services = services();
        let meant = |word: &str, pointed_at| services.meant(word, pointed_at).map(|found| found.services.join(" "));
        assert_eq!(meant("gateway", false).as_deref(), Some("api-gateway"));
        assert_eq!(meant("database", false).as_deref(), Some("userDb"));
        for typo in ["pyament", "paymnt", "paymentt", "gatway"] {
            assert!(meant(typo, false).is_some(), "{typo}");
        }
        assert_eq!(meant("shopping", false), None, "another word");
        assert_eq!(meant("card", false), None, "another word");
        assert_eq!(meant("catt", true).as_deref(), Some("cart-service"));
        assert_eq!(meant("api", false), None);
        assert_eq!(meant("api", true).as_deref(), Some("api-gateway"));
    }
}
