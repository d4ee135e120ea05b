package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
)

type lagger time.Duration

func (l lagger) Lag() (time.Duration, bool) { return time.Duration(l), true }

// TestSessionInFull: one session has its timeline, rates and lag; lists have no
// timelines, but for sessions that have ended.
func TestSessionInFull(t *testing.T) {
	o := fixture(t)
	h := New(o)
	get := func(target string, v any) {
		t.Helper()
		if w := ask(h, "GET", target); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), v) != nil {
			t.Fatalf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	info := session.Info{Protocol: "rtmp", Action: session.Play, Stream: "live/x", Transport: "tcp"}
	info.Admit(auth.Grant{User: "ann", Rule: "auth.users[0]"})
	s, err := o.Sessions.Open(info, func(reason.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	s.LagOf(lagger(1234567 * time.Microsecond))
	s.Counters().BytesOut.Add(1000)
	s.Skipped(reason.LagTime, 40)
	var one SessionInfo
	get("/api/v1/sessions/"+s.ID(), &one)
	if one.LagMS == nil || *one.LagMS != 1234.6 || one.BitrateOut != 8000 || one.BitrateIn != 0 {
		t.Errorf("%+v", one)
	}
	words := func(steps []StepInfo) (text string) {
		for i, step := range steps {
			if i > 0 && step.At.Before(steps[i-1].At) || step.At.Location() != time.UTC {
				t.Errorf("%v at %v", step.What, step.At)
			}
			text += fmt.Sprintf("%s %s; ", step.What, step.Detail)
		}
		return text
	}
	if got := words(one.Timeline); got != "connected tcp; authorised auth.users[0]; skip lag_time, 40 frames; " {
		t.Errorf("%q", got)
	}
	var all struct{ Sessions []SessionInfo }
	get("/api/v1/sessions?stream=live/x", &all)
	if l := all.Sessions; len(l) != 1 || l[0].Timeline != nil || l[0].LagMS == nil || l[0].BitrateOut == 0 {
		t.Errorf("%+v", all)
	}
	s.Close(reason.Stalled, errors.New("no byte"))
	var ended struct{ Sessions []EndedInfo }
	get("/api/v1/sessions/ended?stream=live/x", &ended)
	if l := ended.Sessions; len(l) != 1 || len(l[0].Session.Timeline) != 4 || l[0].Session.Timeline[3].Detail != "stalled: no byte" || l[0].Session.LagMS != nil {
		t.Errorf("%+v", ended)
	}
	if e := DescribeEnd(o.Sessions.Ended()[0]); len(e.Timeline) != 4 {
		t.Errorf("session.closed: %+v", e)
	}
}

// BenchmarkSessions10000 asks for a page of so many, and for those of one stream.
func BenchmarkSessions10000(b *testing.B) {
	r := session.NewRegistry(session.Options{})
	for i := range 10_000 {
		s, err := r.Open(session.Info{Protocol: "rtmp", Action: session.Play, Stream: fmt.Sprint("live/", i%100), Remote: "192.0.2.1:50000"}, func(reason.Reason) {})
		if err != nil {
			b.Fatal(err)
		}
		s.LagOf(lagger(i))
	}
	h := newEngine(Options{Sessions: r})
	for _, query := range []string{"limit=1000", "stream=live/7"} {
		b.Run(query, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/sessions?"+query, nil))
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
