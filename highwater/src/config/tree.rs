//! The configuration as it was written: values, each with the place it stands at, and what is wrong with them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use serde_json::{Number, Value as Json};
use toml::de::{DeTable, DeValue};

use super::{suggest::hint, values};

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Nowhere: what is missing has no place but its file.
    Nowhere,
    /// In the file, at this line.
    Line(usize),
    /// By this environment variable.
    Variable(String),
    /// By this flag.
    Flag(&'static str),
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) what: What,
    pub(crate) place: Place,
}

/// A value as written.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    List(Vec<Node>),
    Table(Table),
    /// From the environment or a flag, where everything is text: it is read as what its key needs.
    Raw(String),
    /// Something no key takes, by its name.
    Other(&'static str),
}

pub(crate) type Table = BTreeMap<String, Node>;

impl Node {
    /// The value for a message.
    pub(crate) fn shown(&self) -> String {
        match &self.what {
            What::Text(text) | What::Raw(text) => format!("{text:?}"),
            What::Integer(number) => number.to_string(),
            What::Float(number) => number.to_string(),
            What::Bool(truth) => truth.to_string(),
            What::List(_) => "a list".to_owned(),
            What::Table(_) => "a table".to_owned(),
            What::Other(name) => format!("a {name}"),
        }
    }
}

/// Something that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    place: Place,
    key: String,
    what: String,
}

/// Everything that is wrong, as it is found; and which keys there are.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    file: Option<PathBuf>,
    list: RefCell<Vec<Problem>>,
    keys: RefCell<BTreeSet<String>>,
}

impl Problems {
    pub(crate) fn of_file(file: Option<&Path>) -> Self {
        Problems { file: file.map(Path::to_owned), ..Problems::default() }
    }

    pub(crate) fn add(&self, place: &Place, key: impl Into<String>, what: impl Into<String>) {
        self.list.borrow_mut().push(Problem { place: place.clone(), key: key.into(), what: what.into() });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.borrow().is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.borrow().len()
    }

    /// Every key that was looked for, as `section.key` or `source.key`.
    #[cfg(test)]
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.keys.borrow().clone()
    }
}

/// A line each: `highwater.toml:12: time.tick: ...`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map_or("configuration".into(), |file| file.display().to_string());
        let mut list = self.list.borrow().clone();
        list.sort();
        for (number, Problem { place, key, what }) in list.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            match place {
                Place::Nowhere => write!(f, "{file}: ")?,
                Place::Line(line) => write!(f, "{file}:{line}: ")?,
                Place::Variable(name) => write!(f, "environment variable {name}: ")?,
                Place::Flag(name) => write!(f, "flag {name}: ")?,
            }
            if !key.is_empty() {
                write!(f, "{key}: ")?;
            }
            f.write_str(what)?;
        }
        Ok(())
    }
}

/// Reads TOML, as much of it as can be read.
pub(crate) fn parse(text: &str, problems: &Problems) -> Table {
    let (table, errors) = DeTable::parse_recoverable(text);
    let line = |offset: usize| Place::Line(text.get(..offset).unwrap_or("").matches('\n').count() + 1);
    for error in errors {
        let place = error.span().map_or(Place::Nowhere, |span| line(span.start));
        problems.add(&place, "", error.message().to_owned());
    }
    table_of(table.get_ref(), &line)
}

fn table_of(table: &DeTable<'_>, line: &impl Fn(usize) -> Place) -> Table {
    let entry = |key: &toml::Spanned<_>, value: &toml::Spanned<DeValue<'_>>| Node {
        what: what_of(value.get_ref(), line),
        place: line(key.span().start),
    };
    table.iter().map(|(key, value)| (key.get_ref().to_string(), entry(key, value))).collect()
}

fn what_of(value: &DeValue<'_>, line: &impl Fn(usize) -> Place) -> What {
    match value {
        DeValue::String(text) => What::Text(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(What::Other("number too large"), What::Integer)
        }
        DeValue::Float(number) => number.as_str().parse().map_or(What::Other("number"), What::Float),
        DeValue::Boolean(truth) => What::Bool(*truth),
        DeValue::Datetime(_) => What::Other("date"),
        DeValue::Array(items) => What::List(
            items
                .iter()
                .map(|item| Node { what: what_of(item.get_ref(), line), place: line(item.span().start) })
                .collect(),
        ),
        DeValue::Table(table) => What::Table(table_of(table, line)),
    }
}

/// A table that is being read: it knows which keys were looked for, so that what is left over is unknown.
pub(crate) struct Section<'p> {
    /// how messages call it: `time`, `source[0]`
    path: String,
    /// how the list of keys calls it: `time`, `source`
    name: String,
    pub(crate) place: Place,
    entries: Table,
    known: Vec<String>,
    problems: &'p Problems,
}

impl<'p> Section<'p> {
    pub(crate) fn root(entries: Table, problems: &'p Problems) -> Self {
        let (path, name) = (String::new(), String::new());
        Section { path, name, place: Place::Nowhere, entries, known: Vec::new(), problems }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn name_of(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn take(&mut self, key: &str) -> Option<Node> {
        self.known.push(key.to_owned());
        self.problems.keys.borrow_mut().insert(self.name_of(key));
        self.entries.remove(key)
    }

    /// The value of `key`, where it is set and `read` can read it. What `read` returns as an error is what would be
    /// allowed.
    pub(crate) fn get<T>(&mut self, key: &str, read: impl FnOnce(&Node) -> Result<T, String>) -> Option<T> {
        let node = self.take(key)?;
        match read(&node) {
            Ok(value) => Some(value),
            Err(allowed) => {
                self.problems.add(&node.place, self.path_of(key), format!("{} is not {allowed}", node.shown()));
                None
            }
        }
    }

    /// The same of a value that may be a secret: what is wrong with it is told without it.
    pub(crate) fn get_secret<T>(&mut self, key: &str, read: impl FnOnce(&Node) -> Result<T, String>) -> Option<T> {
        let node = self.take(key)?;
        read(&node)
            .map_err(|allowed| self.problems.add(&node.place, self.path_of(key), format!("is not {allowed}")))
            .ok()
    }

    /// The same, into `target`, which keeps its default where the key is absent.
    pub(crate) fn set<T>(&mut self, key: &str, target: &mut T, read: impl FnOnce(&Node) -> Result<T, String>) {
        if let Some(value) = self.get(key, read) {
            *target = value;
        }
    }

    /// The value of a key that must be there.
    pub(crate) fn need<T>(&mut self, key: &'static str, read: impl FnOnce(&Node) -> Result<T, String>) -> Option<T> {
        if !self.entries.contains_key(key) {
            self.known.push(key.to_owned());
            self.problems.add(&self.place, self.path.clone(), format!("needs the key \"{key}\""));
            return None;
        }
        self.get(key, read)
    }

    /// A table inside, empty where there is none.
    pub(crate) fn section(&mut self, key: &str) -> Section<'p> {
        let node = self.take(key);
        self.open(self.path_of(key), &self.name_of(key), node)
    }

    /// A table whose keys are those of `default`, a serialised struct; what is set replaces what is there.
    pub(crate) fn like(&mut self, key: &str, default: &mut Json) {
        match default {
            Json::Object(fields) => {
                let node = self.take(key);
                let mut section = self.open(self.path_of(key), &self.name_of(key), node);
                for (name, field) in fields {
                    section.like(name, field);
                }
                section.finish();
            }
            Json::Bool(truth) => *truth = self.get(key, values::truth).unwrap_or(*truth),
            Json::Number(number) if number.is_f64() => {
                if let Some(set) = self.get(key, values::number(-1e12..=1e12)).and_then(Number::from_f64) {
                    *number = set;
                }
            }
            Json::Number(number) => {
                if let Some(set) = self.get(key, values::whole(0..=u64::from(u32::MAX))) {
                    *number = set.into();
                }
            }
            Json::String(chosen) => *chosen = self.get(key, values::text).unwrap_or_else(|| chosen.clone()),
            Json::Null | Json::Array(_) => {}
        }
    }

    /// The tables of a list of tables.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<Section<'p>> {
        let Some(node) = self.take(key) else { return Vec::new() };
        let path = self.path_of(key);
        let What::List(items) = node.what else {
            self.problems.add(&node.place, &path, format!("is a list of tables: begin each with [[{path}]]"));
            return Vec::new();
        };
        let open = |(number, item)| self.open(format!("{path}[{number}]"), &self.name_of(key), Some(item));
        items.into_iter().enumerate().map(open).collect()
    }

    fn open(&self, path: String, name: &str, node: Option<Node>) -> Section<'p> {
        let mut place = Place::Nowhere;
        let mut entries = Table::new();
        if let Some(node) = node {
            place = node.place.clone();
            match node.what {
                What::Table(table) => entries = table,
                _ => self.problems.add(&node.place, &path, format!("{} is not a table", node.shown())),
            }
        }
        Section { path, name: name.to_owned(), place, entries, known: Vec::new(), problems: self.problems }
    }

    /// Says that something about the table as a whole is wrong.
    pub(crate) fn complain(&self, what: impl Into<String>) {
        self.problems.add(&self.place, self.path.clone(), what);
    }

    /// Whatever has not been looked for is unknown.
    pub(crate) fn finish(self) {
        for (key, node) in &self.entries {
            let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
            let what = format!("unknown key; {}", hint(key, &known));
            self.problems.add(&node.place, self.path_of(key), what);
        }
    }

    /// Leaves whatever is left over uncommented: its table has been complained about already.
    pub(crate) fn give_up(self) {}
}
