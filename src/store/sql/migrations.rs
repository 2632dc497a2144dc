//! The schema's migrations, as the files in `migrations/` say, within the program. `build.rs` lists them.

use std::sync::LazyLock;

use sqlx::{
    SqlStr,
    migrate::{Migration, MigrationType, Migrator},
};

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Those of SQLite.
pub static OF_SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(SQLITE));
/// Those of PostgreSQL.
pub static OF_POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(POSTGRES));

/// A file's name is `0001_what_it_does`: the version, and the description.
fn migrator(files: &[(&str, &'static str)]) -> Migrator {
    let migrations = files.iter().filter_map(|(name, sql)| {
        let (version, description) = name.split_once('_')?;
        let description = description.replace('_', " ").into();
        Some(Migration::new(version.parse().ok()?, description, MigrationType::Simple, SqlStr::from_static(sql), false))
    });
    // What newer programs have added does not disturb this one; what they have taken away is looked for beside.
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_ignore_missing(true);
    migrator
}

/// The newest migration that was applied and takes something away: programs that don't know it can't use the schema. Such a
/// migration's name begins with `contract_`.
pub const CONTRACTED: &str = "SELECT max(version) FROM _sqlx_migrations WHERE description LIKE 'contract %'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_migration_and_both_databases_have_the_same() {
        for (files, migrator) in [(SQLITE, &OF_SQLITE), (POSTGRES, &OF_POSTGRES)] {
            let versions: Vec<_> = migrator.iter().map(|migration| migration.version).collect();
            assert_eq!(versions, (1..=files.len() as i64).collect::<Vec<_>>(), "numbers without a gap, in order");
        }
        let names = |files: &[(&'static str, &str)]| files.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(SQLITE), names(POSTGRES));
    }
}
