//! Query parameters: only known ones, each checked, and every complaint names the parameter, its value and what is
//! allowed.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use highwater_engine::{Level, Place, Timestamp};

use crate::{
    error::Problem,
    operation::{In, Kind, Param},
};

/// The parameters of one request: of its path, and of its query.
#[derive(Debug)]
pub(crate) struct Params {
    segments: Vec<(&'static str, String)>,
    pairs: Vec<(&'static Param, String)>,
    /// of path and parameters, so that a cursor serves only the list it came from
    print: u32,
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) skip: usize,
    print: u32,
}

/// A length of time that has a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) length: Duration,
}

const fn span(name: &'static str, seconds: u64) -> Span {
    Span { name, length: Duration::from_secs(seconds) }
}

/// The ranges that metrics are given over.
pub(crate) const RANGES: [Span; 9] = [
    span("5m", 300),
    span("15m", 900),
    span("30m", 1800),
    span("1h", 3600),
    span("6h", 21_600),
    span("12h", 43_200),
    span("24h", 86_400),
    span("7d", 604_800),
    span("30d", 2_592_000),
];

/// The intervals of time series.
pub(crate) const INTERVALS: [Span; 6] =
    [span("10s", 10), span("1m", 60), span("5m", 300), span("15m", 900), span("30m", 1800), span("1h", 3600)];

/// The names of spans.
fn names(spans: &[Span]) -> Vec<&'static str> {
    spans.iter().map(|span| span.name).collect()
}

pub(crate) const TIME_RANGE: Param =
    Param::query("time_range", Kind::OneOf(|| names(&RANGES), Some("1h")), "How far back, from now");
pub(crate) const INTERVAL: Param =
    Param::query("interval", Kind::OneOf(|| names(&INTERVALS), None), "How far points are apart");
pub(crate) const WINDOW_MINUTES: Param = Param::query(
    "window_minutes",
    Kind::Whole { least: 10, most: 1440, usual: Some(60) },
    "How far back, from now, in minutes",
);
pub(crate) const SERVICE: Param = Param::query("service", Kind::Word, "Only of this service");

impl Params {
    /// Reads a query: only known parameters, each of the kind that it is declared as.
    pub(crate) fn read(path: &str, query: &str, known: &'static [Param]) -> Result<Self, Problem> {
        let known: Vec<&'static Param> = known.iter().filter(|param| param.place == In::Query).collect();
        let mut pairs = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (Some(name), Some(value)) = (decode(name, true), decode(value, true)) else {
                return Err(Problem::bad_request("the query string is not percent-encoded UTF-8"));
            };
            if known.iter().any(|known| matches!(known.kind, Kind::Anything)) {
                continue;
            }
            let Some(param) = known.iter().find(|known| known.name == name) else {
                let known: Vec<_> = known.iter().map(|param| param.name).collect();
                return Err(Problem::unknown_parameter(&name, &known));
            };
            pairs.push((*param, value));
        }
        let mut print = 0x811c_9dc5_u32;
        let listed = pairs.iter().filter(|(param, _)| !matches!(param.name, "limit" | "cursor"));
        let texts = listed.flat_map(|(param, value)| [param.name, value.as_str()]);
        for byte in std::iter::once(path).chain(texts).flat_map(|text| text.bytes().chain([0])) {
            print = (print ^ u32::from(byte)).wrapping_mul(0x0100_0193); // FNV-1a
        }
        let params = Params { segments: Vec::new(), pairs, print };
        known.iter().try_for_each(|param| params.check(param))?;
        Ok(params)
    }

    /// With the segments of the path that have a name.
    pub(crate) fn with_segments(self, segments: Vec<(&'static str, String)>) -> Self {
        Params { segments, ..self }
    }

    /// A segment of the path; empty where the path has none of this name.
    pub(crate) fn segment(&self, name: &str) -> &str {
        self.segments.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// Judges what came for a parameter; what it means is read where it is needed.
    fn check(&self, param: &Param) -> Result<(), Problem> {
        let name = param.name;
        match param.kind {
            Kind::Text => self.text(name).map(drop),
            Kind::Word => self.word(name).map(drop),
            Kind::Cursor => self.word(name).map(drop),
            Kind::Whole { least, most, .. } => self.number(name, least, most).map(drop),
            Kind::Time => self.timestamp(name).map(drop),
            Kind::Length => self.duration(name).map(drop),
            Kind::Levels => self.list(name).try_for_each(|level| level_named(level).map(drop)),
            Kind::Words | Kind::Anything => Ok(()),
            Kind::Names(most) if self.all(name).count() > most || self.all(name).any(str::is_empty) => {
                Err(Problem::bad_parameter(name, "", &format!("1 to {most} names, none of them empty")))
            }
            Kind::Names(_) => Ok(()),
            Kind::OneOf(choices, _) => match self.text(name)? {
                Some(chosen) if !choices().contains(&chosen) => {
                    Err(Problem::bad_parameter(name, chosen, &choices().join(", ")))
                }
                _ => Ok(()),
            },
        }
    }

    /// Every value of a parameter that may come more than once.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(known, _)| known.name == name).map(|(_, value)| value.as_str())
    }

    /// The same, where values may stand between commas, too.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.all(name).flat_map(|values| values.split(',')).map(str::trim);
        values.filter(|value| !value.is_empty())
    }

    /// The value of a parameter that may come once.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(second)) => Err(Problem::bad_parameter(name, second, "one value, and there was another")),
            (first, None) => Ok(first),
        }
    }

    /// A parameter that must not be empty where it is given.
    pub(crate) fn word(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.text(name)? {
            Some("") => Err(Problem::bad_parameter(name, "", "any text but the empty one")),
            other => Ok(other),
        }
    }

    fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Problem::bad_parameter(name, text, &format!("a whole number from {least} to {most}"))),
        }
    }

    /// A whole number, or the one that stands for none.
    pub(crate) fn whole(&self, param: &Param) -> Result<Option<usize>, Problem> {
        let Kind::Whole { least, most, usual } = param.kind else { return Err(Problem::internal()) };
        Ok(self.number(param.name, least, most)?.or(usual))
    }

    pub(crate) fn timestamp(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let time = text.parse().map_err(|_| {
            Problem::bad_parameter(name, text, "an RFC 3339 timestamp, as 2025-10-23T14:32:15Z (write + as %2B)")
        })?;
        Ok(Some(time))
    }

    /// A length of time of any size, as `250ms`, `1.5s` or `5m`.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = text.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(text.len());
        let (count, unit) = text.split_at(digits);
        let unit = match unit {
            "us" => Some(1e-6),
            "ms" => Some(1e-3),
            "s" => Some(1.0),
            "m" => Some(60.0),
            "h" => Some(3600.0),
            "d" => Some(86_400.0),
            _ => None,
        };
        let seconds = unit.and_then(|unit| Some(count.parse::<f64>().ok()? * unit));
        let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        length.map(Some).ok_or_else(|| Problem::bad_parameter(name, text, "a length of time, as 250ms, 1.5s or 5m"))
    }

    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let chosen = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value);
        chosen.map(Some).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            Problem::bad_parameter(name, text, &names.join(", "))
        })
    }

    /// `time_range`, an hour where it is not given.
    pub(crate) fn range(&self) -> Result<Span, Problem> {
        Ok(self.choice(TIME_RANGE.name, &RANGES.map(|span| (span.name, span)))?.unwrap_or(RANGES[3]))
    }

    pub(crate) fn interval(&self) -> Result<Option<Span>, Problem> {
        self.choice(INTERVAL.name, &INTERVALS.map(|span| (span.name, span)))
    }

    /// `window_minutes`, 60 where it is not given.
    pub(crate) fn window_minutes(&self) -> Result<Duration, Problem> {
        let minutes = self.whole(&WINDOW_MINUTES)?.unwrap_or(60);
        Ok(Duration::from_secs(minutes as u64 * 60))
    }

    /// `limit` and `cursor`, of a list that is at hand as a whole.
    pub(crate) fn page(&self, limit: &Param) -> Result<Page, Problem> {
        let limit = self.whole(limit)?.ok_or_else(Problem::internal)?;
        let skip = self.cursor(|skip| usize::from_str_radix(skip, 16).ok())?.unwrap_or(0);
        Ok(Page { limit, skip, print: self.print })
    }

    /// `cursor`, of the rows of a view: the last row of the page before, so that rows which come and go in the meantime
    /// move nothing.
    pub(crate) fn place(&self) -> Result<Option<Place>, Problem> {
        self.cursor(|place| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(place).ok()?).ok())
    }

    /// The cursor of the page after this row.
    pub(crate) fn cursor_after(&self, place: &Place) -> String {
        let place = serde_json::to_vec(place).unwrap_or_default();
        format!("{:08x}.{}", self.print, URL_SAFE_NO_PAD.encode(place))
    }

    fn cursor<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.text("cursor")? else { return Ok(None) };
        let parts = text.split_once('.').and_then(|(print, rest)| Some((u32::from_str_radix(print, 16).ok()?, rest)));
        let own = parts.filter(|(print, _)| *print == self.print);
        match own.and_then(|(_, rest)| read(rest)) {
            Some(found) => Ok(Some(found)),
            None => {
                let allowed = "the next_cursor of an answer to the same request, limit aside";
                Err(Problem::bad_parameter("cursor", text, allowed))
            }
        }
    }
}

pub(crate) fn level_named(text: &str) -> Result<Level, Problem> {
    let named = match text.to_ascii_uppercase().as_str() {
        "CRITICAL" => Some(Level::Fatal),
        "WARNING" => Some(Level::Warn),
        name => Level::ALL.into_iter().find(|level| level.as_str() == name),
    };
    named.ok_or_else(|| {
        Problem::bad_parameter("level", text, "TRACE, DEBUG, INFO, WARN, ERROR, FATAL (also WARNING, CRITICAL)")
    })
}

impl Page {
    /// The cursor of the page after this one.
    pub(crate) fn next(&self) -> String {
        format!("{:08x}.{:x}", self.print, self.skip.saturating_add(self.limit))
    }

    /// This page of a list that is at hand as a whole, and the cursor of the next where there is one.
    pub(crate) fn cut<T>(&self, list: Vec<T>) -> (Vec<T>, Option<String>) {
        let more = list.len() > self.skip.saturating_add(self.limit);
        (list.into_iter().skip(self.skip).take(self.limit).collect(), more.then(|| self.next()))
    }
}

/// Percent-decoding; `None` where the result is no UTF-8 or an escape is broken.
pub(crate) fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_decoding() {
        assert_eq!(decode("a%20b+c%C3%A9", true).as_deref(), Some("a b cé"));
        assert_eq!(decode("a+b", false).as_deref(), Some("a+b"));
        for broken in ["%", "%2", "%zz", "%ff", "%+1"] {
            assert_eq!(decode(broken, true), None, "{broken}");
        }
    }

    const LIMIT: Param = Param::limit(10, 5);
    const KNOWN: &[Param] = &[
        LIMIT,
        crate::operation::CURSOR,
        Param::query("key", Kind::Text, ""),
        Param::query("from", Kind::Time, ""),
        Param::query("service", Kind::Names(2), ""),
        Param::query("level", Kind::Levels, ""),
        TIME_RANGE,
    ];

    fn read(path: &str, query: &str) -> Result<Params, Problem> {
        Params::read(path, query, KNOWN)
    }

    #[test]
    fn a_cursor_serves_only_the_list_it_came_from() {
        let first = read("/views/a", "limit=7&key=x").unwrap().page(&LIMIT).unwrap();
        let query = format!("limit=3&key=x&cursor={}", first.next());
        assert_eq!(read("/views/a", &query).unwrap().page(&LIMIT).unwrap().skip, 7);
        assert!(read("/views/b", &query).unwrap().page(&LIMIT).is_err());
        assert!(read("/views/a", &query.replace("key=x", "key=y")).unwrap().page(&LIMIT).is_err());
    }

    #[test]
    fn what_is_not_of_its_kind_is_refused_before_anybody_looks_at_it() {
        assert_eq!(read("/", "").unwrap().whole(&LIMIT).unwrap(), Some(5));
        for right in ["key=", "from=2025-10-23T14:32:15Z", "service=a&service=b", "level=warning,INFO", "time_range=5m"]
        {
            assert!(read("/", right).is_ok(), "{right}");
        }
        for wrong in [
            "limit=0",
            "limit=11",
            "limit=1&limit=1",
            "from=now",
            "service=a&service=b&service=c",
            "service=",
            "level=LOUD",
            "time_range=2h",
            "cursor=",
            "nothing=1",
        ] {
            assert!(read("/", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_none_of_the_servers_business_is_let_through_and_not_kept() {
        const ANYTHING: &[Param] = &[Param::query("state", Kind::Anything, "")];
        let params = Params::read("/logs", "query=a%20b&query=&state=1", ANYTHING).unwrap();
        assert!(params.all("state").next().is_none());
        assert!(Params::read("/logs", "query=%ff", ANYTHING).is_err());
    }
}
