//! Routes that speak the HTTP interface of OpenAI: chat completions, completions, embeddings, responses, models.
//!
//! [`request`] bounds what a request can come to and writes it anew, [`usage`] reads what it came to, [`sse`] cuts
//! streams into events and [`stream`] understands them. Nothing here knows of money.

pub(crate) mod request;
pub(crate) mod sse;
pub(crate) mod stream;
pub(crate) mod usage;
