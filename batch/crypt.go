// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	agearmor "filippo.io/age/armor"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
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

// keys are what responses are decrypted by. Where what stands for a key is not there, it is missing.
type keys struct {
	ages    []age.Identity
	pgp     openpgp.EntityList
	missing bool
}

// decrypt compiles by which key responses are read.
func (c *compiler) decrypt(out *Response, d *DecryptSpec) {
	if d.Age != "" && d.PGP != "" {
		c.bad("response.decrypt", "", "`age` or `pgp`, not both")
	}
	if d.Passphrase != "" && d.PGP == "" {
		c.bad("response.decrypt.passphrase", "", "nothing here: there is no `pgp`")
	}
	if d.Age != "" {
		key := c.secret("response.decrypt.age", d.Age)
		ids, err := age.ParseIdentities(strings.NewReader(key))
		switch {
		case err == nil:
			out.keys.ages = ids
		case strings.HasPrefix(d.Age, "${") && !strings.Contains(key, "AGE-"):
			out.keys.missing = true // it stands for a file that is not there
		default:
			c.bad("response.decrypt.age", "", "identities, such as AGE-SECRET-KEY-1..., a line each")
		}
	}
	if d.PGP != "" {
		c.decryptPGP(out, d)
	}
}

func (c *compiler) decryptPGP(out *Response, d *DecryptSpec) {
	key, pass := c.secret("response.decrypt.pgp", d.PGP), ""
	if d.Passphrase != "" {
		pass = c.secret("response.decrypt.passphrase", d.Passphrase)
	}
	if strings.HasPrefix(d.PGP, "${") && !strings.Contains(key, "-----BEGIN") {
		out.keys.missing = true
		return
	}
	list, err := openpgp.ReadArmoredKeyRing(strings.NewReader(key))
	if err != nil || len(list) == 0 || len(list) > keysMost {
		c.bad("response.decrypt.pgp", "", fmt.Sprintf("1 to %d private keys in ASCII armor", keysMost))
		return
	}
	for _, e := range list {
		if e.PrivateKey == nil {
			c.bad("response.decrypt.pgp", "", "private keys in ASCII armor, and no public one")
			return
		}
		if pass != "" {
			err = e.DecryptPrivateKeys([]byte(pass))
		}
		if err != nil || pass == "" && e.PrivateKey.Encrypted {
			c.bad("response.decrypt.passphrase", "", "the passphrase of the keys")
			return
		}
	}
	out.keys.pgp = list
}

// Decrypt gives the text of a response: where a key is configured it has to be encrypted for it.
func (r *Response) Decrypt(coded []byte) ([]byte, error) {
	var text io.Reader
	var err error
	switch k := &r.keys; {
	case k.missing:
		return nil, errors.New("response.decrypt is no key: what stands for it is not there")
	case k.ages != nil:
		var in io.Reader = bytes.NewReader(coded)
		if bytes.HasPrefix(bytes.TrimSpace(coded), []byte(agearmor.Header)) {
			in = agearmor.NewReader(in)
		}
		text, err = age.Decrypt(in, k.ages...)
	case k.pgp != nil:
		text, err = decryptPGP(coded, k.pgp)
	default:
		return coded, nil
	}
	if err != nil {
		return nil, fmt.Errorf("expected a file that is encrypted for the key of response.decrypt: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(text, ResponseBytesMax+1))
	if err == nil && len(b) > ResponseBytesMax {
		err = fmt.Errorf("expected at most %d bytes", ResponseBytesMax)
	}
	if err != nil {
		return nil, fmt.Errorf("decrypting: %w", err)
	}
	return b, nil
}

// decryptPGP opens a message. Only one that is encrypted and not altered is read to its end.
func decryptPGP(coded []byte, keys openpgp.EntityList) (io.Reader, error) {
	var in io.Reader = bytes.NewReader(coded)
	if bytes.HasPrefix(bytes.TrimSpace(coded), []byte("-----BEGIN PGP")) {
		block, err := armor.Decode(in)
		if err != nil {
			return nil, err
		}
		in = block.Body
	}
	m, err := openpgp.ReadMessage(in, keys, nil, &packet.Config{})
	switch {
	case err != nil:
		return nil, err
	case !m.IsEncrypted:
		return nil, errors.New("it is not encrypted")
	}
	return m.UnverifiedBody, nil
}
