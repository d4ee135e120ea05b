package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/weirmedia/weir/pkg/config"
	"github.com/weirmedia/weir/pkg/reason"
)

const (
	// keysFresh is how long fetched keys are used without a look for new ones,
	// keysPause the least time between two looks. A token with an unknown key makes
	// one look, so keys rotate at once, and strangers cannot make many.
	keysFresh = time.Hour
	keysPause = 10 * time.Second
	// fetchTimeout bounds one look, maxKeySet its answer in bytes.
	fetchTimeout = 5 * time.Second
	maxKeySet    = 1 << 20
)

// keySet is a set of public keys that somebody else has (RFC 7517). Once fetched
// it serves through outages. Safe for concurrent use.
type keySet struct {
	url    string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	looking chan struct{} // holds one value while somebody looks for new keys
	tried   time.Time     // who looks has it

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // the newest success
}

func newKeySet(url string, log *slog.Logger, now func() time.Time) *keySet {
	return &keySet{
		url: url, client: &http.Client{Timeout: fetchTimeout, Transport: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswer}},
		log: log, now: now, looking: make(chan struct{}, 1),
	}
}

// errNoKeys is shown to clients; the log has the cause.
var errNoKeys = reason.Wrap(reason.InternalError, errors.New("tokens cannot be checked at the moment"))

// find returns the keys with an id, all if it is empty. It fails if keys could
// never be fetched, or ctx ends.
func (s *keySet) find(ctx context.Context, id string) ([]jwt.VerificationKey, error) {
	found, fetched := s.named(id)
	if len(found) > 0 {
		if s.now().Sub(fetched) <= keysFresh {
			return found, nil
		}
		select {
		case s.looking <- struct{}{}:
		default: // these serve until the other has found more
			return found, nil
		}
	} else {
		select {
		case s.looking <- struct{}{}:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for auth.jwks: %w", ctx.Err())
		}
	}
	defer func() { <-s.looking }()
	if now := s.now(); now.Sub(s.tried) > keysPause {
		s.tried = now
		// The next who asks wants the keys too, even if this one hangs up.
		if err := s.fetch(context.WithoutCancel(ctx)); err != nil {
			s.log.Warn("auth.jwks: no new keys", "error", config.WithoutURL(err))
		}
	}
	if found, fetched = s.named(id); fetched.IsZero() {
		return nil, errNoKeys
	}
	return found, nil
}

// named returns the keys with an id, and when they were fetched.
func (s *keySet) named(id string) (found []jwt.VerificationKey, fetched time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.keys {
		if (id == "" || key.KeyID == id) && (key.Use == "" || key.Use == "sig") && key.Valid() && key.IsPublic() {
			found = append(found, key.Key)
		}
	}
	return found, s.fetched
}

func (s *keySet) fetch(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	keys, err := readKeys(io.LimitReader(response.Body, maxKeySet))
	if err != nil {
		return fmt.Errorf("answered no set of keys: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.fetched = keys, s.now()
	return nil
}

// readKeys returns the keys of a set that are of a known kind: others do not count (RFC
// 7517, 5).
func readKeys(r io.Reader) (keys []jose.JSONWebKey, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(r).Decode(&set); err != nil {
		return nil, err
	}
	if set.Keys == nil {
		return nil, errors.New(`it lacks "keys"`)
	}
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
