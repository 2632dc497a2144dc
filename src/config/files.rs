//! Secrets that are given as files, as containers and service managers mount them: there they are in no environment, on no
//! command line, and not in the file of settings.

use std::path::Path;

use super::{ConfigError, Secret, Settings, invalid};

/// Reads the files that settings name, each in place of the setting it belongs to. The file of `secrets-key` is read by the
/// server, which watches over it.
pub(super) fn read(settings: &mut Settings) -> Result<(), ConfigError> {
    let Settings { store, smtp_url, metrics_token, s3_secret_access_key, oidc_client_secret, jwt_secret, .. } =
        settings;
    for (name, beside, file, secret) in [
        ("store-file", "store", &settings.store_file, store),
        ("smtp-url-file", "smtp-url", &settings.smtp_url_file, smtp_url),
        ("metrics-token-file", "metrics-token", &settings.metrics_token_file, metrics_token),
        (
            "s3-secret-access-key-file",
            "s3-secret-access-key",
            &settings.s3_secret_access_key_file,
            s3_secret_access_key,
        ),
        ("oidc-client-secret-file", "oidc-client-secret", &settings.oidc_client_secret_file, oidc_client_secret),
    ] {
        let Some(path) = file else { continue };
        if secret.is_some() {
            return Err(invalid(name, format!("can't be combined with `{beside}`")));
        }
        *secret = Some(Secret::new(text(name, path)?));
    }
    if let Some(path) = &settings.jwt_secret_file {
        if jwt_secret.is_some() {
            return Err(invalid("jwt-secret-file", "can't be combined with `jwt-secret`"));
        }
        let text = text("jwt-secret-file", path)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        *jwt_secret = Some(lines.map(Secret::new).collect());
    }
    Ok(())
}

/// What a file holds, without the white space around it: editors and `echo` end files with a line break.
fn text(name: &'static str, path: &Path) -> Result<String, ConfigError> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|error| invalid(name, format!("{}: {error}", path.display())))?;
    let text = text.trim();
    if text.is_empty() { Err(invalid(name, format!("{} is empty", path.display()))) } else { Ok(text.to_owned()) }
}
