//! Writes the seeds of the fuzz targets into a folder: `cargo run -p kontor-tests --example seeds -- fuzz/corpus`.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::path::Path;

use kontor_tests::{seeds, targets};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "fuzz/corpus".to_owned());
    for (name, _) in targets::ALL {
        let corpus = Path::new(&folder).join(name);
        std::fs::create_dir_all(&corpus)?;
        let seeds = seeds::of(name);
        for (n, seed) in seeds.iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{n:02}")), seed)?;
        }
        println!("{name}: {} seeds", seeds.len());
    }
    Ok(())
}
