package api

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/weirmedia/weir/pkg/session"
)

// maxPage is the most that a list answers at once, and what it answers if the
// request does not say.
const maxPage = 1000

// sessionFilter chooses sessions. Empty texts match all.
type sessionFilter struct {
	protocol, stream, user, remote string
	action                         session.Action
	state                          session.State
	offset, limit                  int
}

// newSessionFilter reads a query. An error is about the parameter field.
func newSessionFilter(q url.Values) (f sessionFilter, field string, err error) {
	f = sessionFilter{
		protocol: q.Get("protocol"), stream: q.Get("stream"), user: q.Get("user"), remote: q.Get("remote"),
		action: session.Action(q.Get("action")), state: session.State(q.Get("state")), limit: maxPage,
	}
	switch f.action {
	case "", session.Publish, session.Play, session.Forward, session.Record:
	default:
		return f, "action", fmt.Errorf(`action must be "publish", "play", "forward" or "record"`)
	}
	if f.state != "" && f.state != session.Active && f.state != session.Waiting {
		return f, "state", fmt.Errorf(`state must be "active" or "waiting"`)
	}
	for _, p := range []struct {
		name        string
		value       *int
		least, most int
	}{{"offset", &f.offset, 0, 1 << 30}, {"limit", &f.limit, 1, maxPage}} {
		text := q.Get(p.name)
		if text == "" {
			continue
		}
		if *p.value, err = strconv.Atoi(text); err != nil || *p.value < p.least || *p.value > p.most {
			return f, p.name, fmt.Errorf("%s must be a number of %d..%d", p.name, p.least, p.most)
		}
	}
	return f, "", nil
}

func (f *sessionFilter) matches(s *session.Snapshot) bool {
	return (f.protocol == "" || s.Protocol == f.protocol) && (f.action == "" || s.Action == f.action) &&
		(f.stream == "" || s.Stream == f.stream) && (f.user == "" || s.User == f.user) &&
		(f.state == "" || s.State == f.state) && (f.remote == "" || strings.HasPrefix(s.Remote, f.remote))
}
