//! Lists the migrations, so that they become part of the program. The crate's own macro would do it too, but drags both
//! database drivers through the compiler a second time.

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=migrations");
    let here = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let mut text = String::new();
    for (name, folder) in [("SQLITE", "sqlite"), ("POSTGRES", "postgres")] {
        let mut files: Vec<_> = fs::read_dir(Path::new(&here).join("migrations").join(folder))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()?;
        files.sort();
        _ = writeln!(text, "const {name}: &[(&str, &str)] = &[");
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "sql")) {
            let stem = file.file_stem().unwrap_or_default();
            _ = writeln!(text, "    ({stem:?}, include_str!({file:?})),");
        }
        text.push_str("];\n");
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("migrations.rs"), text)
}
