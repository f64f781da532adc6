//! View `top_errors`: the error messages of each service by template, with counts and an example, per minute; the 20
//! most frequent of a service.

use highwater_engine::{Flow, Name};
use highwater_operators::{Messages, catalog, top_k};

use crate::patterns::Seen;

/// Templates shown per service and minute.
const SHOWN: usize = 20;

/// Publishes the view.
pub fn build<'s>(flow: &mut Flow<'s>, seen: &Seen<'s>) {
    let counts = seen.counts.rows().map(|((key, window), seen)| (key, (window, seen.levels.errors())));
    let errors = counts.filter(|(_, (_, errors))| *errors > 0);
    let messages = errors.join_map(seen.templates.clone(), |(service, _), &(window, count), sighting| {
        let messages = Messages { count, example: Some(sighting.example.clone()) };
        ((service.clone(), window), (sighting.template.clone(), messages))
    });
    let top = messages.reduce(|_, templates, top| {
        let rows = templates.iter().map(|(row, _)| ((*row).clone(), row.1.count));
        top.extend(top_k(SHOWN, rows).into_iter().map(|(row, _)| (row, 1)));
    });
    let rows =
        top.map(|((service, window), (template, seen)): (_, (Name, Messages))| (((service, template), window), seen));
    flow.view(catalog::TOP_ERRORS, &seen.counts.with_rows(rows));
}
