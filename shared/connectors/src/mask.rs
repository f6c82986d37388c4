//! Our own credentials in the answers of others: a system that echoes them must not get them into logs and failures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

/// The headers connectors prove themselves with.
const HEADERS: [&str; 3] = ["authorization", "authenticationtoken", "x-shopify-access-token"];

/// Shorter ones are no credentials, and found everywhere.
const SHORTEST: usize = 6;

/// What a request proved us with, as its headers had it: few answers are masked, so it is taken apart only then.
pub(crate) struct Credentials(Vec<HeaderValue>);

impl Credentials {
    /// Those in the headers of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(HEADERS.iter().flat_map(|name| headers.get_all(*name)).cloned().collect())
    }

    /// The words themselves; of a basic authorisation also what it is made of.
    fn words(&self) -> Vec<Vec<u8>> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        for value in &self.0 {
            let text = value.as_bytes();
            let word = text.rsplit(|byte| *byte == b' ').next().unwrap_or(text);
            if let (true, Ok(pair)) = (text.starts_with(b"Basic "), STANDARD.decode(word)) {
                found.extend(pair.split(|byte| *byte == b':').map(<[u8]>::to_vec));
            }
            found.push(word.to_vec());
        }
        found.retain(|secret| secret.len() >= SHORTEST);
        found
    }

    /// Puts stars where they are.
    pub(crate) fn mask(&self, body: &mut [u8]) {
        for secret in &self.words() {
            let mut from = 0;
            while let Some(at) = find(body.get(from..).unwrap_or_default(), secret) {
                let place = from + at..from + at + secret.len();
                from = place.end;
                body.get_mut(place).unwrap_or_default().fill(b'*');
            }
        }
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_echoes_our_credentials_is_masked() {
        let mut headers = HeaderMap::new();
        headers.insert("authenticationtoken", "geheim-17".parse().unwrap());
        // ck_konsument:cs_geheimnis
        headers.insert(
            http::header::AUTHORIZATION,
            "Basic Y2tfa29uc3VtZW50OmNzX2dlaGVpbW5pcw==".parse().unwrap(),
        );
        headers.insert("accept", "application/json".parse().unwrap());
        let credentials = Credentials::of(&headers);
        let mut body = b"application/json geheim-17 geheim-18 ck_konsument cs_geheimnis \
            Y2tfa29uc3VtZW50OmNzX2dlaGVpbW5pcw== geheim-17"
            .to_vec();
        credentials.mask(&mut body);
        let stars = |n: usize| "*".repeat(n);
        let expected =
            format!("application/json {0} geheim-18 {1} {1} {2} {0}", stars(9), stars(12), stars(36));
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        let mut short = b"ab".to_vec();
        credentials.mask(&mut short);
        assert_eq!(short, b"ab");
    }
}
