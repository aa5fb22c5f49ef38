-- The journal: what each event books, on which accounts. The entries of one event add up to zero.
create table _account (
  id   integer primary key,
  name text not null unique
) strict;

create table _entry (
  seq      integer not null,  -- of its event
  line     integer not null,
  at       integer not null,  -- microseconds, of its event
  account  integer not null,
  amount   integer not null,  -- above zero: debit
  kind     integer not null,  -- 0 sale, 1 correction, 2 return, 3 payment
  lead     blob,
  attempt  blob,
  currency text not null,     -- '': that of the lead
  note     text not null,     -- of a payment: its ref
  primary key (seq, line)
) strict, without rowid;
create index _entry_account on _entry (account, at);

create view journal as
select e.seq, e.line, strftime('%Y-%m-%dT%H:%M:%fZ', e.at / 1e6, 'unixepoch') as at, n.name as account,
       e.amount as amount_micros, iif(e.currency = '', coalesce(o.currency, ''), e.currency) as currency,
       case e.kind when 0 then 'sale' when 1 then 'correction' when 2 then 'return' else 'payment' end as kind,
       lower(substr(hex(e.lead), 1, 8) || '-' || substr(hex(e.lead), 9, 4) || '-' || substr(hex(e.lead), 13, 4) || '-' ||
             substr(hex(e.lead), 17, 4) || '-' || substr(hex(e.lead), 21)) as lead_id,
       lower(substr(hex(e.attempt), 1, 8) || '-' || substr(hex(e.attempt), 9, 4) || '-' || substr(hex(e.attempt), 13, 4) ||
             '-' || substr(hex(e.attempt), 17, 4) || '-' || substr(hex(e.attempt), 21)) as attempt,
       e.note
from _entry e join _account n on n.id = e.account left join _lead l on l.id = e.lead left join _origin o on o.id = l.origin;
