-- Sales that their buyers wanted to give back: one row each, as it stands.
create table _return (
  attempt   blob primary key,
  seq       integer not null,    -- of its last event
  asked_at  integer not null,    -- of its first event, microseconds
  at        integer not null,    -- of its last event
  state     integer not null,    -- 1 asked, 2 returned, 3 denied, 4 revoked, 5 replaced
  reason    text not null,
  note      text not null,
  why       text not null,       -- of its last event
  by        text not null,
  decided   text not null,       -- rule or person
  replaces  integer not null,    -- another lead is owed, or was given, in place of money
  credit    integer not null,
  clawback  integer not null,
  sale_at   integer not null,
  until     integer              -- the end of its window
) strict, without rowid;
create index _return_at on _return (at);
create index _return_asked on _return (seq) where state = 1;

create view returns as
select lower(substr(hex(r.attempt), 1, 8) || '-' || substr(hex(r.attempt), 9, 4) || '-' || substr(hex(r.attempt), 13, 4) ||
             '-' || substr(hex(r.attempt), 17, 4) || '-' || substr(hex(r.attempt), 21)) as attempt,
       a.lead as n, strftime('%Y-%m-%dT%H:%M:%fZ', r.asked_at / 1e6, 'unixepoch') as asked_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.at / 1e6, 'unixepoch') as at,
       case r.state when 1 then 'asked' when 2 then 'returned' when 3 then 'denied' when 4 then 'revoked' else 'replaced' end
         as state,
       r.reason, r.note, r.why, r.by, r.decided, r.replaces, c.campaign, c.buyer, o.source, o.vertical, o.currency,
       a.reference, a.price as price_micros, a.payout as payout_micros, r.credit as credit_micros,
       r.clawback as clawback_micros, strftime('%Y-%m-%dT%H:%M:%fZ', r.sale_at / 1e6, 'unixepoch') as sale_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.until / 1e6, 'unixepoch') as until
from _return r left join _attempt a on a.id = r.attempt left join _campaign c on c.id = a.campaign
  left join _origin o on o.id = a.origin;
