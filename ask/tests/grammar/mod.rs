//! The grammar of the log search, as far as answers use it: a recogniser that shares no code with what writes them.

/// Whether a text is a query.
pub(crate) fn check(query: &str) -> Result<(), String> {
    let mut rest = query;
    if rest.is_empty() {
        return Ok(());
    }
    alternatives(&mut rest, 0)?;
    if rest.is_empty() { Ok(()) } else { Err(format!("{rest:?} is left of {query:?}")) }
}

fn alternatives(rest: &mut &str, depth: usize) -> Result<(), String> {
    if depth > 4 {
        return Err("too deep".to_owned());
    }
    clause(rest, depth)?;
    while let Some(after) = rest.strip_prefix(' ') {
        *rest = after.strip_prefix("OR ").or_else(|| after.strip_prefix("AND ")).unwrap_or(after);
        clause(rest, depth)?;
    }
    Ok(())
}

fn clause(rest: &mut &str, depth: usize) -> Result<(), String> {
    if let Some(after) = rest.strip_prefix("NOT ") {
        *rest = after;
    }
    if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        alternatives(rest, depth + 1)?;
        *rest = rest.strip_prefix(')').ok_or_else(|| format!("`)` is missing before {rest:?}"))?;
        return Ok(());
    }
    if rest.starts_with('"') {
        return phrase(rest);
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    if word.is_empty() || matches!(word, "AND" | "OR" | "NOT") {
        return Err(format!("a word is missing before {rest:?}"));
    }
    match rest.strip_prefix(':') {
        None if word.contains(['_', '.']) => Err(format!("{word:?} is more than a word")),
        None => Ok(()),
        Some(after) => {
            let signs = [">=", "<=", ">", "<"];
            *rest = signs.iter().find_map(|sign| after.strip_prefix(sign)).unwrap_or(after);
            clause(rest, depth)
        }
    }
}

fn phrase(rest: &mut &str) -> Result<(), String> {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' => {
                let (said, after) = rest.split_at(at + 1);
                *rest = after;
                let says = said.contains(char::is_alphanumeric);
                return if says { Ok(()) } else { Err(format!("{said} says nothing")) };
            }
            _ => {}
        }
    }
    Err(format!("{rest:?} is never closed"))
}
