//! Lists the migrations, so that they become part of the program. The crate's own macro would do it too, but drags both
//! database drivers through the compiler a second time.
#![expect(clippy::disallowed_methods, reason = "cargo tells a build script by the environment where to write")]

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=migrations");
    let mut text = String::new();
    for (list, folder) in [("SQLITE", "migrations/sqlite"), ("POSTGRES", "migrations/postgres")] {
        let mut names = Vec::new();
        for file in fs::read_dir(folder)? {
            let name = file?.file_name().into_string().map_err(|_| io::Error::other("a name that is no text"))?;
            names.extend(name.strip_suffix(".sql").map(str::to_owned));
        }
        names.sort();
        _ = writeln!(text, "const {list}: &[(&str, &str)] = &[");
        for name in names {
            let file = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{folder}/{name}.sql\")");
            _ = writeln!(text, "    (\"{name}\", include_str!({file})),");
        }
        text.push_str("];\n");
    }
    let folder = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&folder).join("migrations.rs"), text)
}
