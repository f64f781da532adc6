//! [`Reading`]: a question, as far as it is read.

use highwater_engine::Level;

use super::{
    fields, latency, levels,
    services::{Found, Services},
    terms::Term,
    times::{self, Said},
    tokens::Token,
    understood::{MOST, Understood},
    words::{is_carrier, is_stop_word, levels_by_typo, negation},
};
use crate::{
    answer::{Latency, TimeRange},
    scene::Scene,
};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Level,
    Service,
    Text,
}

/// How far a negation reaches: to the next item, and to those of its kind that `and`, `or` and commas join to it.
#[derive(Clone, Copy, PartialEq)]
enum Negation {
    None,
    Pending,
    Applied(Kind),
}

/// What the words before one were.
#[derive(Clone, Copy, PartialEq)]
enum Link {
    /// something that says nothing
    Gap,
    And,
    Or,
    /// text, right before
    Text,
    /// something else that was understood
    Item,
}

pub(super) struct Reading<'q> {
    scene: &'q Scene,
    services: Services,
    tokens: &'q [Token],
    words: Vec<&'q str>,
    texts: Vec<&'q str>,
    at: usize,
    negation: Negation,
    link: Link,
    understood: Understood,
}

impl<'q> Reading<'q> {
    pub(super) fn new(scene: &'q Scene, tokens: &'q [Token]) -> Self {
        Reading {
            scene,
            services: Services::new(&scene.services),
            tokens,
            words: tokens.iter().map(Token::word).collect(),
            texts: tokens.iter().map(|token| token.text.as_str()).collect(),
            at: 0,
            negation: Negation::None,
            link: Link::Gap,
            understood: Understood::default(),
        }
    }

    pub(super) fn note(&mut self, note: String) {
        if self.understood.notes.len() < MOST && !self.understood.notes.contains(&note) {
            self.understood.notes.push(note);
        }
    }

    pub(super) fn read(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            self.at += self.item(token).unwrap_or_else(|| self.plain_word(token));
        }
    }

    pub(super) fn finish(mut self) -> Understood {
        let has_latency = self.understood.latency.is_some();
        let is_carried = |term: &Term| has_latency && is_carrier(&term.words);
        self.understood.text.iter_mut().for_each(|group| group.retain(|term| !is_carried(term)));
        if self.understood.tidy() {
            self.note("The question asks for too much at once; a part of it is left out".to_owned());
        }
        self.understood
    }

    /// What stands here, where it is more than a word: how many words that are.
    fn item(&mut self, token: &Token) -> Option<usize> {
        if token.quoted {
            self.add_text(Term::quoted(&token.text));
            return Some(1);
        }
        let words = &self.words[self.at..];
        if words[0].len() > 1 && words[0].starts_with('-') {
            return Some(self.dashed(token));
        }
        if let Some((used, name, value)) = fields::find(words, &self.texts[self.at..]) {
            return Some(self.add_field(used, name, value));
        }
        if let Some((used, latency)) = latency::find(words) {
            return Some(self.add_latency(used, latency));
        }
        if let Some((used, said)) = times::find(words, self.scene) {
            return Some(self.add_time(used, said));
        }
        self.set_phrase().or_else(|| self.negation_word()).or_else(|| self.service_or_level(token))
    }

    fn service_or_level(&mut self, token: &Token) -> Option<usize> {
        let words = &self.words[self.at..];
        // in `user not found` and `order 4711`, nobody means the service
        let pointed_at = self.is_pointed_at();
        let rest = self.words.get(self.at + 1..).unwrap_or_default();
        let is_number = |word: &&str| word.trim_start_matches('#').bytes().all(|byte| byte.is_ascii_digit());
        let is_numbered = rest.first().filter(|word| !word.is_empty()).is_some_and(is_number);
        let is_subject = !pointed_at && (is_numbered || set_phrase(rest).is_some());
        if let Some(found) = self.services.named(words, pointed_at).filter(|_| !is_subject) {
            return Some(self.add_services(&found));
        }
        let is_upper = token.text.len() > 1 && !token.text.contains(char::is_lowercase);
        if let Some((used, levels)) = levels::find(words, is_upper) {
            self.add_levels(&levels);
            return Some(used);
        }
        if let Some(found) = self.services.meant(words.first()?, pointed_at).filter(|_| !is_subject) {
            return Some(self.add_services(&found));
        }
        let (meant, levels) = levels_by_typo(words.first()?)?;
        self.note(format!("“{}” is read as {meant}", token.text));
        self.add_levels(levels);
        Some(1)
    }

    /// `not found` is said rather than negated, and `timed out` is one thing.
    fn set_phrase(&mut self) -> Option<usize> {
        let used = set_phrase(&self.words[self.at..])?;
        let is_negation = self.negation != Negation::None && matches!(self.words[self.at], "not" | "no");
        (!is_negation).then(|| {
            self.add_text(Term::quoted(&self.words[self.at..self.at + used].join(" ")));
            used
        })
    }

    fn negation_word(&mut self) -> Option<usize> {
        let words = &self.words[self.at..];
        let used = negation(words)?;
        // `but not`, `and without`: a new one begins
        self.negation = Negation::Pending;
        self.link = Link::Gap;
        Some(used)
    }

    /// A word that is nothing else: a link, nothing, or text.
    fn plain_word(&mut self, token: &Token) -> usize {
        match token.word() {
            "," => {
                if self.link != Link::Or {
                    self.link = Link::And;
                }
            }
            "and" | "&" | "nor" | "plus" => self.link = Link::And,
            "or" | "|" => self.link = Link::Or,
            "-" | "<" | ">" | "<=" | ">=" => self.end_of_item(),
            "slow" | "slowest" | "slowly" | "sluggish" if self.negation == Negation::None => self.slow(),
            word if is_stop_word(word) || self.is_count(word) => self.end_of_item(),
            word => {
                self.unknown_service(word);
                self.add_text(Term::word(word));
            }
        }
        1
    }

    /// `-debug`, as in a search.
    fn dashed(&mut self, token: &Token) -> usize {
        self.negation = Negation::Pending;
        self.link = Link::Gap;
        let word = token.lower.trim_start_matches('-');
        if let Some((_, levels)) = levels::find(&[word], false) {
            self.add_levels(&levels);
        } else if let Some(found) = self.services.named(&[word], true).or_else(|| self.services.meant(word, true)) {
            self.add_services(&found);
        } else {
            self.add_text(Term::word(word));
        }
        self.negation = Negation::None;
        1
    }

    fn slow(&mut self) {
        self.end_of_item();
        if self.understood.latency.is_none() {
            let min_ms = Some(latency::SLOW_MS);
            self.understood.latency = Some(Latency { min_ms, ..Latency::default() });
            self.note(format!("“Slow” is read as slower than {} s", latency::SLOW_MS / 1000.0));
        }
    }

    fn unknown_service(&mut self, word: &str) {
        let is_called_one = matches!(self.words.get(self.at + 1), Some(&("service" | "svc")))
            || ["-service", "_service", "-svc", "-api", "-worker"].iter().any(|end| word.ends_with(end));
        if is_called_one && word.contains(char::is_alphabetic) {
            self.note(format!("No service like “{word}” has logged; it is looked for as text"));
        }
    }

    /// `the last 5 errors` are not errors that say 5.
    fn is_count(&self, word: &str) -> bool {
        let previous = self.at.checked_sub(1).and_then(|before| self.words.get(before));
        let is_number = word.len() < 5 && word.bytes().all(|byte| byte.is_ascii_digit());
        is_number && matches!(previous, Some(&("last" | "first" | "latest" | "top" | "newest" | "recent")))
    }

    /// Whether the words around say that a service is meant.
    fn is_pointed_at(&self) -> bool {
        let next = self.words.get(self.at + 1);
        let mut before = self.words[..self.at].iter().rev();
        let previous = before.next().filter(|word| **word != "the").or_else(|| before.next());
        matches!(next, Some(&("service" | "svc" | "team")))
            || matches!(previous, Some(&("from" | "in" | "of" | "by" | "service" | "services" | "at")))
    }

    // ---- what was understood --------------------------------------------------------------------------------------------

    /// Whether an item of this kind is excluded.
    fn is_negated(&mut self, kind: Kind) -> bool {
        let is_joined = matches!(self.link, Link::And | Link::Or) || (kind == Kind::Text && self.link == Link::Text);
        let negated = match self.negation {
            Negation::None => false,
            Negation::Pending => true,
            Negation::Applied(before) => before == kind && is_joined,
        };
        self.negation = if negated { Negation::Applied(kind) } else { Negation::None };
        negated
    }

    /// Something that is no part of a list came: a negation that has found its item is over.
    fn end_of_item(&mut self) {
        if self.negation != Negation::Pending {
            self.negation = Negation::None;
        }
        self.link = Link::Gap;
    }

    fn add_text(&mut self, term: Term) {
        if self.is_negated(Kind::Text) {
            self.exclude_text(term);
        } else {
            let groups = &mut self.understood.text;
            let is_room = groups.iter().map(Vec::len).sum::<usize>() < MOST;
            let is_new = is_room && !groups.iter().any(|group| *group == [term.clone()]);
            match groups.last_mut() {
                Some(group) if self.link == Link::Or && is_room => group.push(term),
                _ if is_new => groups.push(vec![term]),
                _ => {}
            }
        }
        self.link = Link::Text;
    }

    /// Words right behind each other are excluded together, as a phrase.
    fn exclude_text(&mut self, term: Term) {
        let terms = &mut self.understood.not_text;
        let is_full = terms.len() >= MOST;
        match terms.last_mut() {
            Some(last) if self.link == Link::Text => last.append(&term.words),
            _ if is_full => {}
            _ => terms.push(term),
        }
    }

    fn add_levels(&mut self, levels: &[Level]) {
        let negated = self.is_negated(Kind::Level);
        let Understood { severity, not_severity, .. } = &mut self.understood;
        let to = if negated { not_severity } else { severity };
        let new: Vec<Level> = levels.iter().copied().filter(|level| !to.contains(level)).collect();
        to.extend(new);
        self.link = Link::Item;
    }

    fn add_services(&mut self, found: &Found) -> usize {
        let negated = self.is_negated(Kind::Service);
        let Understood { source, not_source, .. } = &mut self.understood;
        let to = if negated { not_source } else { source };
        for service in &found.services {
            if to.len() < MOST && !to.contains(service) {
                to.push(service.clone());
            }
        }
        if found.guessed {
            let (word, names) = (self.texts[self.at], found.services.join(", "));
            self.note(format!("“{word}” is read as {names}"));
        }
        self.link = Link::Item;
        found.used
    }

    fn add_field(&mut self, used: usize, name: String, value: String) -> usize {
        self.end_of_item();
        let fields = &mut self.understood.fields;
        if fields.len() < MOST && fields.iter().all(|(known, _)| *known != name) {
            fields.push((name, value));
        }
        self.link = Link::Item;
        used
    }

    fn add_latency(&mut self, used: usize, said: Latency) -> usize {
        let negated = self.negation == Negation::Pending;
        self.negation = Negation::None;
        let said = if negated {
            Latency { min_ms: said.max_ms, max_ms: said.min_ms, inclusive: !said.inclusive }
        } else {
            said
        };
        let latency = self.understood.latency.get_or_insert_default();
        latency.min_ms = said.min_ms.or(latency.min_ms);
        latency.max_ms = said.max_ms.or(latency.max_ms);
        latency.inclusive = said.inclusive;
        self.understood.notes.retain(|note| !note.starts_with("“Slow”"));
        self.link = Link::Item;
        used
    }

    fn add_time(&mut self, used: usize, said: Said) -> usize {
        self.end_of_item();
        self.link = Link::Item;
        let range = match said {
            Said::Range(range) => range,
            Said::Unknown => {
                let words = self.texts[self.at..self.at + used].join(" ");
                self.note(format!("When “{words}” was is not known; a time can be given, as in “since 14:00”"));
                return used;
            }
        };
        if range.from.is_some_and(|from| from > self.scene.now) {
            let words = self.texts[self.at..self.at + used].join(" ");
            self.note(format!("“{words}” is in the future; it is left out"));
            return used;
        }
        // `yesterday after 14:00`: the narrower of both
        let known = self.understood.time_range.get_or_insert_default();
        let from = known.from.max(range.from);
        let to = [known.to, range.to].into_iter().flatten().min();
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            *known = range;
            self.note("Two times exclude each other; the second one counts".to_owned());
        } else {
            *known = TimeRange { from, to };
        }
        used
    }
}

/// How many words of a phrase that messages are full of the words begin with, where some of them say nothing alone.
fn set_phrase(words: &[&str]) -> Option<usize> {
    const NOT: [&str; 15] = [
        "found",
        "responding",
        "available",
        "authorized",
        "allowed",
        "reachable",
        "connected",
        "valid",
        "supported",
        "ready",
        "permitted",
        "implemented",
        "acceptable",
        "enough",
        "modified",
    ];
    const NO: [&str; 8] = ["route", "space", "such", "response", "connection", "memory", "healthy", "upstream"];
    match words {
        ["not", second, ..] if NOT.contains(second) => Some(2),
        ["no", second, ..] if NO.contains(second) => Some(2),
        ["timed" | "times" | "timing" | "time" | "ran" | "locked" | "logged" | "sold", "out", ..] => Some(2),
        ["out", "of", "memory" | "disk" | "space" | "stock" | "range" | "order" | "sync", ..] => Some(3),
        _ => None,
    }
}
