// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"clearpost/exchange"
	"clearpost/lead"
)

// The consent certificates' hidden fields, under the names that their scripts give them.
const (
	trustedForm = "trustedform_cert_url|trusted_form_cert_url|trustedform_url|trusted_form_url|trustedform"
	jornaya     = "jornaya_leadid|jornaya_lead_id|universal_leadid|leadid"
)

var leadconduit = profile{
	name: "leadconduit", key: "key", place: "as the source in the path", format: "format", root: "result",
	unnamed: true, alias: map[string]string{
		"lead_id": "ping_id", "lead.id": "ping_id", "ping_id": "ping_id", "reference": "seller_lead_id",
		"redir_url": "redirect_url", "phone_1": "phone", "address_1": "address",
		"xxTrustedFormCertUrl": trustedForm, "xxTrustedFormToken": trustedForm, "trustedform_cert_url": trustedForm,
		"xxTrustedFormPingUrl": "trustedform_ping_url|trusted_form_ping_url", "leadid_token": jornaya,
		"universal_leadid": jornaya,
	},
	shown:  map[string]string{"ping_id": "lead_id", "seller_lead_id": "reference"},
	answer: answerLeadConduit,
	mistake: func(_ int, text string, _ []lead.Problem) any {
		return conduitAnswer{Outcome: "error", Reason: text}
	},
	pending: pendingLeadConduit,
}

// conduitAnswer is an answer of the profile leadconduit.
type conduitAnswer struct {
	Outcome string           `json:"outcome"`
	Test    bool             `json:"test,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	Lead    *conduitLead     `json:"lead,omitempty"`
	Price   *exchange.Amount `json:"price,omitempty"`
}

type conduitLead struct {
	ID string `json:"id"`
}

func conduitLeadOf(id string) *conduitLead {
	if id == "" {
		return nil
	}
	return &conduitLead{id}
}

func pendingLeadConduit(id string, test bool) any {
	return conduitAnswer{Outcome: "queued", Test: test, Reason: waiting, Lead: conduitLeadOf(id)}
}

func answerLeadConduit(r *exchange.Reply, ping bool) (int, any) {
	status := 201
	if ping {
		status = 200
	}
	a := conduitAnswer{Outcome: "success", Test: r.Test, Lead: conduitLeadOf(idOf(r)), Price: priceOf(r)}
	switch r.Result {
	case lead.ResultPending, lead.ResultQueued:
		return status, pendingLeadConduit(idOf(r), r.Test)
	case lead.ResultFailure:
		a.Outcome, a.Reason = "failure", why(r)
		a.Price = new(exchange.Amount)
	}
	return status, a
}

var boberdoo = profile{
	name: "boberdoo", key: "Key", place: "as Key", format: "Format", wrapper: "Request", root: "response", xml: true,
	soft: true, alias: map[string]string{
		"Key": "key", "Format": "format", "Lead_ID": "ping_id", "Cost": "min_price",
		"Unique_Identifier": "seller_lead_id", "Mode": ignored, "API_Action": ignored, "TYPE": ignored, "SRC": ignored,
		"Test_Lead": "test", "TestResult": "test_result",
	},
	shown: map[string]string{"key": "Key", "format": "Format", "ping_id": "Lead_ID", "min_price": "Cost",
		"seller_lead_id": "Unique_Identifier"},
	answer: answerBoberdoo,
	mistake: func(_ int, text string, _ []lead.Problem) any {
		return boberdooAnswer{boberdooBody{Status: "Error", Error: text}}
	},
	pending: pendingBoberdoo,
}

// boberdooAnswer is an answer of the profile boberdoo.
type boberdooAnswer struct {
	Response boberdooBody `json:"response"`
}

type boberdooBody struct {
	Status  string           `json:"status"`
	Test    bool             `json:"test,omitempty"`
	LeadID  string           `json:"lead_id,omitempty"`
	Price   *exchange.Amount `json:"price,omitempty"`
	Reason  string           `json:"unmatched_reason,omitempty"`
	Message string           `json:"message,omitempty"`
	Error   string           `json:"error,omitempty"`
}

func pendingBoberdoo(id string, test bool) any {
	return boberdooAnswer{boberdooBody{Status: "Pending", Test: test, LeadID: id, Message: waiting}}
}

func answerBoberdoo(r *exchange.Reply, _ bool) (int, any) {
	b := boberdooBody{Status: "Matched", Test: r.Test, LeadID: idOf(r)}
	switch r.Result {
	case lead.ResultPending, lead.ResultQueued:
		return 200, pendingBoberdoo(idOf(r), r.Test)
	case lead.ResultFailure:
		b.Status, b.Reason = "Unmatched", why(r)
	default:
		b.Price = priceOf(r)
	}
	return 200, boberdooAnswer{b}
}

var leadspedia = profile{
	name: "leadspedia", key: "lp_campaign_key", place: "as lp_campaign_key", format: "lp_response", root: "response",
	soft: true, alias: map[string]string{
		"lp_campaign_key": "key", "lp_response": "format", "lp_ping_id": "ping_id", "vendor_lead_id": "seller_lead_id",
		"lead_id": ignored, "lp_test": "test", "lp_s1": "sub_id", "lp_s2": "sub_id2", "lp_s3": "sub_id3",
		"phone_home": "phone", "lp_redirect_url": "redirect_url", "universal_lead_id": jornaya,
	},
	shown: map[string]string{"key": "lp_campaign_key", "format": "lp_response", "ping_id": "lp_ping_id",
		"seller_lead_id": "vendor_lead_id"},
	answer: answerLeadspedia,
	mistake: func(status int, text string, errors []lead.Problem) any {
		a := leadspediaAnswer{Result: "failed", Msg: text}
		if status == 429 || status >= 500 { // it is to be sent again, and may be the repeat of a lead that was sold
			a.Result = "error"
		}
		for _, e := range errors {
			a.Errors = append(a.Errors, leadspediaError{e.Field, "expected " + e.Expected})
		}
		return a
	},
	pending: pendingLeadspedia,
}

// leadspediaAnswer is an answer of the profile leadspedia.
type leadspediaAnswer struct {
	Result string           `json:"result"`
	Test   bool             `json:"test,omitempty"`
	Msg    string           `json:"msg"`
	PingID string           `json:"ping_id,omitempty"`
	LeadID string           `json:"lead_id,omitempty"`
	Price  *exchange.Amount `json:"price,omitempty"`

	Errors []leadspediaError `json:"errors,omitempty"`
}

type leadspediaError struct {
	Field string `json:"field"`
	Error string `json:"error"`
}

func pendingLeadspedia(id string, test bool) any {
	return leadspediaAnswer{Result: "pending", Test: test, Msg: "Lead Pending: " + waiting, LeadID: id}
}

func answerLeadspedia(r *exchange.Reply, ping bool) (int, any) {
	kind := "Lead"
	a := leadspediaAnswer{Result: "success", Test: r.Test, LeadID: idOf(r)}
	if ping {
		kind, a.PingID, a.LeadID = "Ping", idOf(r), ""
	}
	switch r.Result {
	case lead.ResultPending, lead.ResultQueued:
		return 200, pendingLeadspedia(idOf(r), r.Test)
	case lead.ResultFailure:
		a.Result, a.Msg = "failed", kind+" Rejected: "+why(r)
	default:
		a.Msg, a.Price = kind+" Accepted", priceOf(r)
	}
	return 200, a
}
