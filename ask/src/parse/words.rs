//! Words that stand for something else, or for nothing.

use highwater_engine::Level;

use Level::{Debug, Error, Fatal, Info, Trace, Warn};

/// The levels that a word stands for.
pub(super) fn levels(word: &str) -> Option<&'static [Level]> {
    Some(match word {
        "error" | "errors" | "err" | "erroring" | "erroneous" => &[Error, Fatal],
        "failure" | "failures" | "fail" | "fails" | "failed" | "failing" => &[Error, Fatal],
        "exception" | "exceptions" | "broken" | "broke" | "breaking" => &[Error, Fatal],
        "crash" | "crashes" | "crashed" | "crashing" => &[Error, Fatal],
        "critical" | "criticals" | "crit" | "fatal" | "fatals" | "panic" | "panics" | "panicked" | "emergency" => {
            &[Fatal]
        }
        "problem" | "problems" | "issue" | "issues" | "trouble" => &[Warn, Error, Fatal],
        "warning" | "warnings" | "warn" | "warns" | "warned" => &[Warn],
        "info" | "infos" | "informational" => &[Info],
        "debug" | "debugging" => &[Debug],
        _ => return None,
    })
}

/// The levels that a word with a typo stands for, and the word that was meant.
pub(super) fn levels_by_typo(word: &str) -> Option<(&'static str, &'static [Level])> {
    const MEANT: [&str; 9] =
        ["errors", "error", "warnings", "warning", "failures", "failed", "exceptions", "critical", "crashed"];
    let is_near = |meant: &&&str| word.chars().count() > 3 && strsim::osa_distance(meant, word) == 1;
    let meant = MEANT.iter().find(is_near)?;
    Some((meant, levels(meant)?))
}

/// A level by its own name: what "or worse" and the like are said of.
pub(super) fn named_level(word: &str) -> Option<Level> {
    if word == "trace" {
        return Some(Trace);
    }
    levels(word).and_then(|levels| levels.first().copied())
}

/// Words that exclude what follows.
pub(super) fn negation(words: &[&str]) -> Option<usize> {
    const LONG: [&[&str]; 11] = [
        &["other", "than"],
        &["apart", "from"],
        &["aside", "from"],
        &["but", "not"],
        &["but", "no"],
        &["leave", "out"],
        &["leaving", "out"],
        &["do", "not"],
        &["anything", "but"],
        &["everything", "but"],
        &["all", "but"],
    ];
    const SHORT: [&str; 18] = [
        "not",
        "no",
        "without",
        "except",
        "excluding",
        "exclude",
        "excludes",
        "excepting",
        "ignore",
        "ignoring",
        "minus",
        "isn't",
        "aren't",
        "don't",
        "doesn't",
        "didn't",
        "never",
        "besides",
    ];
    let long = LONG.iter().find(|long| words.starts_with(long)).map(|long| long.len());
    long.or_else(|| words.first().filter(|word| SHORT.contains(word)).map(|_| 1))
}

/// Words that say nothing about what to look for.
pub(super) fn is_stop_word(word: &str) -> bool {
    const STOP: &str = "\
        a about again all also am an and any anyone anything are around as at be because been before being \
        between but by came can come coming contain contained containing contains could did display do does \
        doing during each entries entry event events ever every everything fetch find first for from get \
        getting give given go going gone got had happen happened happening happens has have having he hello \
        help here hi how i i'd i'm if in into is it it's its just kind last latest let level levels like \
        line lines list log logged logging logs look looked looking looks lot made make many matching may me \
        mention mentioned mentioning mentions message messages might month more most much my need newest now \
        occur occurred occurring of on only or other our out over past please pull query recent recently \
        record records regarding related return saw say saying says search searching see seem seems seen \
        service services severity show showing shows since so some something svc tell than that the their \
        them then there there's these they thing things this those through time times to top up us use using \
        via want was way we week went were what what's whats when where which while who whose why will with \
        within word would wrong year you your \
    ";
    STOP.split_ascii_whitespace().any(|stop| stop == word)
}

/// What is slow or fast, rather than what is said; nothing to look for once a latency is asked for.
pub(super) fn is_carrier(word: &str) -> bool {
    matches!(
        word,
        "request"
            | "requests"
            | "call"
            | "calls"
            | "response"
            | "responses"
            | "transaction"
            | "transactions"
            | "operation"
            | "operations"
            | "query"
            | "queries"
            | "took"
            | "take"
            | "takes"
            | "taking"
            | "lasted"
            | "lasting"
            | "latency"
            | "latencies"
            | "duration"
            | "durations"
            | "slow"
            | "fast"
            | "anything"
            | "api"
    )
}

/// The singular of a word that looks like a plural.
pub(super) fn singular(word: &str) -> Option<String> {
    let is_plain = word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    if !is_plain || ["ss", "us", "is", "ous"].iter().any(|end| word.ends_with(end)) {
        return None;
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return Some(format!("{stem}y"));
    }
    let sibilant = ["sses", "shes", "ches", "xes", "zzes"].iter().any(|end| word.ends_with(end));
    let stem = if sibilant { word.strip_suffix("es") } else { word.strip_suffix('s') };
    stem.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals() {
        for (word, one) in [("timeouts", "timeout"), ("retries", "retry"), ("crashes", "crash"), ("boxes", "box")] {
            assert_eq!(singular(word).as_deref(), Some(one), "{word}");
        }
        for word in ["status", "access", "redis", "bus", "dns", "k8s", "TLS", "card"] {
            assert_eq!(singular(word), None, "{word}");
        }
    }
}
