//! [`Templates`]: each shape of messages masked once.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{TemplateId, head};

/// Shapes that are remembered; when there are more, all are forgotten.
const MOST: usize = 1 << 14;

/// The ids of templates by the shape of messages: the text with each digit a zero. Messages of one shape have one
/// template, so that what is remembered never shows in an answer; to look a shape up costs a fraction of masking.
#[derive(Default)]
pub(super) struct Templates {
    known: HashMap<Box<[u8]>, TemplateId, RandomState>,
    shape: Vec<u8>,
}

impl Templates {
    /// The id of a message's template.
    pub(super) fn id(&mut self, message: &str) -> TemplateId {
        let text = head(message);
        self.shape.clear();
        self.shape.extend(text.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte }));
        if let Some(id) = self.known.get(self.shape.as_slice()) {
            return *id;
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
        let id = TemplateId::of_message(text);
        self.known.insert(self.shape.as_slice().into(), id);
        id
    }
}
