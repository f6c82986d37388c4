//! How every keeper of tokens behaves.

use futures_util::future::join_all;
use kontor_flow::ports::{StoreError, Token, Tokens};

fn token(revision: u64, text: &str) -> Token {
    Token { revision, text: text.to_owned() }
}

async fn conflicts(tokens: &dyn Tokens, name: &str, revision: u64) {
    let refused = tokens.store(name, &token(revision, "another")).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{name}, revision {revision}: {refused:?}");
}

/// The suite.
pub async fn tokens_behave(tokens: &dyn Tokens) {
    let (name, other) = ("shopware/kaffee", "shopware/tee");
    assert_eq!(tokens.load(name).await.unwrap(), None);
    conflicts(tokens, name, 2).await;
    let refused = tokens.store(name, &token(0, "x")).await;
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    tokens.store(name, &token(1, r#"{"secret":"geheim ü"}"#)).await.unwrap();
    assert_eq!(tokens.load(name).await.unwrap(), Some(token(1, r#"{"secret":"geheim ü"}"#)));
    conflicts(tokens, name, 1).await;
    conflicts(tokens, name, 3).await;
    tokens.store(name, &token(2, "")).await.unwrap();
    assert_eq!(tokens.load(name).await.unwrap(), Some(token(2, "")), "what is given up is kept as nothing");
    assert_eq!(tokens.load(other).await.unwrap(), None, "each name for itself");
    tokens.store(other, &token(1, "tee")).await.unwrap();
    assert_eq!(tokens.load(name).await.unwrap(), Some(token(2, "")));

    let mine: Vec<_> = (0..8).map(|n| token(3, &format!("secret {n}"))).collect();
    let outcomes = join_all(mine.iter().map(|token| tokens.store(name, token))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let won = outcomes.iter().position(Result::is_ok).and_then(|at| mine.get(at));
    assert_eq!(tokens.load(name).await.unwrap().as_ref(), won);
    assert!(!format!("{:?}", token(1, "geheim")).contains("geheim"));
}
