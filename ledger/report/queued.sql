-- 5 of _lead.result: it waits in the queue
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
       strftime('%Y-%m-%dT%H:%M:%fZ', l.posted_at / 1e6, 'unixepoch') as answered_at
from _lead l join _origin o on o.id = l.origin left join refusals r on r.number = l.refusal;
