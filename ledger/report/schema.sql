-- Version 1 of the view. What has a name with an underscore in front is how it is kept; the views below are for people.
create table _place (
  name  text primary key,
  value any not null
) strict, without rowid;

create table _campaign (
  id       integer primary key,
  campaign text not null,
  buyer    text not null,
  unique (campaign, buyer)
) strict;

create table _origin (
  id       integer primary key,
  source   text not null,
  vertical text not null,
  currency text not null,
  state    text not null,
  sub_id   text not null,
  unique (source, vertical, currency, state, sub_id)
) strict;

create table _lead (
  n         integer primary key, -- seq of its first event
  id        blob not null,
  at        integer not null,    -- microseconds
  origin    integer not null,
  test      integer not null,
  one_shot  integer not null,
  seller    text not null,
  sub_id    text not null,       -- where its origin does not have it
  sub_id2   text not null,
  sub_id3   text not null,
  quote     integer not null,
  asked     integer not null,
  answered  integer not null,
  bids      integer not null,
  best      integer not null,
  result    integer not null,    -- 0 unquoted, 1 quoted, 2 pending, 3 sold, 4 unsold
  refusal   integer not null,
  posted_at integer,             -- of the last answer to its post
  counted   integer not null     -- 0: its row was dropped for its age, and made anew by an event that came later
) strict;
create unique index _lead_id on _lead (id);
create index _lead_at on _lead (at);
create index _lead_origin on _lead (origin);
create index _lead_refusal on _lead (refusal) where refusal not in (0, 500, 504);
create index _lead_pending on _lead (result) where result = 2;
create index _origin_sub_id on _origin (sub_id);
create index _lead_seller on _lead (seller) where seller <> '';

create table _person (
  key  blob not null,
  lead integer not null,
  primary key (key, lead)
) strict, without rowid;
create index _person_lead on _person (lead);

-- Bids by the hour, campaign, origin and refusal: what is told apart by several things at once.
create table _bid (
  at       integer not null, -- seconds, of an hour
  campaign integer not null,
  origin   integer not null,
  refusal  integer not null,
  n        integer not null,
  asked    integer not null,
  answered integer not null,
  listed   integer not null,
  bids     integer not null,
  won      integer not null,
  price    integer not null,
  took     integer not null,
  primary key (at, campaign, origin, refusal)
) strict, without rowid;

-- All that figures add up, by the hour and by the day (of UTC), in five cuts: each tells rows apart by campaign, source,
-- vertical and currency, and by one thing more. They are kept in the transactions of the rows that they are sums of.
create table _sum (
  cut      integer not null, -- 0 nothing more, 1 refusal, 2 band of bids, 3 state, 4 sub_id; and 8: by the day
  at       integer not null, -- seconds, of the hour or the day
  campaign integer not null, -- 0: what is counted of leads
  origin   integer not null,
  part     integer not null, -- the refusal or the band; else 0
  leads    integer not null,
  quoted   integer not null,
  sold     integer not null,
  looked   integer not null,
  asked    integer not null,
  answered integer not null,
  late     integer not null,
  torn     integer not null,
  capped   integer not null,
  listed   integer not null,
  bids     integer not null,
  won      integer not null,
  price    integer not null,
  took     integer not null,
  posts    integer not null,
  accepted integer not null,
  rejected integer not null,
  not_sent integer not null,
  unknown  integer not null,
  returned integer not null,
  paid     integer not null,
  unpaid   integer not null,
  revenue  integer not null,
  payout   integer not null,
  primary key (cut, at, campaign, origin, part)
) strict, without rowid;

-- Histograms, of the hour and of the day, by campaign, source, vertical and currency.
create table _hist (
  kind     integer not null, -- 1 calls for bids, 2 posts, 3 bids; and 8: by the day
  at       integer not null,
  campaign integer not null,
  origin   integer not null,
  counts   blob not null,
  primary key (kind, at, campaign, origin)
) strict, without rowid;

create table _attempt (
  id        blob primary key,
  lead      integer not null,
  at        integer not null,
  campaign  integer not null,
  origin    integer not null,
  test      integer not null,
  leg       integer not null,
  brand     text not null,
  rank      integer not null,
  bid       integer not null,
  promised  integer not null,
  outcome   integer not null, -- 0 open, 1 accepted, 2 rejected, 3 duplicate, 4 invalid, 5 not_sent, 6 unknown, 7 test
  refusal   integer not null,
  status    integer not null,
  took      integer not null,
  reference text not null,
  price     integer not null,
  payout    integer not null,
  changes   integer not null,
  returned  integer not null,
  paid      integer           -- 1 paid, 0 unpaid
) strict, without rowid;
create index _attempt_lead on _attempt (lead);
create index _attempt_at on _attempt (at);
create index _attempt_campaign on _attempt (campaign, refusal, lead);
create index _attempt_outcome on _attempt (outcome) where outcome not in (1, 2);
create index _attempt_price on _attempt (price) where outcome = 1;
create index _attempt_reference on _attempt (reference) where reference <> '';

create table _resend (
  id      blob primary key,
  attempt blob not null
) strict, without rowid;

create table refusals (
  number    integer primary key,
  name      text not null,
  published text not null,
  meaning   text not null
) strict;

create view leads as
select l.n,
       lower(substr(hex(l.id), 1, 8) || '-' || substr(hex(l.id), 9, 4) || '-' || substr(hex(l.id), 13, 4) || '-' ||
             substr(hex(l.id), 17, 4) || '-' || substr(hex(l.id), 21)) as lead_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', l.at / 1e6, 'unixepoch') as at,
       o.source, o.vertical, o.currency, o.state, iif(l.sub_id = '', o.sub_id, l.sub_id) as sub_id, l.sub_id2, l.sub_id3,
       l.seller as seller_lead_id, l.test, iif(l.one_shot, 'lead', 'ping') as mode,
       l.asked, l.answered, l.bids, l.best as best_bid_micros, l.quote as quote_micros,
       case l.result when 0 then 'unquoted' when 1 then 'quoted' when 2 then 'pending' when 3 then 'sold' else 'unsold' end
         as result,
       r.name as refusal,
       strftime('%Y-%m-%dT%H:%M:%fZ', l.posted_at / 1e6, 'unixepoch') as answered_at
from _lead l join _origin o on o.id = l.origin left join refusals r on r.number = l.refusal;

create view bids as
select strftime('%Y-%m-%dT%H:00Z', b.at, 'unixepoch') as at,
       c.campaign, c.buyer, o.source, o.vertical, o.currency, o.state, o.sub_id, r.name as refusal,
       b.n, b.asked, b.answered, b.listed, b.bids, b.won, b.price as bids_micros, b.took as took_us
from _bid b join _campaign c on c.id = b.campaign join _origin o on o.id = b.origin
  left join refusals r on r.number = b.refusal;

create view attempts as
select lower(substr(hex(a.id), 1, 8) || '-' || substr(hex(a.id), 9, 4) || '-' || substr(hex(a.id), 13, 4) || '-' ||
             substr(hex(a.id), 17, 4) || '-' || substr(hex(a.id), 21)) as attempt,
       a.lead as n,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.at / 1e6, 'unixepoch') as at,
       c.campaign, c.buyer, a.brand, a.leg, a.rank, o.source, o.vertical, o.currency, o.state, o.sub_id, a.test,
       a.bid as bid_micros, a.promised as promised_micros,
       case a.outcome when 0 then 'open' when 1 then 'accepted' when 2 then 'rejected' when 3 then 'duplicate'
         when 4 then 'invalid' when 5 then 'not_sent' when 6 then 'unknown' else 'test' end as outcome,
       r.name as refusal, a.status, a.took as took_us, a.reference,
       a.price as price_micros, a.payout as payout_micros, a.changes, a.returned, a.paid
from _attempt a join _campaign c on c.id = a.campaign join _origin o on o.id = a.origin
  left join refusals r on r.number = a.refusal;

create view sales as
select attempt, n, at, campaign, buyer, brand, source, vertical, currency, state, sub_id, reference, price_micros,
       payout_micros, price_micros - payout_micros as margin_micros, changes, returned, paid
from attempts where outcome = 'accepted' and test = 0;

create view sub_ids as
select o.source, o.vertical, o.sub_id, count(*) as leads, sum(l.result > 0) as quoted, sum(l.result = 3) as sold,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(l.at) / 1e6, 'unixepoch') as last_at
from _lead l join _origin o on o.id = l.origin where l.test = 0 group by o.source, o.vertical, o.sub_id;

create view days as
select strftime('%Y-%m-%d', s.at, 'unixepoch') as day, c.campaign, c.buyer, o.source, o.vertical, o.currency,
       s.leads, s.quoted, s.sold, s.looked, s.asked, s.answered, s.late, s.torn, s.capped, s.listed, s.bids, s.won,
       s.price as bids_micros, s.took as took_us, s.posts, s.accepted, s.rejected, s.not_sent, s.unknown, s.returned,
       s.paid, s.unpaid, s.revenue as revenue_micros, s.payout as payout_micros, s.revenue - s.payout as margin_micros
from _sum s join _origin o on o.id = s.origin left join _campaign c on c.id = s.campaign where s.cut = 8;
