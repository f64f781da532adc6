//! Rules from a file: those of the configuration, in force as the file has them.

use super::{Rule, RuleDraft, Rules};
use crate::{error::AlertingError, id::id_of, problem::Problem};

/// Whose the rules of the configuration are.
pub const CONFIGURATION: &str = "configuration";

impl Rules {
    /// Makes the rules of the configuration what `drafts` are: each is known by its name. Others stay as they are.
    ///
    /// # Errors
    /// Where something is wrong with one, two have one name, or the database fails.
    pub async fn provision(&self, drafts: Vec<RuleDraft>) -> Result<(), AlertingError> {
        let mut stored: Vec<Rule> = self.all().await?;
        stored.retain(|rule| rule.owner == CONFIGURATION);
        let mut names = std::collections::BTreeSet::new();
        for draft in drafts {
            let name = draft.name.clone();
            let told = |error| match error {
                AlertingError::Invalid(problems) => {
                    AlertingError::Invalid(problems.into_iter().map(|problem| problem.inside(&name)).collect())
                }
                error => error,
            };
            if !names.insert(name.clone()) {
                return Err(Problem::new(name, "is the name of two rules").into());
            }
            let place = stored.iter().position(|rule| rule.draft.name == name);
            match place.map(|place| stored.swap_remove(place)) {
                Some(rule) if rule.draft == draft => {}
                Some(rule) => drop(self.replace(&rule.id, rule.version, draft).await.map_err(told)?),
                None => {
                    let id = id_of(&[CONFIGURATION.as_bytes(), name.as_bytes()]);
                    self.insert(id, draft, CONFIGURATION).await.map_err(told)?;
                }
            }
        }
        for gone in stored {
            self.delete(&gone.id).await?;
        }
        Ok(())
    }
}
