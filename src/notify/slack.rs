//! A notification as a message for an incoming webhook of Slack.

use serde_json::json;

use super::{ATTEMPT, Message};
use crate::outbound::Request;

/// Slack's limit of a heading.
const MAX_HEADER: usize = 150;
/// Slack's limit of a section is 3,000 characters; escapes make five of one.
const MAX_TEXT: usize = 500;

/// The request that carries a message.
pub fn request(message: &Message<'_>) -> Request {
    let notification = message.notification;
    let headline = message.headline();
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": headline.chars().take(MAX_HEADER).collect::<String>(), "emoji": false },
    })];
    let asked = &message.suspension.interrupt;
    if asked.title.is_some() || asked.message.trim() != headline {
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": escaped(&asked.message) } }));
    }
    if let Some(deadline) = message.deadline() {
        blocks.push(
            json!({ "type": "context", "elements": [{ "type": "plain_text", "text": deadline, "emoji": false }] }),
        );
    }
    blocks.push(json!({
        "type": "actions",
        "elements": [{
            "type": "button",
            "text": { "type": "plain_text", "text": message.invitation(), "emoji": false },
            "url": message.link,
            "style": "primary",
        }],
    }));
    let body = json!({ "text": escaped(&headline), "blocks": blocks });
    let mut request = Request::new("POST", &notification.target.to);
    request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
    request.headers.push(("webhook-id".to_owned(), notification.id.to_string()));
    request.body = Some(body.to_string().into_bytes());
    request.timeout = ATTEMPT;
    request
}

/// Text in which Slack finds no links and no mentions that were not meant.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        if index == MAX_TEXT {
            escaped.push('…');
            break;
        }
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_mentioned_by_a_message() {
        assert_eq!(escaped("a & <!channel> b"), "a &amp; &lt;!channel&gt; b");
        assert_eq!(escaped(&"<".repeat(9_000)).len(), MAX_TEXT * 4 + '…'.len_utf8());
    }
}
