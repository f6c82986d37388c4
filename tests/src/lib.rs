//! Stories told against the whole bundle.
