//! The GraphQL documents, held against `schema.graphql` when the crate was built (`build.rs`).

include!(concat!(env!("OUT_DIR"), "/shopify_documents.rs"));
