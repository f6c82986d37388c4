//! Holds the GraphQL documents of the connectors against the schema beside them, and writes each down with the fragments it
//! uses. A document that the schema does not allow is no build.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use apollo_compiler::{ExecutableDocument, Schema};

const FOLDER: &str = "src/shopify/documents";
const SCHEMA: &str = "src/shopify/schema.graphql";

fn main() -> ExitCode {
    let Err(wrong) = build() else { return ExitCode::SUCCESS };
    for line in wrong.to_string().lines() {
        println!("cargo::error={line}");
    }
    ExitCode::FAILURE
}

fn build() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed={SCHEMA}");
    let schema = Schema::parse_and_validate(fs::read_to_string(SCHEMA)?, SCHEMA);
    let schema = schema.map_err(|wrong| wrong.to_string())?;
    let (operations, fragments) = documents()?;
    let mut out = String::new();
    let mut names = String::new();
    for (file, text) in &operations {
        let whole = with_fragments(text, &fragments);
        let name = format!("{FOLDER}/{file}.graphql");
        ExecutableDocument::parse_and_validate(&schema, &whole, name).map_err(|wrong| wrong.to_string())?;
        let constant = file.to_uppercase();
        writeln!(out, "pub(super) const {constant}: &str = {whole:?};")?;
        write!(names, "{constant}, ")?;
    }
    let count = operations.len();
    writeln!(out, "#[cfg(test)]\npub(super) const ALL: [&str; {count}] = [{names}];")?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo says where to write")?;
    fs::write(Path::new(&folder).join("shopify_documents.rs"), out)?;
    Ok(())
}

/// Documents by file name, fragments by their own.
type Documents = BTreeMap<String, String>;

fn documents() -> Result<(Documents, Documents), Box<dyn Error>> {
    let (mut operations, mut fragments) = (Documents::new(), Documents::new());
    for entry in fs::read_dir(FOLDER)? {
        let path = entry?.path();
        let text = without_comments(&fs::read_to_string(&path)?);
        let file = path.file_name().and_then(|name| name.to_str()).ok_or("a document has a strange name")?;
        if file.ends_with(".fragment.graphql") {
            let name = text.split_whitespace().nth(1).ok_or("a fragment has no name")?;
            fragments.insert(name.to_owned(), text.clone());
        } else if let Some(stem) = file.strip_suffix(".graphql") {
            operations.insert(stem.to_owned(), text);
        }
    }
    Ok((operations, fragments))
}

/// Without comments and what is indented: shorter to send.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// The document with the fragments it uses, and those that they use.
fn with_fragments(text: &str, fragments: &Documents) -> String {
    let mut whole = text.to_owned();
    let mut added = BTreeSet::new();
    while let Some((name, fragment)) =
        fragments.iter().find(|(name, _)| !added.contains(*name) && uses(&whole, name))
    {
        added.insert(name);
        whole.push('\n');
        whole.push_str(fragment);
    }
    whole
}

fn uses(text: &str, fragment: &str) -> bool {
    let spread = format!("...{fragment}");
    text.split_whitespace().any(|word| word == spread)
}
