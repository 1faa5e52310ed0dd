-- Following a chain that may change its mind.

-- How many confirmations of a halt (`chain.confirmed`) were carried out: each begins the reading anew. While it is read
-- anew the log knows more than the blocks that were read. Block -1: nothing was read.
alter table chain_cursors
    add column confirmations bigint not null default 0,
    add column reading_anew boolean not null default false;

-- What was told at first sight, until the same is told for good in that very place, or is taken back. Not a read model:
-- when it is lost, what was told at first sight from blocks that have gone away stays in the log.
create table chain_sights (
    chain_id bigint not null,
    contract text not null,
    tx_hash text not null,
    -- Its place among the contract's entries of its own transaction.
    ordinal bigint not null,
    block_hash text not null,
    block_number bigint not null,
    block_time timestamptz not null,
    log_index bigint not null,
    session_id text not null,
    organization_id uuid not null,
    partition integer not null,
    stream_id text not null,
    what text not null check (what in ('deposit', 'freeze', 'revocation', 'withdrawal', 'rotation')),
    -- Of a rotation: the new key.
    key text,
    -- When the contract was last asked whether it holds all the same.
    looked_at timestamptz,
    primary key (chain_id, contract, tx_hash, ordinal, block_hash)
);
create index chain_sights_block on chain_sights (chain_id, contract, block_number);

-- How the chain's worker fares, for those who ask another process.
create table chain_workers (
    chain_id bigint not null,
    contract text not null,
    -- As its last good round saw them; null before.
    head_block bigint,
    final_block bigint,
    heard_at timestamptz,
    -- Since when each round has ended with the same error that does not pass by itself.
    stuck_since timestamptz,
    stuck_why text,
    primary key (chain_id, contract)
);

-- Since when facts of the chain are known by their place in their transaction. Before, it was their place in the block:
-- what was told under such a name must not be told again under the new one.
create table chain_fact_names (
    only_row boolean primary key default true check (only_row),
    since timestamptz not null default now()
);
insert into chain_fact_names default values;
