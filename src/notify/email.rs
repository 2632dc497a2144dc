//! A notification as a mail, by SMTP.

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{Mailbox, MultiPart},
};
use maud::{DOCTYPE, html};

use super::{ATTEMPT, Failed, Message};
use crate::config::Secret;

/// Longer messages go on behind the link.
const MAX_TEXT: usize = 4_000;

/// Sends mail by one SMTP server.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why no mail can be sent with these settings. The address of the server may hold a password, and is not quoted.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server's address.
    #[error(
        "setting `smtp-url`: must be such as `smtps://user:password@smtp.example.com` or `smtp://host:587?tls=required`"
    )]
    Url,
    /// The sender's address.
    #[error("setting `smtp-from`: must be such as `Sluicegate <gate@example.com>`")]
    From,
}

impl Mail {
    /// From the settings.
    pub fn new(url: &Secret, from: &str) -> Result<Self, MailError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            .map_err(|_| MailError::Url)?
            .timeout(Some(ATTEMPT));
        Ok(Self { transport: transport.build(), from: from.parse().map_err(|_| MailError::From)? })
    }

    pub(super) async fn send(&self, message: &Message<'_>) -> Result<(), Failed> {
        let notification = message.notification;
        let to = notification.target.to.parse().map_err(|_| Failed::for_good("that is no address of a mailbox"))?;
        let mail = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.headline())
            // The same at every attempt: who gets it twice can tell.
            .message_id(Some(format!("<{}@{}>", notification.id, self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(text(message), page(message)))
            .map_err(|error| Failed::for_good(error.to_string()))?;
        let sent = tokio::time::timeout(ATTEMPT, self.transport.send(mail)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failed {
                status: error.status().and_then(|code| code.to_string().parse().ok()),
                error: told(&error),
                for_good: error.is_permanent(),
            }),
            Err(_) => Err(Failed { status: None, error: "the mail server took too long".to_owned(), for_good: false }),
        }
    }
}

fn told(error: &lettre::transport::smtp::Error) -> String {
    let text: String = format!("the mail server: {error}").chars().filter(|c| !c.is_control()).take(300).collect();
    text
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn text(message: &Message<'_>) -> String {
    let mut text = format!("{}\n\n", message.headline());
    let asked = shortened(&message.suspension.interrupt.message);
    if !text.contains(asked.trim()) {
        text.push_str(&asked);
        text.push_str("\n\n");
    }
    if let Some(deadline) = message.deadline() {
        text.push_str(&deadline);
        text.push_str("\n\n");
    }
    text.push_str(message.invitation());
    text.push_str(":\n");
    text.push_str(message.link);
    text.push_str("\n\nThe link is for you alone: don't pass it on.\n");
    text
}

/// Mail programs know little CSS, and that at the elements.
fn page(message: &Message<'_>) -> String {
    let headline = message.headline();
    let asked = shortened(&message.suspension.interrupt.message);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (headline) }
            }
            body style="margin:0;padding:24px 16px;font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif" {
                div style="max-width:560px;margin:0 auto" {
                    h1 style="font-size:22px;line-height:1.3;margin:0 0 12px" { (headline) }
                    @if asked.trim() != headline { p style="white-space:pre-wrap;margin:0 0 16px" { (asked) } }
                    @if let Some(deadline) = message.deadline() { p style="margin:0 0 16px;color:#6b7280" { (deadline) } }
                    p style="margin:24px 0" {
                        a href=(message.link) style="display:inline-block;padding:12px 24px;border-radius:10px;background:#1d5bd0;color:#ffffff;font-weight:600;text-decoration:none" {
                            (message.invitation())
                        }
                    }
                    p style="margin:0;color:#6b7280;font-size:13px" { "The link is for you alone: don't pass it on." }
                }
            }
        }
    }
    .into_string()
}
