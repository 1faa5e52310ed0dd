-- Other keys for a session. Added to the versions that there are: no log that was written before can hold an event of a
-- rotation, so for every such log the folds of today give the very rows that the folds before gave.

-- Until when the voucher that is kept is paid, when it is by a key that was replaced; null while it is by the present one.
alter table settlement_v1.settlement_sessions add column voucher_until timestamptz;
