// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"clearpost/exchange/intake/posting"
	"clearpost/lead"
)

// reasonTable is what the published reasons of a failure mean to a seller; docs/reference/seller-status.md has the
// same.
var reasonTable = []posting.Named{
	{Name: "buyer_error", Says: "a buyer could not be reached or its answer could not be used"},
	{Name: "duplicate", Says: "a buyer has this lead already, or you sent this person before"},
	{Name: "invalid_data", Says: "a buyer found the lead's data invalid"},
	{Name: "invalid_email", Says: "a buyer found the e-mail address invalid"},
	{Name: "invalid_phone", Says: "a buyer found the phone number invalid"},
	{Name: "missing_consent", Says: "a buyer found no proof of consent"},
	{Name: "no_bids", Says: "nobody bids on this lead"},
	{Name: "outside_service_area", Says: "a buyer does not serve the area"},
	{Name: "quote_lost", Says: "no buyer took the lead at the quoted price"},
	{Name: "rejected", Says: "a buyer rejected the lead without a reason that we know"},
}

// Reasons lists the published reasons of a failure with their meaning, in the order of names.
func Reasons() []posting.Named { return reasonTable }

// statusTable is what the HTTP statuses mean, with the codes that stand as reason in an error;
// docs/reference/seller-status.md has the same.
var statusTable = []posting.Named{
	{Name: "200", Says: "a business answer, success or failure"},
	{Name: "202", Says: "pending, or queued: ask `status_url` later"},
	{Name: "303", Says: "a business answer or pending, where the lead has a `redirect_url`"},
	{Name: "400 invalid_lead",
		Says: "values that cannot be used, or missing ones; `errors` lists field, value and expectation"},
	{Name: "400 changed_since_ping",
		Says: "a post sends other values than its ping for fields that the price came from; `errors` lists them"},
	{Name: "400 bad_json bad_form bad_multipart bad_xml", Says: "the body is not what its `Content-Type` says"},
	{Name: "400 bad_encoding bad_charset", Says: "the body is not packed, or not written, as it declares"},
	{Name: "400 bad_request bad_idempotency_key",
		Says: "the request is not well formed; the header is more than 200 characters or not visible ASCII"},
	{Name: "401 unauthorized", Says: "no key, or one that is not known"},
	{Name: "403 origin_not_allowed", Says: "a script in a browser, from a page that your account does not name"},
	{Name: "404 not_found unknown_vertical",
		Says: "no such path, no such lead of yours, or a vertical that your account may not send"},
	{Name: "405 method_not_allowed", Says: "the header `Allow` says which method is expected"},
	{Name: "406 not_acceptable", Says: "`Accept` allows neither JSON nor XML"},
	{Name: "408 request_timeout", Says: "the request was begun and did not come whole in time: nothing was taken"},
	{Name: "409 other_person", Says: "a field that names the person has another value than at the ping"},
	{Name: "409 idempotency_key_reused", Says: "the `Idempotency-Key` came before with another call or body"},
	{Name: "409 in_progress", Says: "the same request is under way: repeat it later to hear its answer"},
	{Name: "409 person_in_progress",
		Says: "another lead of this person is under way, nothing was taken: send this one again later"},
	{Name: "410 ping_expired", Says: "the quote had expired when the post arrived: ping again"},
	{Name: "413 body_too_large", Says: "packed or unpacked"},
	{Name: "415 unsupported_media_type unsupported_encoding unsupported_charset",
		Says: "not declared as one of the dialects; packed otherwise than in gzip or deflate; a charset that is not " +
			"known"},
	{Name: "429 rate_limited", Says: "more requests a second than your account may send; the header `Retry-After` " +
		"says how many seconds to wait"},
	{Name: "431 headers_too_large", Says: "more than 16 KiB of headers"},
	{Name: "500 internal",
		Says: "an error of the exchange: ask `GET /v1/leads/{id}` before you do anything with the lead"},
	{Name: "503 unavailable too_busy", Says: "leads cannot be taken now; `Retry-After` says how many seconds to " +
		"wait. " +
		"With `\"unsure\": true` in the answer nobody can tell yet whether the lead was taken: send the same request " +
		"again, or ask `GET /v1/leads/{id}`, before you offer it to anybody else"},
	{Name: "503 source_paused", Says: "a lead in any call, while your account is paused by the exchange's operator"},
	{Name: "503 source_closed", Says: "a ping or a one-shot lead outside your account's hours: nothing was taken; " +
		"`Retry-After` says in how many seconds they begin. The post of a quote is taken at any hour"},
}

// StatusMeanings lists the HTTP statuses with the codes that stand as reason, and what they mean, in the order of
// numbers.
func StatusMeanings() []posting.Named { return statusTable }

// notations say more of what a type takes than its form does.
var notations = map[lead.Type]string{
	lead.TypeText:    "UTF-8",
	lead.TypeName:    "one line",
	lead.TypeEmail:   "one address; case does not matter",
	lead.TypeBoolean: "also t/f, checked/unchecked, selected",
	lead.TypeInteger: "also -7, 1,000, 12.0 and 25k, and the one number of a text such as 3 bedrooms; what could " +
		"mean two is refused",
	lead.TypeDecimal: "also 1,234.5, and the one number of a text such as 2.5 baths; what could mean two is refused",
	lead.TypeMoney: "also (100), 1.2k, USD 500 and $1100 per month; what could mean two amounts, such as 1.234, " +
		"is refused",
	lead.TypeState:    "in any case",
	lead.TypeRange:    "also 10k–20k, 500 or more, 10+ years and Good (680-719); 10-20k is refused",
	lead.TypeTime:     "seconds may follow",
	lead.TypeDateTime: "with a zone or in UTC; also as a browser writes it, and seconds or milliseconds since 1970",
	lead.TypeEnum:     "in any case",
	lead.TypeList:     "a JSON list, the name several times, or text with lines, |, ; or , between values",
	lead.TypeSSN:      "plain or as 3-2-4; it must stand in the post too, also where the ping had it",
	lead.TypeURL:      "with a host and without a user; example.com/page gets http://",
	lead.TypeIP:       "IPv4 or IPv6; with a port, or the first of a list, too",
}

// dates say how dates are read, by whether the day stands first.
var dates = map[bool]string{
	false: "also 3/22/1984 (month first), 22 Mar 1984, March 22, 1984 and 19840322",
	true:  "also 22/3/1984 (day first), 22 Mar 1984, March 22, 1984 and 19840322",
}
