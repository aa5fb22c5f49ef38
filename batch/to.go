// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"clearpost/lead"
)

// to compiles where files are stored.
func (c *compiler) to() {
	t, out := &c.spec.To, &c.out.To
	out.AllowPrivate, out.Stay = c.opt.AllowPrivate, t.FilesStay
	if t.FilesStay && (t.HTTP != nil || t.Mail != nil) {
		c.bad("to.files_stay", "true", "nothing here: nobody can look whether a file is there")
	}
	n := 0
	for _, is := range []bool{t.Folder != nil, t.SFTP != nil, t.FTPS != nil, t.S3 != nil, t.HTTP != nil,
		t.Mail != nil} {
		if is {
			n++
		}
	}
	switch {
	case n != 1:
		c.bad("to", "", "one of folder, sftp, ftps, s3, http, mail")
	case t.Folder != nil:
		if path := t.Folder.Path; !filepath.IsAbs(path) || filepath.Clean(path) != path {
			c.bad("to.folder.path", path, "an absolute path without `..` and `//`")
		}
		out.Folder = &Folder{t.Folder.Path}
	case t.SFTP != nil:
		c.sftp(t.SFTP)
	case t.FTPS != nil:
		c.ftps(t.FTPS)
	case t.S3 != nil:
		c.s3(t.S3)
	case t.HTTP != nil:
		c.http(t.HTTP)
	default:
		c.mail(t.Mail)
	}
}

func (c *compiler) sftp(s *SFTPSpec) {
	out := &SFTP{User: s.User, Folder: s.Folder, Timeout: c.timeout("to.sftp", s.TimeoutMS)}
	out.Address = c.address("to.sftp.address", s.Address, "22")
	if s.User == "" {
		c.bad("to.sftp.user", "", "who logs in")
	}
	out.Password = c.secret("to.sftp.password", s.Password)
	out.Key = c.secret("to.sftp.key", s.Key)
	if s.Password == "" && s.Key == "" {
		c.bad("to.sftp", "", "a `password`, a `key`, or both")
	}
	if len(s.HostKeys) == 0 {
		c.bad("to.sftp.host_keys", "", "the server's keys, as `ssh-keyscan` tells and the buyer confirms them: a "+
			"server that cannot prove who it is gets no lead")
	}
	for i, k := range s.HostKeys {
		if key := HostKey(k); key == "" {
			c.bad(fmt.Sprintf("to.sftp.host_keys[%d]", i), k, "a public key, such as `ssh-ed25519 AAAA...`")
		} else {
			out.HostKeys = append(out.HostKeys, key)
		}
	}
	c.out.To.SFTP = out
}

// HostKey is the type and the text of a public key as known_hosts or a .pub file has it, "" if it is none.
func HostKey(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		if i+1 < len(words) && i < 2 && (strings.HasPrefix(w, "ssh-") || strings.HasPrefix(w, "ecdsa-")) &&
			strings.HasPrefix(words[i+1], "AAAA") {
			return w + " " + words[i+1]
		}
	}
	return ""
}

// ftps compiles a directory of an FTP server.
func (c *compiler) ftps(s *FTPSSpec) {
	port := "21"
	if s.Implicit {
		port = "990"
	}
	c.out.To.FTPS = &FTPS{Address: c.address("to.ftps.address", s.Address, port), User: s.User, Implicit: s.Implicit,
		Password: c.secret("to.ftps.password", s.Password), CA: c.authority("to.ftps.ca", s.CA), Folder: s.Folder,
		Timeout: c.timeout("to.ftps", s.TimeoutMS)}
	c.given("to.ftps.user", s.User, "who logs in")
	c.given("to.ftps.password", s.Password, "a password")
	if strings.ContainsAny(s.Folder, "\r\n") {
		c.bad("to.ftps.folder", s.Folder, "a path without line ends")
	}
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// s3 compiles a bucket.
func (c *compiler) s3(s *S3Spec) {
	u := c.url("to.s3.endpoint", s.Endpoint)
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		c.bad("to.s3.endpoint", s.Endpoint, "scheme and host alone")
	}
	if !bucketName.MatchString(s.Bucket) {
		c.bad("to.s3.bucket", s.Bucket, "the name of a bucket")
	}
	if strings.HasPrefix(s.Prefix, "/") || len(s.Prefix) > 512 || strings.ContainsAny(s.Prefix, "\r\n\x00") {
		c.bad("to.s3.prefix", s.Prefix, "what stands before the name, such as incoming/")
	}
	c.given("to.s3.access_key", s.AccessKey, "an access key")
	c.given("to.s3.secret_key", s.SecretKey, "its secret")
	c.out.To.S3 = &S3{Host: u.Host, TLS: u.Scheme == "https", Region: s.Region, Bucket: s.Bucket, Prefix: s.Prefix,
		AccessKey: c.secret("to.s3.access_key", s.AccessKey), SecretKey: c.secret("to.s3.secret_key", s.SecretKey),
		PathStyle: s.PathStyle, CA: c.authority("to.s3.ca", s.CA), Timeout: c.timeout("to.s3", s.TimeoutMS)}
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")

// http compiles a URL that takes uploads.
func (c *compiler) http(s *HTTPSpec) {
	c.url("to.http.url", strings.ReplaceAll(s.URL, "{name}", "name"))
	out := &HTTP{URL: s.URL, Method: s.Method, Headers: map[string]string{}, CA: c.authority("to.http.ca", s.CA),
		Timeout: c.timeout("to.http", s.TimeoutMS)}
	switch s.Method {
	case "":
		out.Method = "PUT"
	case "PUT", "POST":
	default:
		c.bad("to.http.method", s.Method, "PUT or POST")
	}
	if out.Method == "PUT" && !strings.Contains(s.URL, "{name}") {
		c.bad("to.http.url", s.URL, "{name} in it, so that each file has its own; or the method POST")
	}
	for name, value := range s.Headers {
		at := "to.http.headers." + name
		v := c.secret(at, value)
		if !headerName.MatchString(name) || strings.ContainsAny(v, "\r\n\x00") || len(v) > 4096 {
			c.bad(at, "", "a header's name and a value without line ends, of at most 4096 bytes")
		}
		out.Headers[name] = v
	}
	c.out.To.HTTP = out
}

// CompileMail compiles a mail server and an e-mail by themselves; paths are relative to the spec.
func CompileMail(s *MailSpec, opt Options) (*Mail, []lead.Defect) {
	c := &compiler{spec: &Spec{}, opt: opt, out: &Batch{}}
	c.mail(s)
	for i := range c.defects {
		c.defects[i].Path = strings.TrimPrefix(c.defects[i].Path, "to.mail.")
	}
	return c.out.To.Mail, c.defects
}

// mail compiles a mail server and an e-mail.
func (c *compiler) mail(s *MailSpec) {
	out := &Mail{User: s.User, Password: c.secret("to.mail.password", s.Password), TLS: s.TLS, From: s.From, To: s.To,
		CA: c.authority("to.mail.ca", s.CA), Subject: s.Subject, Text: s.Text,
		Timeout: c.timeout("to.mail", s.TimeoutMS)}
	port := "587"
	switch s.TLS {
	case "":
		out.TLS = "starttls"
	case "starttls":
	case "implicit":
		port = "465"
	case "none":
		if port = "25"; !c.opt.AllowPrivate {
			c.bad("to.mail.tls", s.TLS, "starttls or implicit: without allow_private_addresses leads go over no wire "+
				"in clear")
		}
	default:
		c.bad("to.mail.tls", s.TLS, "starttls, implicit or none")
	}
	out.Address = c.address("to.mail.server", s.Server, port)
	if (s.User == "") != (s.Password == "") {
		c.bad("to.mail.user", s.User, "`user` and `password`, or neither")
	}
	if len(s.To) == 0 || len(s.To) > recipientsMax {
		c.bad("to.mail.to", fmt.Sprint(len(s.To), " addresses"), fmt.Sprintf("1 to %d", recipientsMax))
	}
	for i, a := range append([]string{s.From}, s.To...) {
		if _, err := mail.ParseAddress(a); err != nil {
			at := fmt.Sprintf("to.mail.to[%d]", i-1)
			if i == 0 {
				at = "to.mail.from"
			}
			c.bad(at, a, "an e-mail address")
		}
	}
	c.given("to.mail.subject", s.Subject, "a subject, such as Leads of {date}")
	if out.Text == "" {
		out.Text = "{name}"
	}
	for at, text := range map[string]string{"to.mail.subject": s.Subject, "to.mail.text": s.Text} {
		if len(text) > 4096 || at == "to.mail.subject" && strings.ContainsAny(text, "\r\n") {
			c.bad(at, "", "at most 4096 bytes; a subject without line ends")
		}
	}
	c.out.To.Mail = out
}

const recipientsMax = 20

func (c *compiler) given(at, text, expected string) {
	if text == "" {
		c.bad(at, "", expected)
	}
}

// authority resolves certificates in PEM. What stands for a secret that is not there is not looked at.
func (c *compiler) authority(at, text string) string {
	pem := c.secret(at, text)
	if strings.Contains(pem, "-----BEGIN") && !x509.NewCertPool().AppendCertsFromPEM([]byte(pem)) {
		c.bad(at, "", "certificates in PEM")
	}
	return pem
}

// url reads the address of a server: https, or http within the own network.
func (c *compiler) url(at, text string) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		c.bad(at, text, "an absolute address that begins with https://")
		return &url.URL{}
	case u.Scheme == "http" && !c.opt.AllowPrivate:
		c.bad(at, text, "https: without allow_private_addresses leads go over no wire in clear")
	}
	return u
}

const (
	timeoutDefault = 30 * time.Second
	timeoutMSMost  = 600_000
)

func (c *compiler) timeout(at string, ms int) time.Duration {
	if ms < 0 || ms > timeoutMSMost {
		c.bad(at+".timeout_ms", fmt.Sprint(ms), fmt.Sprintf("1 to %d ms", timeoutMSMost))
	}
	if ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return timeoutDefault
}

// address completes an address with its usual port.
func (c *compiler) address(at, text, port string) string {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = strings.Trim(text, "[]"), port
	}
	if _, err := strconv.ParseUint(p, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
		c.bad(at, text, "a host, or host:port")
	}
	return net.JoinHostPort(host, p)
}

// secret resolves a text that may be a placeholder.
func (c *compiler) secret(at, text string) string {
	if !strings.HasPrefix(text, "${") {
		return text
	}
	if c.opt.Secrets != nil {
		if v, ok := c.opt.Secrets(text); ok {
			return v
		}
	}
	c.bad(at, text, "a placeholder ${env:NAME} or ${file:PATH} of something that is there")
	return ""
}
