//! What the environment says over the file: `HIGHWATER_TIME__TICK=50ms`, `HIGHWATER_SOURCE__0__TOPIC=logs`.

use super::tree::{Node, Place, Problems, Table, What};

/// How every variable begins that sets a key. What has no double underscore after it sets none.
const PREFIX: &str = "HIGHWATER_";

/// Puts the variables' values into the tables, making tables where there are none.
pub(crate) fn overlay(root: &mut Table, variables: impl IntoIterator<Item = (String, String)>, problems: &Problems) {
    let path_of = |name: &str| -> Option<Vec<String>> {
        let rest = name.strip_prefix(PREFIX).filter(|rest| rest.contains("__"))?;
        Some(rest.split("__").map(str::to_lowercase).collect())
    };
    let mut variables: Vec<_> =
        variables.into_iter().filter_map(|(name, value)| Some((path_of(&name)?, name, value))).collect();
    // numbers in order, so that a list grows from its beginning
    variables.sort_by_cached_key(|(path, ..)| {
        path.iter().map(|part| (part.parse::<usize>().ok(), part.clone())).collect::<Vec<_>>()
    });
    for (path, name, value) in variables {
        let node = Node { what: What::Raw(value), place: Place::Variable(name.clone()) };
        if let Err(what) = put(root, &path, node) {
            problems.add(&Place::Variable(name), "", what);
        }
    }
}

/// Sets `section.key`, as a flag does.
pub(crate) fn set(root: &mut Table, path: [&str; 2], node: Node) -> Result<(), String> {
    put(root, &path.map(str::to_owned), node)
}

fn put(table: &mut Table, path: &[String], node: Node) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else { return Ok(()) };
    if key.is_empty() {
        return Err("names no key: write HIGHWATER_SECTION__KEY".to_owned());
    }
    if rest.is_empty() {
        table.insert(key.clone(), node);
        return Ok(());
    }
    let is_list = rest.first().is_some_and(|next| next.bytes().all(|b| b.is_ascii_digit()) && !next.is_empty());
    let empty = if is_list { What::List(Vec::new()) } else { What::Table(Table::new()) };
    let inner = table.entry(key.clone()).or_insert_with(|| Node { what: empty, place: node.place.clone() });
    match (&mut inner.what, rest) {
        (What::Table(inner), _) => put(inner, rest, node),
        (What::List(items), [index, rest @ ..]) if is_list && !rest.is_empty() => {
            let length = items.len();
            let index: usize = index.parse().map_err(|_| format!("{index} is too large a number"))?;
            if index == length {
                items.push(Node { what: What::Table(Table::new()), place: node.place.clone() });
            }
            match items.get_mut(index).map(|item| &mut item.what) {
                Some(What::Table(inner)) => put(inner, rest, node),
                Some(_) => Err(format!("{key} number {index} is not a table")),
                None => Err(format!("there is no {key} number {index}: the next that can be set is {length}")),
            }
        }
        (What::List(_), _) => Err(format!("{key} is a list: write {PREFIX}{}__0__KEY", key.to_uppercase())),
        _ => Err(format!("{key} is a value, not a table")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaid(variables: &[(&str, &str)]) -> (Table, Problems) {
        let (mut root, problems) = (Table::new(), Problems::default());
        overlay(&mut root, variables.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())), &problems);
        (root, problems)
    }

    #[test]
    fn lists_grow_in_order_whatever_the_order_of_the_variables() {
        let (root, problems) = overlaid(&[
            ("HIGHWATER_SOURCE__1__A", "x"),
            ("HIGHWATER_SOURCE__0__LONGER_NAME", "y"),
            ("HIGHWATER_KAFKA_DIR", "not a key"),
            ("PATH", "nor this"),
        ]);
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(root.len(), 1);
        let What::List(sources) = &root["source"].what else { panic!("{root:?}") };
        assert_eq!(sources.len(), 2);
    }

    #[test]
    fn a_gap_in_a_list_is_told() {
        let (_, problems) = overlaid(&[("HIGHWATER_SOURCE__3__TOPIC", "x")]);
        assert_eq!(
            problems.to_string(),
            "environment variable HIGHWATER_SOURCE__3__TOPIC: there is no source number 3: the next that can be set is 0"
        );
    }
}
