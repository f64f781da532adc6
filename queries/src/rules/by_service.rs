//! Who looks at which service, so that a new one is not shown to everybody.

use std::collections::{BTreeMap, BTreeSet};

use highwater_engine::Name;

/// Those who look at services, by the names they chose.
#[derive(Debug)]
pub(super) struct ByService<T> {
    named: BTreeMap<Name, BTreeSet<T>>,
    /// all the others, who may look at any
    others: BTreeSet<T>,
}

impl<T> Default for ByService<T> {
    fn default() -> Self {
        ByService { named: BTreeMap::new(), others: BTreeSet::new() }
    }
}

impl<T: Ord + Clone> ByService<T> {
    pub(super) fn insert(&mut self, services: &[Name], who: &T) {
        if !are_named(services) {
            self.others.insert(who.clone());
            return;
        }
        for service in services {
            self.named.entry(service.clone()).or_default().insert(who.clone());
        }
    }

    pub(super) fn remove(&mut self, services: &[Name], who: &T) {
        self.others.remove(who);
        for service in services {
            let Some(all) = self.named.get_mut(service) else { continue };
            all.remove(who);
            if all.is_empty() {
                self.named.remove(service);
            }
        }
    }

    /// Those who look at a service, and some who may not.
    pub(super) fn of(&self, service: &str) -> impl Iterator<Item = &T> {
        self.named.get(service).into_iter().flatten().chain(&self.others)
    }
}

fn are_named(services: &[Name]) -> bool {
    !services.is_empty() && services.iter().all(|service| !service.ends_with('*'))
}
