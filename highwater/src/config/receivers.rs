//! `[[alerts.receiver]]`: whom alerts are told to whose rule names nobody. The fields are those that a rule has for it.

use highwater_alerting::{ChannelKind, Receiver};
use serde_json::{Value, json};

use super::{
    tree::{Node, Section, What},
    values::{choice, texts, truth, whole},
};

/// Most of them.
const MOST: usize = 16;

pub(super) fn read_receivers(alerts: &mut Section<'_>) -> Vec<Receiver> {
    let sections = alerts.sections("receiver");
    if sections.len() > MOST {
        alerts.complain(format!("receiver: there may be {MOST} at most"));
    }
    sections.into_iter().filter_map(read_receiver).collect()
}

/// What is wrong with it never repeats a value, which may be a secret.
fn read_receiver(mut section: Section<'_>) -> Option<Receiver> {
    let channel = section.need("channel", choice(&ChannelKind::ALL.map(|kind| (kind.as_str(), kind))));
    let mut json = json!({ "channel": channel });
    for key in ["config", "notification"] {
        if let Some(table) = section.get_secret(key, table) {
            json[key] = table;
        }
    }
    channel?;
    let receiver = Receiver::read(&json).map_err(|problems| {
        problems.iter().for_each(|problem| section.complain(problem.to_string()));
    });
    section.finish();
    receiver.ok()
}

fn table(node: &Node) -> Result<Value, String> {
    match &node.what {
        What::Table(_) => Ok(value("", node)),
        _ => Err("a table, like { url = \"https://..\" }".to_owned()),
    }
}

fn value(key: &str, node: &Node) -> Value {
    match &node.what {
        What::Text(text) => text.as_str().into(),
        What::Integer(number) => (*number).into(),
        What::Float(number) => (*number).into(),
        What::Bool(truth) => (*truth).into(),
        What::List(items) => items.iter().map(|item| value(key, item)).collect(),
        What::Table(table) if key == "headers" => {
            table.iter().map(|(name, node)| (header(name, node), value("", node))).collect()
        }
        What::Table(table) => table.iter().map(|(key, node)| (key.clone(), value(key, node))).collect(),
        What::Raw(text) => raw(key, node).unwrap_or_else(|_| text.as_str().into()),
        What::Other(_) => Value::Null,
    }
}

/// In the names of environment variables, underscores stand for dashes.
fn header(name: &str, node: &Node) -> String {
    if matches!(node.what, What::Raw(_)) { name.replace('_', "-") } else { name.to_owned() }
}

/// In the environment everything is text: these fields are something else.
fn raw(key: &str, node: &Node) -> Result<Value, String> {
    match key {
        "port" | "flap_threshold" => whole(0..=u32::MAX)(node).map(Value::from),
        "send_resolved" => truth(node).map(Value::from),
        "to" | "group_by" => texts(node).map(Value::from),
        _ => Err(String::new()),
    }
}
