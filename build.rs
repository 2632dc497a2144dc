//! Lists the migrations and the files of the dashboard, so that they become part of the program.
//!
//! The drivers' own macro would list the migrations too, but drags both of them through the compiler a second time. The
//! dashboard is what `npm run build` left in `web/bundle`; without it `web/placeholder`, which says how to build it. npm never
//! runs from here: a build of the server needs no Node.
#![expect(clippy::disallowed_methods, reason = "cargo tells a build script by the environment where to write")]

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let output = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(output.join("migrations.rs"), migrations()?)?;
    fs::write(output.join("dashboard.rs"), dashboard()?)
}

fn migrations() -> io::Result<String> {
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
    Ok(text)
}

fn dashboard() -> io::Result<String> {
    // The folder above: it is always there, and what appears in it is seen.
    println!("cargo:rerun-if-changed=web");
    let bundle = Path::new("web/bundle");
    let folder = if bundle.join("index.html").is_file() { bundle } else { Path::new("web/placeholder") };
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let mut text = "const FILES: &[File] = &[\n".to_owned();
    for file in files {
        let path = file.strip_prefix(folder).map_err(io::Error::other)?.display();
        let bytes = format!("include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{}\"))", file.display());
        _ = writeln!(text, "    File {{ path: \"{path}\", bytes: {bytes} }},");
    }
    text.push_str("];\n");
    Ok(text)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
