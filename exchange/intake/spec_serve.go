// SPDX-License-Identifier: Apache-2.0

package intake

import (
	_ "embed"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"clearpost/exchange"
	"clearpost/exchange/intake/posting"
)

// Posting specs a second that are written at most, and at once: they cost more than a lead, and may be asked for
// without a key.
const (
	SpecsPerSecond = 20
	SpecsBurst     = 40
)

// SpecConfig is what the door needs to serve posting specs.
type SpecConfig struct {
	URL     string // under which sellers reach this exchange; empty means the Host of each request
	Links   *posting.Links
	History *posting.History
}

// specServer writes posting specs.
type specServer struct {
	SpecConfig
	limit *rate.Limiter
}

func newSpecDesk(cfg SpecConfig) specServer {
	return specServer{cfg, rate.NewLimiter(SpecsPerSecond, SpecsBurst)}
}

//go:embed openapi.yaml
var openapiYAML []byte

// OpenAPI is the description of the whole door.
func OpenAPI() []byte { return openapiYAML }

func (s *Server) openapi(ctx *fasthttp.RequestCtx, _ *segments) {
	s.send(ctx, 200, openapiYAML)
	ctx.SetContentType("application/yaml")
}

// spec answers GET /spec/{source}/{vertical}. It opens with the source's own key, with a link's token, or to anybody
// where the source is public.
func (s *Server) spec(ctx *fasthttp.RequestCtx, at *segments) {
	ctx.Response.Header.Set("Cache-Control", "no-store")
	format := ctx.QueryArgs().Peek("format")
	write := specFormats[string(format)]
	if write == nil {
		s.fail(ctx, 400, "bad_request", "expected format=html, md, openapi or openapi-json")
		return
	}
	acc, token := s.mayRead(ctx, at)
	if acc == nil {
		return
	}
	v := acc.on.Vertical(at.vertical)
	if v == nil || acc.names[at.vertical] == nil {
		s.fail(ctx, 404, "not_found", "no such posting spec of yours")
		return
	}
	if !s.specs.limit.Allow() {
		s.later(ctx, 429, "rate_limited", "too many posting specs are being read", time.Second)
		return
	}
	p, err := SpecPage(acc.Source, v, acc.on.Config(), s.http.MaxRequestBodySize, s.specs.History, s.ex.Now())
	if err != nil {
		s.log.Error("posting spec", "source", acc.ID, "vertical", v.ID, "error", err)
		s.later(ctx, 503, "unavailable", "the versions of the posting spec cannot be read", time.Second)
		return
	}
	p.Base, p.Token, p.Live = s.specs.base(ctx, s.https(ctx)), token, true
	b, contentType, err := write(p)
	if err != nil {
		s.log.Error("posting spec", "source", acc.ID, "vertical", v.ID, "error", err)
		s.fail(ctx, 500, "internal", "the posting spec could not be written")
		return
	}
	h := &ctx.Response.Header
	h.Set("Content-Security-Policy", posting.SecurityPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	s.send(ctx, 200, b)
	ctx.SetContentType(contentType)
}

// mayRead finds the source whose specs may be read, and the token that opened them. It answers itself if there is none.
// Without a key or a good token, a source that is not there is answered like one that is not public.
func (s *Server) mayRead(ctx *fasthttp.RequestCtx, at *segments) (*account, string) {
	of := s.book.Load().ids[at.source]
	if len(ctx.Request.Header.Peek("X-Api-Key")) > 0 || len(ctx.Request.Header.Peek("Authorization")) > 0 {
		acc := s.account(ctx, "")
		if acc != nil && acc.ID != at.source {
			s.fail(ctx, 404, "not_found", "no such posting spec of yours")
			return nil, ""
		}
		return acc, ""
	}
	token := string(ctx.QueryArgs().Peek("token"))
	opens := s.specs.Links != nil && s.specs.Links.Opens(token, at.source, at.vertical)
	switch {
	case of != nil && opens:
		return of, token
	case of != nil && of.SpecPublic:
		return of, ""
	}
	ctx.Response.Header.Set("WWW-Authenticate", "Bearer")
	s.fail(ctx, 401, "unauthorized", "expected the source's key (Authorization: Bearer KEY or X-Api-Key: KEY), or "+
		"the link that the operator gives you")
	return nil, ""
}

// base is the address of the exchange for a reader: the configured one, else that of the request.
func (d *specServer) base(ctx *fasthttp.RequestCtx, https bool) string {
	if d.URL != "" {
		return d.URL
	}
	scheme := "http"
	if https {
		scheme = "https"
	}
	u, err := url.Parse(scheme + "://" + string(ctx.Host()))
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" || strings.ContainsAny(u.Host, `'"<>\`+"`") {
		return scheme + "://HOST"
	}
	return scheme + "://" + u.Host
}

// specFormats are the ways to write a posting spec; the first is the standard.
var specFormats = map[string]func(*posting.Page) ([]byte, string, error){
	"":     specHTML,
	"html": specHTML,
	"md": func(p *posting.Page) ([]byte, string, error) {
		return typed(p.Markdown, "text/markdown; charset=utf-8")
	},
	"openapi":      func(p *posting.Page) ([]byte, string, error) { return specOpenAPI(p, false) },
	"openapi-json": func(p *posting.Page) ([]byte, string, error) { return specOpenAPI(p, true) },
}

func specHTML(p *posting.Page) ([]byte, string, error) {
	return typed(p.HTML, "text/html; charset=utf-8")
}

func specOpenAPI(p *posting.Page, asJSON bool) ([]byte, string, error) {
	kind := "application/yaml"
	if asJSON {
		kind = "application/json"
	}
	return typed(func() ([]byte, error) { return p.OpenAPI(openapiYAML, asJSON) }, kind)
}

func typed(write func() ([]byte, error), contentType string) ([]byte, string, error) {
	b, err := write()
	return b, contentType, err
}

// WriteSpec writes a posting spec as html, md, openapi or openapi-json; ok is false for another format.
func WriteSpec(p *posting.Page, format string) (b []byte, ok bool, err error) {
	write := specFormats[format]
	if write == nil {
		return nil, false, nil
	}
	b, _, err = write(p)
	return b, true, err
}

// SpecPage makes what is shown of a source's posting spec, but for its address. A nil history means that no version is
// known.
func SpecPage(src *exchange.Source, v *exchange.Vertical, cfg *exchange.Config, bodyBytesMax int, h *posting.History,
	now time.Time) (*posting.Page, error) {
	p := &posting.Page{Document: Spec(src, v, bodyBytesMax), Samples: SpecSamples(src, v, cfg, now)}
	if h == nil {
		return p, nil
	}
	var err error
	p.Steps, err = h.Steps(p.Document)
	return p, err
}

// KeepSpecs makes the posting specs of a configuration the newest versions, where they differ from those that are kept.
func KeepSpecs(h *posting.History, cfg *exchange.Config, bodyBytesMax int, now time.Time) error {
	for _, src := range cfg.Sources {
		for _, id := range src.Verticals {
			for _, v := range cfg.Verticals {
				if v.ID != id {
					continue
				}
				if _, err := h.Keep(Spec(src, v, bodyBytesMax), now); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
