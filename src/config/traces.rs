//! Where spans are sent. The variables are the standard ones of OpenTelemetry, which platforms set for everything that runs on them.

use std::borrow::Cow;

use url::Url;

use super::{ConfigError, Secret, Settings, invalid};

/// A collector of spans.
#[derive(Clone, Debug)]
pub struct TracesConfig {
    /// The whole address.
    pub endpoint: Url,
    /// What each request carries besides: names and values.
    pub headers: Vec<(String, Secret)>,
    /// Under which name this server's spans appear.
    pub service_name: String,
}

/// Checks the settings about traces. None without an address.
pub(super) fn traces(settings: &mut Settings) -> Result<Option<TracesConfig>, ConfigError> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let parsed = |name, text: &str| {
        let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.ok_or_else(|| invalid(name, "must be an http or https address"))
    };
    let whole = given(settings.otlp_traces_endpoint.take());
    let front = given(settings.otlp_endpoint.take());
    let endpoint = match (whole, front) {
        (Some(whole), _) => parsed("otlp-traces-endpoint", &whole)?,
        (None, Some(front)) => {
            let mut url = parsed("otlp-endpoint", &front)?;
            let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url
        }
        (None, None) => return Ok(None),
    };
    let headers = settings.otlp_headers.take().map_or_else(|| Ok(Vec::new()), |text| headers(text.expose()))?;
    let service_name = given(settings.otlp_service_name.take()).unwrap_or_else(|| "sluicegate".to_owned());
    Ok(Some(TracesConfig { endpoint, headers, service_name }))
}

/// `name=value,name=value`, with values percent-encoded. The message never quotes one.
fn headers(text: &str) -> Result<Vec<(String, Secret)>, ConfigError> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let one = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), decoded(value.trim())?);
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let is_value = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        (is_name && is_value).then(|| (name.to_ascii_lowercase(), Secret::new(value)))
    };
    let read = pairs.map(|pair| one(pair).ok_or_else(|| invalid("otlp-headers", "must be `name=value,name=value`")));
    read.collect()
}

/// A percent-encoded text. `+` is itself.
fn decoded(text: &str) -> Option<String> {
    let kept: Cow<'_, str> = text.replace('+', "%2B").into();
    let pair = format!("v={}", kept.replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned())
}
