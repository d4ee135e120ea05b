package metrics

import (
	"context"
	"errors"
	"testing"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
)

// sayNo lets nobody in.
type sayNo struct{}

func (sayNo) Authorize(context.Context, auth.Request) (auth.Grant, error) {
	return auth.Grant{}, reason.Wrap(reason.Unauthorized, &auth.Denied{Why: "no"})
}

// say answers what it is.
type say struct{ err error }

func (s say) Authorize(context.Context, auth.Request) (auth.Grant, error) {
	return auth.Grant{User: "ann"}, s.err
}

func TestAuth(t *testing.T) {
	no := func(d auth.Denied) error { return reason.Wrap(reason.Unauthorized, &d) }
	given := auth.Credentials{User: "ann", Password: "wrong"}
	for _, c := range []struct {
		name, outcome string
		credentials   auth.Credentials
		err           error
	}{
		{"yes", "allowed", given, nil},
		{"who is it", "no_credentials", auth.Credentials{}, no(auth.Denied{Authenticate: true})},
		{"wrong password", "wrong_credentials", given, no(auth.Denied{Authenticate: true})},
		{"not from there", "forbidden", given, no(auth.Denied{})},
		{"guessing", "limited", given, reason.Wrap(reason.LimitReached, errors.New("wait"))},
		{"gone", "unanswered", given, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.Auth = CountAuth(say{c.err})
			g, err := s.Auth.Authorize(t.Context(), auth.Request{Protocol: "rtsp", Credentials: c.credentials})
			if !errors.Is(err, c.err) || g.User != "ann" {
				t.Errorf("the answer is %v, %v", g, err)
			}
			scrape(t, New(s.Options)).expect(t, samples{
				`weir_auth_answers_total{outcome="` + c.outcome + `",protocol="rtsp"}`: 1,
				`weir_auth_seconds_count`:             1,
				`weir_auth_seconds_bucket{le="+Inf"}`: 1,
			})
		})
	}
}
