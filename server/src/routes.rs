//! Every address: the operations of all modules, found by their path.

use std::sync::LazyLock;

use matchit::Router;

use crate::{
    accounts, ai, alerts, anomalies, audit, context, docs, graph, health, ingest, live, logs, metrics_api,
    operation::{Operation, Verb},
    page,
    params::decode,
    patterns, pipeline, rate_limits, searches, socket, views,
};

/// All there are. Routing, the OpenAPI document and `Allow` come from here.
pub(crate) static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let modules = [
        page::OPERATIONS,
        docs::OPERATIONS,
        health::OPERATIONS,
        views::OPERATIONS,
        live::OPERATIONS,
        socket::OPERATIONS,
        metrics_api::OPERATIONS,
        anomalies::OPERATIONS,
        ingest::OPERATIONS,
        logs::OPERATIONS,
        patterns::OPERATIONS,
        graph::OPERATIONS,
        pipeline::OPERATIONS,
        ai::OPERATIONS,
        context::OPERATIONS,
        searches::OPERATIONS,
        rate_limits::OPERATIONS,
        audit::OPERATIONS,
    ];
    modules.iter().chain(alerts::OPERATIONS).chain(accounts::OPERATIONS).copied().flatten().copied().collect()
});

/// The operations of each address.
static ADDRESSES: LazyLock<Router<Vec<&'static Operation>>> = LazyLock::new(|| {
    let mut router = Router::<Vec<&'static Operation>>::new();
    for operation in OPERATIONS.iter() {
        for path in operation.paths {
            // the address may have other methods already
            let others = router.remove(*path).unwrap_or_default();
            let all = others.into_iter().chain([operation]).collect();
            if let Err(error) = router.insert(*path, all) {
                tracing::error!(%error, path, "an address is not served: it is at odds with another");
            }
        }
    }
    router
});

/// An address that is served.
pub(crate) struct Address {
    operations: &'static [&'static Operation],
    /// The parts of the path that have a name.
    pub(crate) segments: Vec<(&'static str, String)>,
}

impl Address {
    /// None where a path is no address, or says nothing where a name is expected.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let found = ADDRESSES.at(path).ok()?;
        let operations: &'static [&'static Operation] = found.value;
        let mut segments = Vec::new();
        for (name, value) in found.params.iter() {
            let name = names(operations).find(|known| *known == name)?;
            segments.push((name, decode(value, false).filter(|value| !value.is_empty())?));
        }
        Some(Address { operations, segments })
    }

    /// What it does with a method.
    pub(crate) fn operation(&self, method: &str) -> Option<&'static Operation> {
        let does =
            |operation: &&&Operation| operation.verb.name() == method || (method == "HEAD" && operation.has_head());
        self.operations.iter().find(does).copied()
    }

    /// What metrics call it: never anything that a client chose.
    pub(crate) fn label(&self) -> &'static str {
        let path = self.operations.first().and_then(|operation| operation.paths.first()).copied().unwrap_or("unknown");
        path.strip_prefix("/api/v1").unwrap_or(path)
    }

    /// The methods it has.
    pub(crate) fn allowed(&self) -> String {
        let methods = self.operations.iter().flat_map(|operation| {
            let head = (operation.verb == Verb::Get && operation.has_head()).then_some("HEAD");
            [operation.verb.name()].into_iter().chain(head)
        });
        methods.collect::<Vec<_>>().join(", ")
    }
}

fn names(operations: &'static [&'static Operation]) -> impl Iterator<Item = &'static str> {
    operations.iter().flat_map(|operation| operation.params).map(|param| param.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::operation::In;

    #[test]
    fn each_address_with_its_method_leads_to_its_operation() {
        let mut seen = BTreeSet::new();
        for operation in OPERATIONS.iter() {
            for path in operation.paths {
                assert!(seen.insert((operation.verb.name(), path)), "{path} twice");
                let filled = path.replace("{*", "{").replace("{metric}", "latency");
                let address = Address::of(&filled).unwrap_or_else(|| panic!("{path} leads nowhere"));
                let found = address.operation(operation.verb.name()).unwrap();
                assert_eq!(found.paths, operation.paths, "{path}");
            }
        }
    }

    #[test]
    fn the_names_in_a_path_are_its_parameters() {
        for operation in OPERATIONS.iter() {
            let declared: BTreeSet<_> =
                operation.params.iter().filter(|param| param.place == In::Path).map(|param| param.name).collect();
            for path in operation.paths {
                let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
                let named: BTreeSet<_> = named.map(|name| name.trim_start_matches('*')).collect();
                assert_eq!(named, declared, "{path}");
            }
        }
    }

    #[test]
    fn an_empty_or_broken_name_is_no_address() {
        for path in ["/api/v1/views/", "/api/v1/views/%zz", "/api/v1/views/%ff", "/api/v1", "/api/v2/views", "//", ""] {
            assert!(Address::of(path).is_none(), "{path}");
        }
        assert_eq!(Address::of("/api/v1/views/a%2Fb").unwrap().segments, [("name", "a/b".to_owned())]);
    }
}
