//! A TOML document with its lines: where in the file a field stands.

use crate::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed document that remembers the line of every key and value.
pub(super) struct Document {
    root: Node,
}

struct Node {
    /// Line of the key, or of the value where there is no key.
    line: usize,
    content: Content,
}

enum Content {
    Table(Vec<(String, Node)>),
    Array(Vec<Node>),
    Scalar(Option<String>),
}

impl Document {
    /// Parses the text; an error is a line and what is wrong there.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let lines = Lines::new(text);
        match DeTable::parse(text) {
            Ok(table) => Ok(Document { root: Node { line: 1, content: lines.table(table.get_ref()) } }),
            Err(error) => {
                let line = error.span().map_or(0, |span| lines.line(span.start));
                Err((line, error.message().replace('\n', "; ")))
            }
        }
    }

    /// The line of a field such as `factors.btc.volatility` or `borrowers[3].facilities[0].coupon`; of the innermost
    /// table around it that the file has, where it does not have the field itself.
    pub(super) fn line(&self, path: &str) -> usize {
        let mut node = &self.root;
        for step in steps(path) {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.line
    }

    /// A path as errors call it: factors by name, `factors.btc.volatility` for `factors[0].volatility`.
    pub(super) fn call(&self, path: &str) -> String {
        match path.strip_prefix("factors[").and_then(|rest| rest.split_once(']')) {
            Some((index, rest)) => match self.name(&["factors", index]) {
                Some(name) => format!("factors.{name}{rest}"),
                None => path.to_owned(),
            },
            None => path.to_owned(),
        }
    }

    /// ` (borrower "A")` for a path into the borrower of that name, else nothing: few know their borrowers by number.
    pub(super) fn about(&self, path: &str) -> String {
        let index = path.strip_prefix("borrowers[").and_then(|rest| rest.split_once(']')).map(|(index, _)| index);
        match index.and_then(|index| self.name(&["borrowers", index])) {
            Some(name) => format!(" (borrower \"{name}\")"),
            None => String::new(),
        }
    }

    fn name(&self, steps: &[&str]) -> Option<&str> {
        steps.iter().try_fold(&self.root, |node, step| node.child(step))?.name()
    }
}

impl Node {
    /// The value of a key; in an array the element of that index, or the table of that `name`.
    fn child(&self, step: &str) -> Option<&Node> {
        match &self.content {
            Content::Table(entries) => entries.iter().find(|(key, _)| key == step).map(|(_, node)| node),
            Content::Array(elements) => match step.parse::<usize>() {
                Ok(index) => elements.get(index),
                Err(_) => elements.iter().find(|element| element.name() == Some(step)),
            },
            Content::Scalar(_) => None,
        }
    }

    fn name(&self) -> Option<&str> {
        match &self.child("name")?.content {
            Content::Scalar(text) => text.as_deref(),
            _ => None,
        }
    }
}

/// An error of a field as one of a file, with the line of the field's path there.
pub(crate) fn located(file: &str, text: &str, error: &Error, path: &str) -> Error {
    let message = error.to_string();
    // Every error of the crate that has a field begins with it.
    let rest = error.field().and_then(|field| message.strip_prefix(field));
    let message = rest.map_or_else(|| message.clone(), |rest| format!("{path}{rest}"));
    let (line, about) = match Document::parse(text) {
        Ok(document) => (document.line(path), document.about(path)),
        Err(_) => (0, String::new()),
    };
    Error::Scenario { file: file.to_owned(), line, message: message + &about }
}

/// The parts of a path: `borrowers[3].coupon` has `borrowers`, `3` and `coupon`.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}

/// Byte offsets at which lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Lines(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|&start| start <= offset)
    }

    fn table(&self, table: &DeTable<'_>) -> Content {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            (name.to_string(), Node { line: self.line(key.span().start), content: self.content(value.get_ref()) })
        };
        Content::Table(table.iter().map(entry).collect())
    }

    fn content(&self, value: &DeValue<'_>) -> Content {
        match value {
            DeValue::Table(table) => self.table(table),
            DeValue::Array(array) => Content::Array(
                array
                    .iter()
                    .map(|element| Node {
                        line: self.line(element.span().start),
                        content: self.content(element.get_ref()),
                    })
                    .collect(),
            ),
            DeValue::String(text) => Content::Scalar(Some(text.to_string())),
            _ => Content::Scalar(None),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: every way in which TOML writes a table or a list leads to the right line.
    use super::*;

    const TEXT: &str = r#"title = "x"

[simulation]
months = 12

[[factors]]
name = "btc"
volatility = 0.5

[[factors]]
name = "rent"
inline = { a = 1, b = [1, 2,
  3] }

[[borrowers]]
name = "A"
[[borrowers.facilities]]
coupon = 0.1
[[borrowers.facilities]]
coupon = 0.2
amortisation.every = 0.25
"#;

    #[test]
    fn a_path_leads_to_its_line() {
        let document = Document::parse(TEXT).unwrap();
        for (path, line) in [
            ("title", 1),
            ("simulation", 3),
            ("simulation.months", 4),
            ("factors[0]", 6),
            ("factors.btc.volatility", 8),
            ("factors.rent.inline.a", 12),
            ("factors[1].inline.b[2]", 13),
            ("borrowers[0].facilities[0].coupon", 18),
            ("borrowers[0].facilities[1].coupon", 20),
            ("borrowers[0].facilities[1].amortisation.every", 21),
            // What is missing is found where it should stand.
            ("simulation.seed", 3),
            ("factors.rent.reversion", 10),
            ("borrowers[0].facilities[1].maturity", 19),
            ("borrowers[7].name", 15),
            ("nowhere", 1),
            ("", 1),
        ] {
            assert_eq!(document.line(path), line, "{path}");
        }
    }

    #[test]
    fn a_path_is_called_as_people_call_it() {
        let document = Document::parse(TEXT).unwrap();
        assert_eq!(document.call("factors[1].reversion"), "factors.rent.reversion");
        assert_eq!(document.call("factors[9].reversion"), "factors[9].reversion");
        assert_eq!(document.call("simulation.months"), "simulation.months");
        assert_eq!(document.about("borrowers[0].facilities[1].coupon"), " (borrower \"A\")");
        assert_eq!((document.about("borrowers[1].cash"), document.about("factors[0]")), (String::new(), String::new()));
    }

    #[test]
    fn bad_syntax_has_a_line() {
        let (line, message) = Document::parse("a = 1\nb = = 2\n").err().unwrap();
        assert_eq!(line, 2, "{message}");
    }
}
