-- What persons and rules changed: a row each, which never changes. Rows of files and what is said of files have none.
create table _adjustment (
  seq        integer primary key, -- of its event
  at         integer not null,    -- microseconds
  adjustment text not null,
  subject    text not null,
  lead       blob,
  attempt    blob,
  campaign   text not null,
  buyer      text not null,
  outcome    integer not null,    -- as in _attempt
  price      integer not null,
  payout     integer not null,
  was_price  integer,
  was_payout integer,
  reference  text not null,
  ref        text not null,
  currency   text not null,
  date       text not null,
  was        text not null,       -- of caps and standings
  becomes    text not null,
  why        text not null,
  by         text not null
) strict;
create index _adjustment_at on _adjustment (at);
create index _adjustment_cap on _adjustment (subject, at) where adjustment = 'cap';

create view adjustments as
select d.seq, strftime('%Y-%m-%dT%H:%M:%fZ', d.at / 1e6, 'unixepoch') as at, d.adjustment, d.subject,
       lower(substr(hex(d.lead), 1, 8) || '-' || substr(hex(d.lead), 9, 4) || '-' || substr(hex(d.lead), 13, 4) || '-' ||
             substr(hex(d.lead), 17, 4) || '-' || substr(hex(d.lead), 21)) as lead_id,
       lower(substr(hex(d.attempt), 1, 8) || '-' || substr(hex(d.attempt), 9, 4) || '-' || substr(hex(d.attempt), 13, 4) ||
             '-' || substr(hex(d.attempt), 17, 4) || '-' || substr(hex(d.attempt), 21)) as attempt,
       d.campaign, d.buyer,
       case d.outcome when 0 then '' when 1 then 'accepted' when 2 then 'rejected' when 3 then 'duplicate'
         when 4 then 'invalid' when 5 then 'not_sent' when 6 then 'unknown' else 'test' end as outcome,
       d.price as price_micros, d.payout as payout_micros, d.was_price as was_price_micros,
       d.was_payout as was_payout_micros, d.reference, d.ref,
       iif(d.currency = '', coalesce(o.currency, ''), d.currency) as currency, d.date, d.was, d.becomes, d.why, d.by
from _adjustment d left join _lead l on l.id = d.lead left join _origin o on o.id = l.origin;

create view payments as
select seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1e6, 'unixepoch') as at, subject as account,
       iif(adjustment = 'deposited', price, payout) as amount_micros, currency, date, ref, why, by
from _adjustment where adjustment in ('deposited', 'paid_out');

-- What stands of caps, by their windows.
create table _cap (
  cap      text not null,
  value    text not null,    -- of the field that tells its counts apart
  window   text not null,
  of       text not null,
  used     integer not null, -- of spend: micros
  first_at integer not null, -- microseconds, of the first and the last event
  last_at  integer not null,
  primary key (cap, window, value)
) strict, without rowid;

create view caps as
select cap, value, window, iif(of = '', 'accepted', of) as counts, used,
       strftime('%Y-%m-%dT%H:%M:%fZ', first_at / 1e6, 'unixepoch') as first_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', last_at / 1e6, 'unixepoch') as last_at
from _cap;
