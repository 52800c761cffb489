//! The integration tests: one binary, because each further one links the whole engine again.

mod history;
