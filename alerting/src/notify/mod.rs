//! From alerts to notices: grouping, silences, repetition, flapping.

mod alert;
mod group;
mod matcher;
mod options;
mod silence;
mod template;

pub use self::{
    alert::{Notice, NoticeAlert, Standing},
    matcher::{Matcher, Operator},
    options::NotifyOptions,
    silence::{Silence, SilenceDraft, SilenceState},
};
pub(crate) use self::{
    group::{Group, Tells},
    template::{Texts, check as check_template},
};
