-- The log: the one truth. Everything else in this database can be rebuilt from `events`.

-- Names this log, so that a copy in NATS of another log is recognized as foreign.
create table log_identity (
    only_row boolean primary key default true check (only_row),
    log_id uuid not null default gen_random_uuid()
);
insert into log_identity default values;

-- One row a partition. Its lock is the sequencer: positions are gapless and in commit order.
create table log_head (
    partition integer primary key check (partition >= 0),
    position bigint not null default 0,
    chain bytea not null default decode(repeat('00', 32), 'hex'),
    recorded_at timestamptz not null default 'epoch'
);

-- Wide columns last, fixed ones first: no padding between them.
create table events (
    position bigint not null check (position > 0),
    version bigint not null check (version > 0),
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    event_id uuid not null,
    organization_id uuid not null,
    causation_id uuid not null,
    correlation_id uuid not null,
    partition integer not null,
    schema smallint not null,
    stream_id text not null,
    event_type text not null,
    actor text not null,
    request_digest bytea not null,
    digest bytea not null,
    payload bytea not null,
    primary key (partition, position)
);
create unique index events_event_id on events (event_id);
create unique index events_stream on events (stream_id, version);
create index events_organization on events (organization_id, position);

-- The hash chain: one link for each append.
create table log_batches (
    last_position bigint not null,
    first_position bigint not null,
    recorded_at timestamptz not null,
    partition integer not null,
    chain bytea not null,
    primary key (partition, last_position)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'table % is append-only: % is refused', tg_table_name, lower(tg_op)
        using errcode = 'restrict_violation';
end $$;
create trigger events_append_only before update or delete on events
    for each row execute function refuse_change();
create trigger events_no_truncate before truncate on events
    for each statement execute function refuse_change();
create trigger log_batches_append_only before update or delete on log_batches
    for each row execute function refuse_change();
create trigger log_batches_no_truncate before truncate on log_batches
    for each statement execute function refuse_change();

-- What the hot path finds by something other than a stream's name. Written with the event.
create table stream_index (
    kind text not null,
    key bytea not null,
    organization_id uuid not null,
    partition integer not null,
    stream_id text not null,
    primary key (kind, key)
);

-- States of aggregates, to load long streams quickly. May be deleted at any time.
create table snapshots (
    stream_id text primary key,
    version bigint not null,
    state_version smallint not null,
    last_time timestamptz not null,
    state bytea not null
);

-- Secrets and personal data, encrypted; events refer to them by the row's id and never hold them.
create table vault (
    kind text not null,
    row_id text not null,
    organization_id uuid not null,
    sealed bytea not null,
    primary key (kind, row_id)
);

-- Appends a batch, all in one round trip.
--
-- The lock comes first and in a statement of its own, so that each later statement sees all that
-- was committed before it. A stream fails as a whole (its name comes back in `conflicts`) when its
-- version is not the expected one, or when one of its event ids is known already; the others go
-- on. Known ids are looked up, never raised: a unique violation would fail the whole batch.
create function append_events(
    p_partition integer,
    p_event_ids uuid[],
    p_organization_ids uuid[],
    p_stream_ids text[],
    p_versions bigint[],
    p_event_types text[],
    p_schemas smallint[],
    p_occurred_at timestamptz[],
    p_actors text[],
    p_request_digests bytea[],
    p_causation_ids uuid[],
    p_correlation_ids uuid[],
    p_payloads bytea[],
    p_digests bytea[],
    p_check_streams text[],
    p_check_versions bigint[],
    p_index_kinds text[],
    p_index_keys bytea[],
    p_index_streams text[],
    p_index_organizations uuid[],
    p_watched uuid[],
    out first_position bigint,
    out appended_at timestamptz,
    out appended bigint,
    out conflicts text[]
) language plpgsql volatile
-- Cached plans must use the indexes even when the tables were empty as they were made.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    head log_head%rowtype;
    digests bytea;
    link bytea;
begin
    select * into head from log_head h where h.partition = p_partition for update;
    if not found then
        raise exception 'the log has no partition %', p_partition using errcode = 'no_data_found';
    end if;

    select coalesce(array_agg(c.stream_id), '{}') into conflicts from (
        select s.stream_id
        from unnest(p_check_streams, p_check_versions) as s (stream_id, version)
        where s.version <> coalesce((
            select e.version from events e
            where e.stream_id = s.stream_id order by e.version desc limit 1
        ), 0)
        union
        select u.stream_id
        from unnest(p_event_ids, p_stream_ids) as u (event_id, stream_id)
        where (select true from events e where e.event_id = u.event_id)
    ) c;

    appended_at := greatest(clock_timestamp(), head.recorded_at);
    first_position := head.position + 1;
    insert into events (
        position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
        correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
    )
    select
        head.position + row_number() over (order by u.ord), u.version, u.occurred_at, appended_at, u.event_id,
        u.organization_id, u.causation_id, u.correlation_id, p_partition, u.schema, u.stream_id,
        u.event_type, u.actor, u.request_digest, u.digest, u.payload
    from unnest(
        p_event_ids, p_organization_ids, p_stream_ids, p_versions, p_event_types, p_schemas, p_occurred_at,
        p_actors, p_request_digests, p_causation_ids, p_correlation_ids, p_payloads, p_digests
    ) with ordinality as u (
        event_id, organization_id, stream_id, version, event_type, schema, occurred_at,
        actor, request_digest, causation_id, correlation_id, payload, digest, ord
    )
    where not u.stream_id = any (conflicts);
    get diagnostics appended = row_count;
    if appended = 0 then
        first_position := null;
        return;
    end if;

    insert into stream_index (kind, key, organization_id, partition, stream_id)
    select i.kind, i.key, i.organization_id, p_partition, i.stream_id
    from unnest(p_index_kinds, p_index_keys, p_index_organizations, p_index_streams)
        as i (kind, key, organization_id, stream_id)
    where not i.stream_id = any (conflicts);

    select string_agg(u.digest, ''::bytea order by u.ord) into digests
    from unnest(p_digests, p_stream_ids) with ordinality as u (digest, stream_id, ord)
    where not u.stream_id = any (conflicts);
    link := sha256(
        head.chain || int8send(first_position)
        || int8send((extract(epoch from appended_at) * 1000000)::bigint) || digests
    );
    insert into log_batches (last_position, first_position, recorded_at, partition, chain)
    values (head.position + appended, first_position, appended_at, p_partition, link);
    update log_head h set position = head.position + appended, chain = link, recorded_at = appended_at
    where h.partition = p_partition;

    -- Every process forgets what it cached of these organizations: keys, price lists.
    perform pg_notify('tollbook_watched', w.organization_id::text)
    from (select distinct unnest(p_watched) as organization_id) w;
end $$;

-- For people: the log with its payloads as JSON.
create view events_readable as
select partition, position, stream_id, version, event_type, occurred_at, recorded_at, actor,
    convert_from(payload, 'UTF8')::jsonb as payload, event_id
from events;
