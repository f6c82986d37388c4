//! List prices of AWS in eu-central-1 (Frankfurt), US dollars without tax, without free tiers. Check them before you rely on them:
//! they were written down in November 2026 without sight of the price lists. Public articles confirm Lambda's, and DynamoDB's of
//! us-east-1 (0.625 and 0.125 a million); what Frankfurt costs more is from memory.

/// One gigabyte of memory for one second, arm64.
pub(crate) const GB_SECOND: f64 = 0.000_013_333_4;
/// A million invocations.
pub(crate) const INVOCATIONS: f64 = 0.20;
/// A million requests to an HTTP API, of at most 512 KB each.
pub(crate) const HTTP_API: f64 = 1.20;
/// A million requests to SQS standard queues, of at most 64 KiB each.
pub(crate) const SQS: f64 = 0.40;
/// A million write request units of DynamoDB on demand.
pub(crate) const WRITE_UNITS: f64 = 0.7625;
/// A million read request units of DynamoDB on demand.
pub(crate) const READ_UNITS: f64 = 0.1525;
/// A gigabyte of log lines taken in.
pub(crate) const LOGS: f64 = 0.63;
/// A thousand mails.
pub(crate) const MAILS: f64 = 0.10;
/// A secret for a month.
pub(crate) const SECRET: f64 = 0.40;
/// An alarm for a month.
pub(crate) const ALARM: f64 = 0.10;

/// Memory at which Lambda gives a whole processor, in MB; less memory is so much slower.
pub(crate) const ONE_PROCESSOR: f64 = 1_769.0;
/// What Lambda itself logs about an invocation (START, END, REPORT), in bytes.
pub(crate) const LAMBDA_LOGS: f64 = 350.0;
/// Looks of an event source mapping into an empty queue in a month: five pollers, 20 s each.
pub(crate) const IDLE_POLLS: f64 = 5.0 * 3.0 * 60.0 * 24.0 * 30.4;
/// Minutes of a month.
pub(crate) const MINUTES: f64 = 60.0 * 24.0 * 30.4;
