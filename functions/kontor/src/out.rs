//! What is written to standard output: tables for people, JSON for programs.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use kontor_flow::remedy::BoxError;
use serde::Serialize;

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// In JSON.
    pub(crate) json: bool,
}

impl Out {
    /// Writes `value` as JSON, or what `text` makes of it for people.
    pub(crate) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), BoxError> {
        if self.json { self.line(&serde_json::to_string_pretty(value)?) } else { self.line(&text(value)) }
    }

    /// Writes a line (or several). A reader that went away is no error.
    pub(crate) fn line(self, text: &str) -> Result<(), BoxError> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => Ok(done?),
        }
    }

    /// Writes a line for people only.
    pub(crate) fn say(self, text: &str) -> Result<(), BoxError> {
        if self.json { Ok(()) } else { self.line(text) }
    }
}

/// A table with a head. Lines are drawn as wide as the terminal; where there is none, as wide as the content.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(head.iter().copied());
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
    }
    for row in rows {
        table.add_row(row);
    }
    table
}
