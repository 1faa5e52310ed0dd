//! What the gateway has to be told, and its limits that no route can change.

use std::time::Duration;

use domain::ids::OrganizationId;

/// Requests under way at a time, streams included.
pub const REQUESTS_MAX: usize = 4_096;
/// Connections at a time; whoever comes next waits.
pub const CONNECTIONS_MAX: usize = 8_192;
/// All headers of a request together.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// How long a client may take for the headers of a request, and how long it may say nothing between two.
pub const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// How long a client may say nothing in the middle of a request's body.
pub const BODY_IDLE_MAX: Duration = Duration::from_secs(10);
/// How long a client may take for the body of a request.
pub const BODY_WITHIN: Duration = Duration::from_secs(120);
/// How long a client may take none of what there is for it.
pub const CLIENT_STALLS_MAX: Duration = Duration::from_secs(60);
/// How long connecting to an upstream may take.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// What the bodies of all requests may take of the memory.
pub const REQUESTS_BYTES_MAX: usize = 512 << 20;
/// The same for answers that are read whole.
pub const ANSWERS_BYTES_MAX: usize = 512 << 20;
/// An answer up to this size is read whole before it is passed on, so that its cost is known by then.
pub const WHOLE_BYTES_MAX: usize = 1 << 20;
/// The same where only the end of the body says what it cost: answers of models that are not streamed.
pub const WHOLE_JSON_BYTES_MAX: usize = 16 << 20;
/// How much longer a hold stands than its request may take.
pub const HOLD_SLACK_SECS: u32 = 120;

/// What the gateway has to be told.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Whose routes are meant where neither the path nor a key says so; the first organization when `None`.
    pub organization_id: Option<OrganizationId>,
    /// How clients reach the gateway, without a slash at the end: shown in offers. From the request when `None`.
    pub public_url: Option<String>,
    /// How many proxies of one's own stand before it: so many entries of `x-forwarded-for` are believed.
    pub proxies: usize,
    /// See [`REQUESTS_MAX`].
    pub requests_max: usize,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self { organization_id: None, public_url: None, proxies: 0, requests_max: REQUESTS_MAX }
    }
}
