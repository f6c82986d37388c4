//! Mails through SES.

use async_trait::async_trait;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use kontor_flow::ports::{Mail, Mailer};
use kontor_flow::remedy::{BoxError, Effect, chain};
use kontor_flow::{CallError, Problem, System};

const CALL: &str = "SendEmail";

/// The header with our id of a mail: SES puts its own into `Message-ID` (SES developer guide, "Header fields").
const OUR_ID: &str = "X-Kontor-Message-ID";

/// SES, with a client that repeats nothing by itself: a mail whose answer is lost may have been sent.
#[derive(Debug, Clone)]
pub struct SesMailer {
    client: Client,
}

impl SesMailer {
    /// Sends through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), CallError> {
        let message = compose(mail).map_err(unsendable)?;
        let send = self
            .client
            .send_email()
            .from_email_address(&mail.from)
            .destination(Destination::builder().to_addresses(mail.to.as_str()).build())
            .content(EmailContent::builder().simple(message).build());
        send.send().await.map(|_| ()).map_err(|error| meaning(&error))
    }
}

fn compose(mail: &Mail) -> Result<Message, BoxError> {
    let text = |data: &str| Content::builder().data(data).charset("UTF-8").build();
    let id = MessageHeader::builder().name(OUR_ID).value(format!("<{}>", mail.message_id)).build()?;
    let body = Body::builder().text(text(&mail.text)?).build();
    Ok(Message::builder().subject(text(&mail.subject)?).body(body).headers(id).build())
}

fn unsendable(error: BoxError) -> CallError {
    CallError::Refused {
        system: System::Mail,
        call: CALL,
        status: 0,
        problem: problem("incomplete", Some(error.to_string())),
    }
}

/// What SES says may name the customer: it goes into the detail, which is never logged.
fn problem(kind: &str, detail: Option<String>) -> Problem {
    Problem { kind: kind.to_owned(), title: "the mail was not taken".to_owned(), location: None, detail }
}

fn meaning(error: &SdkError<SendEmailError>) -> CallError {
    let system = System::Mail;
    let lost = |effect| {
        // The chain of a service error would quote SES's own words.
        let source = error.code().map_or_else(|| chain(error), str::to_owned).into();
        CallError::Unavailable { system, call: CALL, effect, after: None, source }
    };
    if let SdkError::ServiceError(said) = error {
        let status = said.raw().status().as_u16();
        return told(said.err(), status).unwrap_or_else(|| lost(Effect::Possible));
    }
    let stayed = matches!(error, SdkError::ConstructionFailure(_))
        || matches!(error, SdkError::DispatchFailure(failure) if failure.is_user());
    // Timeouts, broken connections, unreadable answers: the mail may be on its way.
    lost(if stayed { Effect::None } else { Effect::Possible })
}

/// What SES's own words mean; nothing if they are an outage.
fn told(error: &SendEmailError, status: u16) -> Option<CallError> {
    let (system, call) = (System::Mail, CALL);
    let code = error.code().unwrap_or("unknown");
    let problem = problem(code, error.message().map(str::to_owned));
    match code {
        "TooManyRequestsException" | "LimitExceededException" | "ThrottlingException" | "Throttling" => {
            Some(CallError::RateLimited { system, call, after: None })
        }
        "AccountSuspendedException" | "SendingPausedException" | "MailFromDomainNotVerifiedException" => {
            Some(CallError::Denied { system, call, status, problem })
        }
        _ if status == 401 || status == 403 => Some(CallError::Denied { system, call, status, problem }),
        _ if (400..500).contains(&status) => Some(CallError::Refused { system, call, status, problem }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sesv2::config::http::HttpResponse;
    use aws_sdk_sesv2::error::{ConnectorError, ErrorMetadata};
    use kontor_domain::Email;
    use kontor_flow::Remedy;

    fn mail() -> Mail {
        Mail {
            message_id: "kaffee.4711.mail@shop.example".to_owned(),
            from: "Kaffeehaus <post@shop.example>".to_owned(),
            to: Email::parse("someone@example.org").unwrap(),
            subject: "Ihre Bestellung für Köln".to_owned(),
            text: "Guten Tag".to_owned(),
        }
    }

    fn said(code: &str, status: u16) -> SdkError<SendEmailError> {
        let error = ErrorMetadata::builder().code(code).message("no <someone@example.org>").build();
        let raw = HttpResponse::new(status.try_into().unwrap(), "".into());
        SdkError::service_error(SendEmailError::generic(error), raw)
    }

    #[test]
    fn a_mail_is_plain_text_with_our_id() {
        let message = compose(&mail()).unwrap();
        assert_eq!(message.subject().unwrap().data(), "Ihre Bestellung für Köln");
        assert_eq!(message.body().unwrap().text().unwrap().data(), "Guten Tag");
        assert!(message.body().unwrap().html().is_none());
        let header = message.headers().first().unwrap();
        assert_eq!((header.name(), header.value()), (OUR_ID, "<kaffee.4711.mail@shop.example>"));
    }

    #[test]
    fn errors_say_what_to_do() {
        let remedy = |code, status| meaning(&said(code, status)).remedy();
        assert_eq!(remedy("TooManyRequestsException", 429), Remedy::Retry { after: None });
        assert_eq!(remedy("MessageRejected", 400), Remedy::Park);
        assert_eq!(remedy("AccessDeniedException", 403), Remedy::Alarm);
        assert_eq!(remedy("SendingPausedException", 400), Remedy::Alarm);
        assert_eq!(remedy("InternalFailure", 500), Remedy::Reconcile { after: None });
        let lost = SdkError::timeout_error("no answer");
        assert_eq!(meaning(&lost).remedy(), Remedy::Reconcile { after: None });
        let broken = SdkError::dispatch_failure(ConnectorError::io("reset".into()));
        assert_eq!(meaning(&broken).remedy(), Remedy::Reconcile { after: None });
        let wrong = SdkError::construction_failure("no region");
        assert_eq!(meaning(&wrong).remedy(), Remedy::Retry { after: None });
    }

    #[test]
    fn nothing_of_the_customer_is_told() {
        for (code, status) in
            [("MessageRejected", 400), ("InternalFailure", 500), ("AccessDeniedException", 403)]
        {
            let told = chain(&meaning(&said(code, status)));
            assert!(!told.contains("example.org"), "{told}");
        }
    }
}
