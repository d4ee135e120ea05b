package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
)

// Question is what explain is asked: whether a client would be let in.
type Question struct {
	// URL names the stream, and its query may hold credentials; or else Stream does.
	URL      string      `json:"url"`
	Stream   string      `json:"stream"`
	Action   auth.Action `json:"action,omitempty"` // "play" if it is empty, "publish" for WHIP
	Address  netip.Addr  `json:"address"`          // of the client; 127.0.0.1 if it is empty
	Protocol string      `json:"protocol"`         // is told to the operator's service
	User     string      `json:"user"`
	Password string      `json:"password"`
	Token    string      `json:"token"`
}

// Explanation is what it answers.
type Explanation struct {
	Allowed bool       `json:"allowed"`
	Rule    string     `json:"rule"` // what decided
	Why     string     `json:"why"`  // of the answer no, as the client is told
	User    string     `json:"user"` // as who the client would be listed
	Expires *time.Time `json:"expires"`
}

// explain tells whether a client would be allowed something, and what decides. A
// question may make weir ask the operator's service.
func (a *api) explain(c *gin.Context) {
	var q Question
	if !readBody(c, &q) {
		return
	}
	request, field, err := q.request()
	if err != nil {
		fail(c, http.StatusBadRequest, string(reason.BadRequest), err.Error(), field)
		return
	}
	grant, err := a.Explainer.Authorize(c.Request.Context(), request)
	var denied *auth.Denied
	switch {
	case err == nil:
		out := Explanation{Allowed: true, Rule: grant.Rule, User: grant.User}
		if !grant.Expires.IsZero() {
			expires := grant.Expires.UTC()
			out.Expires = &expires
		}
		c.JSON(http.StatusOK, out)
	case errors.As(err, &denied):
		c.JSON(http.StatusOK, Explanation{Rule: denied.Rule, Why: denied.Why})
	default:
		fail(c, http.StatusServiceUnavailable, string(reason.InternalError), err.Error(), "")
	}
}

// request returns what an authorizer is asked. An error is about field.
func (q *Question) request() (r auth.Request, field string, err error) {
	r = auth.Request{
		Action: q.Action, Stream: q.Stream, Protocol: q.Protocol, Remote: q.Address,
		Credentials: auth.Credentials{User: q.User, Password: q.Password, Token: q.Token},
	}
	if !r.Remote.IsValid() {
		r.Remote = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	publishes := false
	if q.URL != "" {
		var u *url.URL
		if u, r.Stream, publishes, err = streamname.ParseURL(q.URL); err != nil {
			return r, "url", fmt.Errorf("url: %w", err)
		}
		r.Query = u.Query()
		password, _ := u.User.Password()
		for _, from := range []struct {
			to         *string
			in, before string
		}{
			{&r.Credentials.User, r.Query.Get("user"), u.User.Username()},
			{&r.Credentials.Password, r.Query.Get("pass"), password},
			{&r.Credentials.Token, r.Query.Get("token"), ""},
		} {
			for _, value := range []string{from.in, from.before} {
				if *from.to == "" {
					*from.to = value
				}
			}
		}
	}
	if r.Action == "" {
		r.Action = auth.Play
		if publishes {
			r.Action = auth.Publish
		}
	}
	if r.Action.OnStream() {
		if r.Stream, err = streamname.Parse(r.Stream); err != nil {
			return r, "stream", err
		}
	}
	return r, "", nil
}
