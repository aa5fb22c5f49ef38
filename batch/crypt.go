// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// keysMost is for how many keys a file is encrypted at most.
const keysMost = 10

// encrypt compiles for whom files are encrypted.
func (c *compiler) encrypt() {
	e := &c.spec.Encrypt
	if len(e.Age) > 0 && e.PGP != "" {
		c.bad("encrypt", "", "`age` or `pgp`, not both")
	}
	if len(e.Age) > keysMost {
		c.bad("encrypt.age", fmt.Sprint(len(e.Age), " recipients"), fmt.Sprintf("at most %d", keysMost))
	}
	for i, text := range e.Age {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			if !strings.HasPrefix(text, "age1") {
				text = "" // it may be a secret
			}
			c.bad(fmt.Sprintf("encrypt.age[%d]", i), text, "a recipient, such as age1..., as age-keygen prints it")
			continue
		}
		c.out.ages = append(c.out.ages, r)
	}
	if e.PGP == "" {
		return
	}
	key := c.secret("encrypt.pgp", e.PGP)
	if strings.HasPrefix(e.PGP, "${") && !strings.Contains(key, "-----BEGIN") {
		c.out.pgp = openpgp.EntityList{nil} // it stands for a file that is not there: nothing is sent by it
		return
	}
	list, err := openpgp.ReadArmoredKeyRing(strings.NewReader(key))
	if err != nil || len(list) != 1 || list[0].PrivateKey != nil {
		c.bad("encrypt.pgp", "", "one public key in ASCII armor, and no private one")
		return
	}
	if err := encryptPGP(io.Discard, list, nil); err != nil {
		c.bad("encrypt.pgp", "", "a key that can encrypt, and has not ended: "+err.Error())
	}
	c.out.pgp = list
}

// Encrypt encrypts a file's text, where that is configured.
func (b *Batch) Encrypt(text []byte) ([]byte, error) {
	var out bytes.Buffer
	switch {
	case b.ages != nil:
		w, err := age.Encrypt(&out, b.ages...)
		if err == nil {
			_, err = w.Write(text)
		}
		if err == nil {
			err = w.Close()
		}
		return out.Bytes(), err
	case b.pgp != nil && b.pgp[0] == nil:
		return nil, errors.New("encrypt.pgp is no public key in ASCII armor")
	case b.pgp != nil:
		err := encryptPGP(&out, b.pgp, text)
		return out.Bytes(), err
	}
	return text, nil
}

func encryptPGP(out io.Writer, to openpgp.EntityList, text []byte) error {
	w, err := openpgp.Encrypt(out, to, nil, &openpgp.FileHints{IsBinary: true}, &packet.Config{})
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	return err
}
