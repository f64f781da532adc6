//! View `top_errors`: the error messages of each service by template, with counts and an example, per minute; the 20
//! most frequent of a service.

use highwater_engine::{Flow, Log, Name, Service, minutes};
use highwater_operators::{Messages, catalog, template, top_k};

/// Templates shown per service and minute.
const SHOWN: usize = 20;

/// Publishes the view.
pub fn build(flow: &mut Flow<'_>) {
    let by_template = |log: &Log<'_>| Name::from(&*template(log.message()));
    let errors = flow
        .logs()
        .filter(|log| log.is_error())
        .tumbling(minutes(1))
        .aggregate((Service, by_template), Messages::observe);
    let per_service = errors.rows().map(|(((service, template), window), seen)| ((service, window), (template, seen)));
    let top = per_service.reduce(|_, templates, top| {
        let rows = templates.iter().map(|(row, _)| ((*row).clone(), row.1.count));
        top.extend(top_k(SHOWN, rows).into_iter().map(|(row, _)| (row, 1)));
    });
    let rows = top.map(|((service, window), (template, seen))| (((service, template), window), seen));
    flow.view(catalog::TOP_ERRORS, &errors.with_rows(rows));
}
