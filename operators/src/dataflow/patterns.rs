//! Templates into patterns, as they come.

use differential_dataflow::VecCollection;
use highwater_engine::{Epoch, Key, Name};

use crate::{TemplateId, pattern_texts, template_shape};

/// Templates of one key and shape that are looked at together: the first by id. Others are patterns of their own.
const MOST_TEMPLATES: usize = 2_000;

/// Finds the patterns of templates: see [`pattern_texts`].
pub trait Patterns<'s, K: Key> {
    /// The pattern's text of each template of each key.
    #[must_use]
    fn patterns(&self) -> VecCollection<'s, Epoch, ((K, TemplateId), Name), isize>;
}

impl<'s, K: Key> Patterns<'s, K> for VecCollection<'s, Epoch, ((K, TemplateId), Name), isize> {
    fn patterns(&self) -> VecCollection<'s, Epoch, ((K, TemplateId), Name), isize> {
        let by_shape = self.clone().map(|((key, id), text)| ((key, template_shape(&text)), (id, text)));
        let found = by_shape.reduce(|_, templates, found| {
            let (first, others) = templates.split_at(templates.len().min(MOST_TEMPLATES));
            let texts = pattern_texts(first.iter().map(|((_, text), _)| text.as_str()));
            found.extend(
                first.iter().filter_map(|((id, text), _)| Some(((*id, Name::from(&**texts.get(&**text)?)), 1))),
            );
            found.extend(others.iter().map(|((id, text), _)| ((*id, text.clone()), 1)));
        });
        found.map(|((key, _), (id, text))| ((key, id), text))
    }
}
