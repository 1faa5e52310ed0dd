-- How far the chain was read. Not a read model: it does not follow from `events`. When it is lost,
-- the chain is read again from before the first session key, and what is in the log already changes nothing.
create table chain_cursors (
    chain_id bigint not null,
    contract text not null,
    -- The last final block whose entries are in the log.
    block_number bigint not null,
    block_hash text not null,
    primary key (chain_id, contract)
);

-- What owners signed and is not on the chain for good: where it stands in the log.
create table settlement_v1.settlement_relays (
    relay_id uuid primary key,
    session_key_id uuid not null,
    organization_id uuid not null,
    partition integer not null,
    position bigint not null
);
create index settlement_relays_position on settlement_v1.settlement_relays (partition, position);
