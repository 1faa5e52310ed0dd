-- Gateway keys, to be listed, and session keys, to be found by the session on chain. No log written before this
-- migration can hold an event of a gateway key, so the read model keeps its version.
create table directory_v1.directory_gateway_keys (
    gateway_key_id uuid primary key,
    organization_id uuid not null,
    -- Who pays: one of the two.
    customer_id uuid,
    session_key_id uuid,
    name text not null,
    prefix text not null,
    -- All null without a rate.
    rate_requests bigint,
    rate_per_secs bigint,
    rate_burst bigint,
    expires_at timestamptz,
    created_at timestamptz not null,
    revoked_at timestamptz,
    position bigint not null
);
create index directory_gateway_keys_organization
    on directory_v1.directory_gateway_keys (organization_id, gateway_key_id);
create index directory_gateway_keys_customer on directory_v1.directory_gateway_keys (customer_id, gateway_key_id)
    where customer_id is not null;
create index directory_gateway_keys_session_key
    on directory_v1.directory_gateway_keys (session_key_id, gateway_key_id) where session_key_id is not null;

create index directory_session_keys_session on directory_v1.directory_session_keys (organization_id, session_id);
