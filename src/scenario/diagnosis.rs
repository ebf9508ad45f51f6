//! What is wrong with a text that is no scenario: which field, which line, and what would be right.
//!
//! Serde says what is wrong but not where, once a value has passed through a tagged enum or a flattened struct. So the
//! culprit is found by experiment: a field is at fault exactly when the complaint changes without it.

use super::description::Scenario;
use super::document::Document;
use super::uncertainty;
use serde::Deserialize;
use toml::{Table, Value};

/// The scenario in a text, or the line and the message of the first mistake.
pub(super) fn parse(text: &str) -> Result<Scenario, (usize, String)> {
    let document = Document::parse(text)?;
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| (0, error.message().to_owned()))?;
    let mistake = |(path, message): (String, String)| {
        let text = format!("{}: {message}{}", document.call(&path), document.about(&path));
        (document.line(&path), text)
    };
    let uncertainties = uncertainty::take(&mut table).map_err(mistake)?;
    match complaint(&table) {
        Ok(scenario) => scenario.with_uncertainties(uncertainties).map_err(|error| {
            let line = error.field().map_or(0, |field| document.line(field));
            (line, error.to_string())
        }),
        Err(message) => {
            let mut value = Value::Table(table);
            let path = culprit(&mut value, &message);
            let line = document.line(&path);
            Err((line, explain(&document, &path, &message)))
        }
    }
}

fn complaint(table: &Table) -> Result<Box<Scenario>, String> {
    Scenario::deserialize(Value::Table(table.clone())).map(Box::new).map_err(|error| error.message().to_owned())
}

/// The path of the innermost field without which the complaint changes; for a missing field, of the table that lacks it.
fn culprit(root: &mut Value, message: &str) -> String {
    let lacking = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let mut path: Vec<Step> = Vec::new();
    loop {
        if lacking.is_some_and(|field| lacks(root, &path, field, message)) {
            break;
        }
        let steps = at(root, &path).map(|value| children(value, message)).unwrap_or_default();
        let found = steps.into_iter().find(|step| {
            let Some(removed) = remove(root, &path, step) else { return false };
            // A field cannot be missing in a number: of those only the tables and lists are asked.
            let asked = lacking.is_none() || matches!(removed, Value::Table(_) | Value::Array(_));
            let changes = asked && changed(root, message).is_some();
            restore(root, &path, step, removed);
            changes
        });
        match found {
            Some(step) => path.push(step),
            None => break,
        }
    }
    render(&path)
}

/// Whether the table at `path` is the one that lacks the field: the complaint goes away when it gets one.
fn lacks(root: &mut Value, path: &[Step], field: &str, message: &str) -> bool {
    let step = Step::Key(field.to_owned());
    match at(root, path) {
        Some(Value::Table(table)) if !table.contains_key(field) => {}
        _ => return false,
    }
    restore(root, path, &step, Value::String(String::new()));
    let other = changed(root, message);
    remove(root, path, &step);
    other.is_some_and(|other| !other.starts_with("unknown field"))
}

/// The complaint as it is now, empty for none, if it is not `message`.
fn changed(root: &Value, message: &str) -> Option<String> {
    let now = root.as_table().map(complaint)?.err().unwrap_or_default();
    (now != message).then_some(now)
}

enum Step {
    Key(String),
    Index(usize),
}

fn render(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// What a value consists of, in the order in which it is suspected: what the complaint quotes first.
fn children(value: &Value, message: &str) -> Vec<Step> {
    match value {
        Value::Table(table) => {
            let quoted = message.split('`').nth(1).unwrap_or_default();
            let mut keys: Vec<&String> = table.keys().collect();
            keys.sort_by_key(|key| {
                let named = key.as_str() == quoted || table.get(*key).and_then(Value::as_str) == Some(quoted);
                // Without its tag or its name no table can be read, which proves nothing.
                if named { 0 } else { 1 + usize::from(matches!(key.as_str(), "name" | "model" | "kind")) }
            });
            keys.into_iter().cloned().map(Step::Key).collect()
        }
        Value::Array(array) => (0..array.len()).map(Step::Index).collect(),
        _ => Vec::new(),
    }
}

fn at<'a>(root: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(*index),
    })
}

fn at_mut<'a>(root: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(*index),
    })
}

fn remove(root: &mut Value, path: &[Step], step: &Step) -> Option<Value> {
    match (at_mut(root, path)?, step) {
        (Value::Table(table), Step::Key(key)) => table.remove(key),
        (Value::Array(array), Step::Index(index)) if *index < array.len() => Some(array.remove(*index)),
        _ => None,
    }
}

fn restore(root: &mut Value, path: &[Step], step: &Step, removed: Value) {
    match (at_mut(root, path), step) {
        (Some(Value::Table(table)), Step::Key(key)) => {
            table.insert(key.clone(), removed);
        }
        (Some(Value::Array(array)), Step::Index(index)) => array.insert(*index, removed),
        _ => {}
    }
}

/// The complaint in the words of this crate's other errors: the field first, then what is wrong, then what would be right.
fn explain(document: &Document, path: &str, message: &str) -> String {
    let mut text = document.call(path);
    if !path.is_empty() {
        text.push_str(": ");
    }
    text.push_str(&plain(message));
    if let Some(nearest) = suggestion(message) {
        text.push_str(&format!("; did you mean `{nearest}`?"));
    }
    text.push_str(&document.about(path));
    text
}

/// Serde's names of Rust types in words.
fn plain(message: &str) -> String {
    let mut text = message.trim_end().replace('\n', "; ");
    for (rust, word) in [
        ("expected f64", "expected a number"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
        ("expected usize", "expected a whole number"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
    ] {
        text = text.replace(rust, word);
    }
    if let Some(at) = text.find("expected struct ") {
        text.truncate(at);
        text.push_str("expected a table");
    }
    text
}

/// The name that stands nearest to an unknown one among those that serde lists.
fn suggestion(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    let (distance, nearest) = names.map(|name| (edits(unknown, name), name)).min()?;
    (distance <= 1 + unknown.len() / 3).then_some(nearest)
}

/// Levenshtein's distance: insertions, deletions and replacements of one character.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
