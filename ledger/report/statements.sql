-- Statements that were issued: one row each, which never changes.
create table _statement (
  seq        integer primary key, -- of its event
  at         integer not null,    -- microseconds, of its event
  number     text not null,
  series     text not null,
  n          integer not null,    -- of the series
  account    text not null,
  currency   text not null,
  month      text not null,
  until      integer not null,    -- microseconds: the end of the month
  up_to      integer not null,    -- seq: later events are of a later statement
  by         text not null,
  body       text not null        -- what its event says, as JSON
) strict;
create index _statement_account on _statement (account, currency, seq);
create index _statement_number on _statement (number);
create index _statement_series on _statement (series, n);

-- the buyer's reference, as the entry's event has it
alter table _entry add column reference text not null default '';
create index _entry_seq on _entry (account, seq);
create index _entry_attempt on _entry (attempt) where attempt is not null;

create view statements as
select seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1e6, 'unixepoch') as issued_at, number, series, n, account, currency, month,
       body ->> '$.zone' as zone, body ->> '$.since' as since, body ->> '$.until' as until, up_to as up_to_seq,
       body ->> '$.before' as before, body ->> '$.opening_micros' as opening_micros,
       body ->> '$.sales_micros' as sales_micros, body ->> '$.corrections_micros' as corrections_micros,
       body ->> '$.returns_micros' as returns_micros, body ->> '$.payments_micros' as payments_micros,
       body ->> '$.closing_micros' as closing_micros, body ->> '$.lines' as lines,
       coalesce(body ->> '$.open', 0) as open, body ->> '$.sha256' as sha256, by
from _statement;
