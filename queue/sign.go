// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Secret is a key by which messages are signed, as Standard Webhooks has it: whsec_ and base64 of 24 to 64 bytes.
type Secret struct{ hook *standardwebhooks.Webhook }

// SecretForm tells what a secret looks like.
const SecretForm = "whsec_ and 24 to 64 bytes in base64"

// ParseSecret reads a secret. The error never shows it.
func ParseSecret(text string) (Secret, error) {
	raw, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(raw)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return Secret{}, fmt.Errorf("expected %s", SecretForm)
	}
	hook, err := standardwebhooks.NewWebhookRaw(key)
	return Secret{hook}, err
}

// Sign is the headers of a message that is sent at a time: webhook-id, webhook-timestamp and webhook-signature with a
// signature by each of the secrets, so that one can take the place of another.
func Sign(m *Message, at time.Time, secrets []Secret) (http.Header, error) {
	var signatures []string
	for _, s := range secrets {
		one, err := s.hook.Sign(m.ID, at, m.Body)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, one)
	}
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, m.ID)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return h, nil
}
