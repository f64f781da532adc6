//! How single values are read. Each function returns what would be allowed where the value is not.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use super::{
    suggest::nearest,
    tree::{Node, Table, What},
};

/// Any text.
pub(crate) fn text(node: &Node) -> Result<String, String> {
    match &node.what {
        What::Text(text) | What::Raw(text) if !text.trim().is_empty() => Ok(text.clone()),
        _ => Err("text, in quotes and not empty".to_owned()),
    }
}

/// `true` or `false`.
pub(crate) fn truth(node: &Node) -> Result<bool, String> {
    match &node.what {
        What::Bool(truth) => Ok(*truth),
        What::Raw(text) if matches!(text.as_str(), "true" | "1" | "yes" | "on") => Ok(true),
        What::Raw(text) if matches!(text.as_str(), "false" | "0" | "no" | "off") => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

/// A whole number within bounds.
pub(crate) fn whole<T>(range: RangeInclusive<T>) -> impl Fn(&Node) -> Result<T, String>
where
    T: TryFrom<i64> + PartialOrd + Copy + std::fmt::Display,
{
    move |node| {
        let number = match &node.what {
            What::Integer(number) => Some(*number),
            What::Raw(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        };
        number
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A number within bounds.
pub(crate) fn number(range: RangeInclusive<f64>) -> impl Fn(&Node) -> Result<f64, String> {
    move |node| {
        let number = match &node.what {
            What::Integer(number) => Some(*number as f64),
            What::Float(number) => Some(*number),
            What::Raw(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("a number from {} to {}", range.start(), range.end()))
    }
}

/// `"100ms"`, `"2s"`, `"1h"`, within bounds.
pub(crate) fn duration(range: RangeInclusive<Duration>) -> impl Fn(&Node) -> Result<Duration, String> {
    move |node| {
        let duration = match &node.what {
            What::Text(text) | What::Raw(text) => parse_duration(text),
            _ => None,
        };
        duration.filter(|duration| range.contains(duration)).ok_or_else(|| {
            let (least, most) = (show_duration(*range.start()), show_duration(*range.end()));
            format!("a duration from {least} to {most}, written like \"100ms\", \"2s\", \"5m\", \"1h\" or \"7d\"")
        })
    }
}

/// One of these words.
pub(crate) fn choice<T: Clone>(words: &[(&'static str, T)]) -> impl Fn(&Node) -> Result<T, String> {
    move |node| {
        let written = match &node.what {
            What::Text(text) | What::Raw(text) => text.as_str(),
            _ => "",
        };
        words.iter().find(|(word, _)| *word == written).map(|(_, value)| value.clone()).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let meant = nearest(written, known.iter().copied());
            let hint = meant.map(|word| format!(" (did you mean \"{word}\"?)")).unwrap_or_default();
            format!("one of {}{hint}", known.join(", "))
        })
    }
}

/// A list of texts; from the environment, separated by commas.
pub(crate) fn texts(node: &Node) -> Result<Vec<String>, String> {
    let allowed = || "a list of texts, like [\"a\", \"b\"]".to_owned();
    match &node.what {
        What::List(items) => items.iter().map(text).collect::<Result<_, _>>().map_err(|_| allowed()),
        What::Raw(list) => {
            Ok(list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
        }
        _ => Err(allowed()),
    }
}

/// A table of texts, numbers and truths, all as text: what is handed through to a library. In the names of environment
/// variables, underscores stand for `separator`.
pub(crate) fn properties(separator: char) -> impl Fn(&Node) -> Result<BTreeMap<String, String>, String> {
    move |node| {
        let allowed = "a table of texts, like { \"a.name\" = \"a value\" }";
        let What::Table(table) = &node.what else { return Err(allowed.to_owned()) };
        let mut flat = BTreeMap::new();
        let whole = flatten("", table, separator, &mut flat);
        whole.map_err(|key| format!("{allowed}: {key} is neither text nor number")).map(|()| flat)
    }
}

/// In TOML, `security.protocol = "SSL"` without quotes is a table in a table; here it is meant as one name.
fn flatten(prefix: &str, table: &Table, separator: char, flat: &mut BTreeMap<String, String>) -> Result<(), String> {
    for (key, node) in table {
        let name = format!("{prefix}{key}");
        let (name, value) = match &node.what {
            What::Text(text) => (name, text.clone()),
            What::Integer(number) => (name, number.to_string()),
            What::Float(number) => (name, number.to_string()),
            What::Bool(truth) => (name, truth.to_string()),
            What::Raw(text) => (name.replace('_', &separator.to_string()), text.clone()),
            What::Table(inner) => {
                flatten(&format!("{name}."), inner, separator, flat)?;
                continue;
            }
            What::List(_) | What::Other(_) => return Err(name),
        };
        flat.insert(name, value);
    }
    Ok(())
}

/// Reads `100ms`, `2s`, `5m`, `1h`, `7d`, `1h30m`, `1.5s`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (figure, after) = rest.split_at(digits);
        let unit_ends = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_ends);
        let seconds = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(figure.parse::<f64>().ok()? * seconds).ok()?;
        total = total.checked_add(part)?;
        rest = after.trim_start();
    }
    Some(total)
}

/// As [`parse_duration`] reads it, in the largest unit that needs no fraction.
pub(crate) fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis >= length && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, millis) in [("100ms", 100), ("2s", 2000), ("1h", 3_600_000), ("1h30m", 5_400_000), ("1.5s", 1500)] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "1x", "-1s", "1..5s", "1e9999d", "99999999999999999999d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        let shown = [0, 100, 2000, 90_000, 3_600_000, 172_800_000].map(|ms| show_duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["0s", "100ms", "2s", "90s", "1h", "2d"]);
    }
}
