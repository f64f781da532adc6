//! [`Page`]: a part of a list, and where the next one begins.

use serde::Serialize;

/// Most that one page holds.
const MOST: u32 = 1_000;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for next; none at the end.
    pub next_cursor: Option<String>,
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// How many at most: 1 to 1000.
    pub limit: u32,
    /// What the page before said; none for the first.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        PageRequest { limit: 100, cursor: None }
    }
}

impl PageRequest {
    /// One more than fit, so that it is known whether there are more.
    pub(crate) fn fetched(&self) -> i64 {
        i64::from(self.limit.clamp(1, MOST)) + 1
    }

    /// A cursor of a number and an id.
    pub(crate) fn place(&self) -> Option<(i64, &str)> {
        let (number, id) = self.cursor.as_deref()?.split_once(':')?;
        Some((number.parse().ok()?, id))
    }
}

impl<T> Page<T> {
    /// A page of what was fetched, one more than fit where there are more.
    pub(crate) fn of(mut items: Vec<T>, request: &PageRequest, cursor: impl Fn(&T) -> String) -> Page<T> {
        let fits = usize::try_from(request.fetched() - 1).unwrap_or(usize::MAX);
        let is_more = items.len() > fits;
        items.truncate(fits);
        let next_cursor = items.last().filter(|_| is_more).map(cursor);
        Page { items, next_cursor }
    }
}
