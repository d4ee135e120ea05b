package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	minHTTPTimeout = config.Duration(100 * time.Millisecond)
	maxHTTPTimeout = config.Duration(30 * time.Second)
	maxTTL         = 24 * time.Hour
	// maxAnswer bounds an answer in bytes and its header likewise, maxAnswers how
	// many are remembered, maxAsking how many requests are on their way at once.
	maxAnswer  = 64 << 10
	maxAnswers = 10000
	maxAsking  = 64
	// failedTTL is for how long a service that failed is not asked about the same,
	// failedLease after what time it is asked about those who were let in since.
	failedTTL   = time.Second
	failedLease = time.Minute
)

func (c *Config) validateHTTP() error {
	if c.HTTPURL == "" {
		return nil
	}
	var errs []error
	if !c.HTTPURL.Valid() {
		errs = append(errs, errors.New("http_url: must be an http or https URL"))
	}
	if c.HTTPTimeout < minHTTPTimeout || c.HTTPTimeout > maxHTTPTimeout {
		errs = append(errs, fmt.Errorf("http_timeout: must be %v..%v, is %v", minHTTPTimeout, maxHTTPTimeout, c.HTTPTimeout))
	}
	if c.HTTPCache < 0 || c.HTTPCache > config.Duration(maxTTL) {
		errs = append(errs, fmt.Errorf("http_cache: must be 0..%v, is %v", maxTTL, c.HTTPCache))
	}
	return errors.Join(errs...)
}

// Question is what a callback is asked, as JSON.
type Question struct {
	Event    string `json:"event"` // "authorise"
	Action   Action `json:"action"`
	Stream   string `json:"stream"` // empty if the action concerns none
	Protocol string `json:"protocol"`
	Remote   string `json:"remote"` // address
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
	Query    string `json:"query"` // of the URL, as the client wrote it but sorted
}

// Answer is what it answers, as JSON and with the status 200. Without a body 200
// and 204 allow what was asked; 401 and 403 deny it, whatever the body.
type Answer struct {
	Allow *bool `json:"allow"`
	// Permissions, if there, say more than was asked, and decide instead of Allow.
	Permissions []Rule `json:"permissions"`
	// User is the name under which the client is listed.
	User string `json:"user"`
	// TTL is for how many seconds the answer counts; then the service is asked
	// again, about running sessions too. Without it the configuration says so.
	TTL *float64 `json:"ttl"`
	// Why is shown to who is denied.
	Why string `json:"why"`
}

// callback decides by asking a service. Safe for concurrent use.
type callback struct {
	config *Config
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	key    [sha256.Size]byte // of the cache, so that it holds no passwords

	asking chan struct{}
	warned rate.Sometimes // of failures, which outages and strangers make many of

	mu      sync.Mutex
	answers map[[sha256.Size]byte]answered
}

type answered struct {
	Answer
	denied  bool
	failed  bool
	expires time.Time
}

func newCallback(c *Config, log *slog.Logger, now func() time.Time) *callback {
	b := &callback{
		config: c, log: log, now: now, asking: make(chan struct{}, maxAsking), answers: make(map[[sha256.Size]byte]answered),
		warned: rate.Sometimes{Interval: time.Second},
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: maxAsking, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	_, _ = rand.Read(b.key[:]) // never fails
	return b
}

// close gives back what the callback holds.
func (b *callback) close() { b.client.CloseIdleConnections() }

// decide asks, or remembers the answer.
func (b *callback) decide(ctx context.Context, r Request) (Grant, error) {
	question := Question{
		Event: "authorise", Action: r.Action, Protocol: r.Protocol, Remote: r.Remote.Unmap().WithZone("").String(),
		User: r.Credentials.User, Password: r.Credentials.Password, Token: r.Credentials.Token, Query: r.Query.Encode(),
	}
	if r.Action.OnStream() {
		question.Stream = r.Stream
	}
	body, err := json.Marshal(question)
	if err != nil {
		return Grant{}, err
	}
	key := mac(b.key[:], body)
	a, ok := b.remembered(key)
	if !ok {
		if a, err = b.ask(ctx, body); err != nil {
			return Grant{}, err
		}
		b.remember(key, a)
	}
	return a.grant(r, b.config.HTTPAllowOnFailure)
}

func (b *callback) remembered(key [sha256.Size]byte) (answered, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.answers[key]
	return a, ok && b.now().Before(a.expires)
}

// remember keeps an answer. When there are too many, those that are over go, and
// if that does not help any; many at once, so that it is seldom done.
func (b *callback) remember(key [sha256.Size]byte, a answered) {
	now := b.now()
	if !now.Before(a.expires) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.answers) >= maxAnswers {
		for k, old := range b.answers {
			if !now.Before(old.expires) {
				delete(b.answers, k)
			}
		}
		for k := range b.answers {
			if len(b.answers) < maxAnswers*9/10 {
				break
			}
			delete(b.answers, k)
		}
	}
	b.answers[key] = a
}

// ask posts the question. An error means that the client is gone or too many ask;
// a service that fails is an answer too.
func (b *callback) ask(ctx context.Context, body []byte) (answered, error) {
	limited, cancel := context.WithTimeout(ctx, time.Duration(b.config.HTTPTimeout))
	defer cancel()
	select {
	case b.asking <- struct{}{}:
		defer func() { <-b.asking }()
	case <-limited.Done():
	}
	if err := cmp.Or(ctx.Err(), limited.Err()); err != nil { // the former comes first
		return answered{}, reason.Wrap(reason.LimitReached, fmt.Errorf("waiting to ask who may: %w", err))
	}
	a, err := b.post(limited, body)
	switch {
	case err == nil:
		return a, nil
	case errors.Is(ctx.Err(), context.Canceled): // a stranger must not make the service look as if it failed
		return answered{}, reason.Wrap(reason.ClientClosed, fmt.Errorf("asking who may: %w", ctx.Err()))
	}
	b.warned.Do(func() { b.log.Warn("auth.http_url gives no answer", "error", config.WithoutURL(err)) })
	return answered{failed: true, expires: b.now().Add(failedTTL)}, nil
}

func (b *callback) post(ctx context.Context, body []byte) (a answered, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.config.HTTPURL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	SignBody(request.Header, b.config.HTTPSecret, body)
	response, err := b.client.Do(request)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return a, err
	}
	if len(text) > maxAnswer {
		return a, fmt.Errorf("answered more than %d bytes", maxAnswer)
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		if len(bytes.TrimSpace(text)) == 0 {
			yes := true
			a.Allow = &yes
		} else if err := json.Unmarshal(text, &a.Answer); err != nil {
			return a, fmt.Errorf("answered what is no answer: %w", err)
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		_ = json.Unmarshal(text, &a.Answer) // it may say why
		a.denied = true
	default:
		return a, fmt.Errorf("answered %s", response.Status)
	}
	if a.Allow == nil && a.Permissions == nil && !a.denied {
		return a, errors.New(`answered neither "allow" nor "permissions"`)
	}
	return a, b.limit(&a)
}

// limit finds out how long an answer counts.
func (b *callback) limit(a *answered) error {
	ttl := time.Duration(b.config.HTTPCache)
	if a.TTL != nil {
		if *a.TTL < 0 || *a.TTL > maxTTL.Seconds() {
			return fmt.Errorf("answered a ttl of %v, which must be 0..%v seconds", *a.TTL, maxTTL.Seconds())
		}
		ttl = time.Duration(*a.TTL * float64(time.Second))
	}
	a.expires = b.now().Add(ttl)
	return nil
}

// errNoAnswer is shown to clients; the log has the cause. It is no denial: sessions
// that go on do so, and are asked about again.
var errNoAnswer = reason.Wrap(reason.InternalError, errors.New("nobody could be asked whether this is allowed"))

// grant is what an answer means for r.
func (a *answered) grant(r Request, allowOnFailure bool) (Grant, error) {
	yes := Grant{Identity: Anonymous(r.Remote, r.Query), User: a.User, Rule: "auth.http_url"}
	if a.User != "" {
		yes.Identity = Identity{User: "http:" + a.User}
	}
	if a.failed {
		if allowOnFailure && r.Action.OnStream() {
			yes.Rule, yes.Expires = "auth.http_allow_on_failure", a.expires.Add(failedLease)
			return yes, nil
		}
		return Grant{}, errNoAnswer
	}
	allowed := !a.denied && a.Allow != nil && *a.Allow
	if a.Permissions != nil && !a.denied {
		allowed = false
		for _, rule := range a.Permissions {
			allowed = allowed || rule.allows(r.Action, r.Stream)
		}
	}
	if allowed {
		if a.TTL != nil {
			yes.Expires = a.expires
		}
		return yes, nil
	}
	why := a.Why
	if why == "" {
		why = "not allowed to " + describe(r)
	}
	return Grant{}, deny(Denied{Why: fmt.Sprintf("%.200s", why), Authenticate: r.Credentials == Credentials{}, Rule: "auth.http_url"})
}
