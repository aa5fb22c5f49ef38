-- Leads that are offered anew. Each trip is a lead of its own, with its own calls and money; all trips of one count as
-- one lead, at the time of the first one and where that came from.
alter table _lead add column resubmits blob;                            -- id of the lead that it offers anew
alter table _lead add column first integer not null default 0;          -- n of the first trip; 0: it is that
alter table _lead add column hop integer not null default 0;            -- how often it was resubmitted by then
alter table _lead add column later integer not null default 0;          -- of a first trip: those after it
alter table _lead add column later_sold integer not null default 0;     -- of them those that are sold
create index _lead_resubmits on _lead (resubmits) where resubmits is not null;
create index _lead_first on _lead (first) where first <> 0;

-- of first trips
alter table _sum add column unsold integer not null default 0;
alter table _sum add column resubmitted integer not null default 0;     -- there is another trip
alter table _sum add column remediated integer not null default 0;      -- unsold, and another trip is sold

-- what came back of an attempt's sale, as it stands now
alter table _attempt add column given_back integer not null default 0;  -- 1: returned, or another lead came in its place
alter table _attempt add column credit integer not null default 0;
alter table _attempt add column clawback integer not null default 0;
alter table _sum add column credits integer not null default 0;
alter table _sum add column clawbacks integer not null default 0;
create index _return_seq on _return (seq);

-- what a buyer that resells has told of its own buyer
alter table _return add column chain_reference text not null default '';
alter table _return add column chain_date text not null default '';
alter table _return add column chain_until text not null default '';

drop view leads;
create view leads as
select l.n,
       lower(substr(hex(l.id), 1, 8) || '-' || substr(hex(l.id), 9, 4) || '-' || substr(hex(l.id), 13, 4) || '-' ||
             substr(hex(l.id), 17, 4) || '-' || substr(hex(l.id), 21)) as lead_id,
       strftime('%Y-%m-%dT%H:%M:%fZ', l.at / 1e6, 'unixepoch') as at,
       o.source, o.vertical, o.currency, o.state, iif(l.sub_id = '', o.sub_id, l.sub_id) as sub_id, l.sub_id2, l.sub_id3,
       l.seller as seller_lead_id, l.test, iif(l.one_shot, 'lead', 'ping') as mode,
       l.asked, l.answered, l.bids, l.best as best_bid_micros, l.quote as quote_micros,
       case l.result when 0 then 'unquoted' when 1 then 'quoted' when 2 then 'pending' when 3 then 'sold' when 5
         then 'queued' else 'unsold' end as result,
       r.name as refusal,
       strftime('%Y-%m-%dT%H:%M:%fZ', l.posted_at / 1e6, 'unixepoch') as answered_at,
       iif(l.first = 0, l.n, l.first) as first_n, l.hop,
       lower(substr(hex(l.resubmits), 1, 8) || '-' || substr(hex(l.resubmits), 9, 4) || '-' ||
             substr(hex(l.resubmits), 13, 4) || '-' || substr(hex(l.resubmits), 17, 4) || '-' ||
             substr(hex(l.resubmits), 21)) as resubmits,
       l.later as resubmitted, l.later_sold
from _lead l join _origin o on o.id = l.origin left join refusals r on r.number = l.refusal;

drop view sub_ids;
create view sub_ids as
select o.source, o.vertical, o.sub_id, count(*) as leads, sum(l.result > 0) as quoted,
       sum(l.result = 3 or l.later_sold > 0) as sold, strftime('%Y-%m-%dT%H:%M:%fZ', max(l.at) / 1e6, 'unixepoch') as last_at
from _lead l join _origin o on o.id = l.origin where l.test = 0 and l.first = 0 group by o.source, o.vertical, o.sub_id;

drop view sales;
drop view attempts;
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
       a.price as price_micros, a.payout as payout_micros, a.changes, max(a.returned, a.given_back) as returned, a.paid,
       a.credit as credit_micros, a.clawback as clawback_micros
from _attempt a join _campaign c on c.id = a.campaign join _origin o on o.id = a.origin
  left join refusals r on r.number = a.refusal;
create view sales as
select attempt, n, at, campaign, buyer, brand, source, vertical, currency, state, sub_id, reference, price_micros,
       payout_micros, price_micros - payout_micros as margin_micros, changes, returned, paid, credit_micros, clawback_micros
from attempts where outcome = 'accepted' and test = 0;

drop view days;
create view days as
select strftime('%Y-%m-%d', s.at, 'unixepoch') as day, c.campaign, c.buyer, o.source, o.vertical, o.currency,
       s.leads, s.quoted, s.sold, s.unsold, s.resubmitted, s.remediated,
       s.looked, s.asked, s.answered, s.late, s.torn, s.capped, s.listed, s.bids, s.won,
       s.price as bids_micros, s.took as took_us, s.posts, s.accepted, s.rejected, s.not_sent, s.unknown, s.returned,
       s.paid, s.unpaid, s.revenue as revenue_micros, s.payout as payout_micros, s.revenue - s.payout as margin_micros,
       s.credits as credit_micros, s.clawbacks as clawback_micros
from _sum s join _origin o on o.id = s.origin left join _campaign c on c.id = s.campaign where s.cut = 8;

drop view returns;
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
       strftime('%Y-%m-%dT%H:%M:%fZ', r.until / 1e6, 'unixepoch') as until,
       r.chain_reference, r.chain_date, r.chain_until
from _return r left join _attempt a on a.id = r.attempt left join _campaign c on c.id = a.campaign
  left join _origin o on o.id = a.origin;
