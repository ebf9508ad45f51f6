//! The pages of `docs/` say what is there: every test that is named exists and runs, every floor is a folder, every built-in
//! model has its section, every file that is pointed to can be opened. A page that nobody checks is wrong within a month.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backticks outside of blocks of code.
fn quoted(page: &str) -> Vec<&str> {
    let mut within = false;
    let prose = page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        within ^= fence;
        !within && !fence
    });
    prose.flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The functions of a file that are tests: those that an attribute `#[test]` stands before.
fn tests_of(source: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let mut marked = false;
    for line in source.lines().map(str::trim_start) {
        marked |= line.starts_with("#[test]");
        if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
            if marked {
                tests.insert(name);
            }
            marked = false;
        }
    }
    tests
}

#[test]
fn every_test_that_is_named_exists() {
    let page = read("docs/validation.md");
    let named: Vec<(&str, &str)> = quoted(&page).into_iter().filter_map(|name| name.split_once(".rs::")).collect();
    assert!(named.len() > 150, "only {} tests were found on the page", named.len());
    for (file, function) in named {
        let source = read(format!("{file}.rs"));
        assert!(tests_of(&source).contains(function), "{file}.rs has no test {function}");
    }
}

#[test]
fn every_row_of_a_validation_table_says_how_closely() {
    let page = read("docs/validation.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.contains(".rs::")).filter(|l| l.starts_with('|')).collect();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "claim, test, tolerance, source: {row}");
        let kinds = ["exact", "rounding", "sampling", "discretisation"];
        assert!(kinds.iter().any(|kind| cells[2].contains(kind)), "the tolerance is of no known kind: {row}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
    }
}

/// The variants of an enum that hold one thing each.
fn variants(source: &str, name: &str) -> Vec<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap().split("\n}").next().unwrap();
    body.lines().filter_map(|line| line.trim().split_once('(')).map(|(variant, _)| variant.to_owned()).collect()
}

#[test]
fn every_model_has_its_section() {
    let (page, source) = (read("docs/models.md"), read("src/market/model.rs"));
    let (factors, dependences) = (variants(&source, "Model"), variants(&source, "DependenceModel"));
    assert!(factors.len() >= 9 && dependences.len() >= 2, "{factors:?} {dependences:?}");
    for model in factors.iter().chain(&dependences) {
        let section = page.split(&format!("### `{model}`\n")).nth(1);
        let section = section.unwrap_or_else(|| panic!("docs/models.md has no section on {model}"));
        let section = section.split("\n### ").next().unwrap();
        for part in ["Limits:", "Source:"] {
            assert!(section.contains(part) || model == "Constant" && part == "Source:", "{model} has no {part}");
        }
    }
    // Every parameter of a model stands in its section under its own name.
    for model in &factors {
        let section = page.split(&format!("### `{model}`\n")).nth(1).unwrap().split("\n### ").next().unwrap();
        for field in fields(model) {
            assert!(section.contains(&format!("`{field}`")), "docs/models.md does not say what {model}'s {field} is");
        }
    }
}

/// The public fields of a built-in factor.
fn fields(model: &str) -> Vec<String> {
    let file: String = model
        .char_indices()
        .flat_map(|(at, letter)| {
            let word = at > 0 && letter.is_uppercase();
            word.then_some('_').into_iter().chain(letter.to_lowercase())
        })
        .collect();
    let source = read(format!("src/market/{file}.rs"));
    let body = source.split(&format!("pub struct {model} {{")).nth(1).unwrap().split("\n}").next().unwrap().to_owned();
    let fields = body.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next());
    // A launch shock's fields are named with it.
    fields.filter(|field| *field != "shock").map(str::to_owned).collect()
}

fn folders(of: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(of)).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn every_floor_is_a_folder_and_every_folder_a_floor() {
    let page = read("docs/architecture.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### `")?.split('`').next());
    let floors: Vec<&str> = headings.collect();
    let known: BTreeSet<String> = floors.iter().map(|floor| (*floor).to_owned()).collect();
    // The command line tool stands on all floors and is none.
    let folders: BTreeSet<String> = folders("src").into_iter().filter(|folder| folder != "bin").collect();
    assert_eq!(known, folders);
    // Each imports only from the floors above it in the list.
    for (position, floor) in floors.iter().enumerate() {
        for file in rust_files(&root().join("src").join(floor)) {
            let source = fs::read_to_string(&file).unwrap();
            // What stands beside `#[cfg(test)]` may look anywhere.
            let code = source.split("#[cfg(test)]").next().unwrap();
            for below in &floors[position + 1..] {
                let import = format!("use crate::{below}::");
                assert!(!code.contains(&import), "{} imports from `{below}`, which stands below it", file.display());
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files
}

/// The features of the manifest.
fn features() -> BTreeSet<String> {
    let manifest = read("Cargo.toml");
    let body = manifest.split("\n[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names = body.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.to_owned()).filter(|name| name != "default").collect()
}

#[test]
fn every_feature_is_described() {
    let described = |page: &str, heading: &str, before: &str| -> BTreeSet<String> {
        let section = page.split(heading).nth(1).unwrap().split("\n//! #").next().unwrap();
        let section = section.split("\n## ").next().unwrap();
        let lines = section.lines().filter_map(|line| line.strip_prefix(before)?.split('`').next());
        lines.map(str::to_owned).collect()
    };
    assert!(features().contains("parallel"));
    assert_eq!(described(&read("README.md"), "\n## Features\n", "| `"), features());
    assert_eq!(described(&read("src/lib.rs"), "\n//! # Features\n", "//! - `"), features());
}

/// A path of this project; `own_*.rs` stands for at least one file.
fn exists(path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else { return root().join(path).exists() };
    let (folder, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return false };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().any(|name| name.starts_with(prefix) && name.ends_with(after))
}

#[test]
fn every_file_that_a_page_points_to_exists() {
    let mut pages: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from).into();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let page = entry.unwrap().path();
        // Not the folder of figures.
        if page.extension().is_some_and(|extension| extension == "md") {
            pages.push(page);
        }
    }
    let folders = ["docs/", "src/", "tests/", "examples/", "benches/", "scenarios/", ".ci/"];
    let mut missing = Vec::new();
    for page in pages {
        let text = read(&page);
        for name in quoted(&text) {
            let path = name.split("::").next().unwrap();
            if folders.iter().any(|folder| path.starts_with(folder)) && !path.contains(' ') && !exists(path) {
                missing.push(format!("{}: {path}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_readers_of_this_file_can_fail() {
    assert_eq!(quoted("a `b` c `d`\n```sh\n`e`\n```\n`f`"), ["b", "d", "f"]);
    let source = "#[test]\n#[should_panic]\nfn one() {}\nfn two() {}\n    #[test]\n    fn three(x in 0..1) {\n    }";
    assert_eq!(tests_of(source).into_iter().collect::<Vec<_>>(), ["one", "three"]);
    assert_eq!(variants("pub enum E {\n    /// A.\n    A(A),\n    B(B),\n}\n", "E"), ["A", "B"]);
    assert!(exists("src/lib.rs") && exists("src/l*.rs") && !exists("src/nothing.rs") && !exists("src/z*.rs"));
    assert!(!exists("nowhere/*.rs"));
    assert_eq!(fields("Gbm"), ["initial", "drift", "volatility"]);
}
