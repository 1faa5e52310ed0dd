-- Single payments by signed transfers (x402's scheme exact), to be listed, and to be found when they are to be sent.
-- What each of them is stands in its own stream. No log written before this migration can hold one, so the read model
-- keeps its version.
create table settlement_v1.exact_payments (
    exact_payment_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    chain_id bigint not null,
    token text not null,
    payer text not null,
    status text not null,
    -- Of its first event.
    position bigint not null
);
create index exact_payments_organization on settlement_v1.exact_payments (organization_id, position);
create index exact_payments_submitted on settlement_v1.exact_payments (chain_id, token, position)
    where status in ('settling', 'settled');
