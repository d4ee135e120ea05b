package webrtc

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/streamname"
)

// What players and tools for SRS use: an offer and an answer in JSON, where a
// failure has the status 200 and a code.

// srsOffer is a request.
type srsOffer struct {
	StreamURL string `json:"streamurl"` // webrtc://HOST[:PORT]/app/stream?k=v
	SDP       string `json:"sdp"`
}

// srsAnswer is what it is answered with.
type srsAnswer struct {
	Code    int    `json:"code"` // 0, or 400
	Server  string `json:"server,omitempty"`
	SDP     string `json:"sdp,omitempty"`
	Session string `json:"sessionid,omitempty"`
	Error   string `json:"error,omitempty"`
}

// serveSRS answers POST /rtc/v1/publish/ and /rtc/v1/play/.
func (e *endpoint) serveSRS(w http.ResponseWriter, r *http.Request) {
	if !e.server.host.HTTP.Share(w, r, http.MethodPost) {
		return
	}
	answer, err := e.answerSRS(w, r)
	if err != nil {
		answer = srsAnswer{Code: http.StatusBadRequest, Error: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // a client that is gone does not connect
}

func (e *endpoint) answerSRS(w http.ResponseWriter, r *http.Request) (srsAnswer, error) {
	var o srsOffer
	var stream string
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSDP)).Decode(&o)
	if err != nil {
		err = reason.Wrap(reason.BadRequest, fmt.Errorf("the body: %w", err))
	} else {
		stream, err = useStreamURL(r, o.StreamURL)
	}
	var res *resource
	var answer string
	if err == nil {
		res, answer, err = e.open(r, stream, o.SDP)
	}
	if err != nil {
		e.note(r, stream, err)
		return srsAnswer{}, err
	}
	return srsAnswer{Server: "weir", SDP: answer, Session: res.id}, nil
}

// useStreamURL returns the name of the stream that a streamurl names, whose query
// becomes that of r: there are the credentials.
func useStreamURL(r *http.Request, text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "webrtc" {
		return "", reason.Wrap(reason.BadRequest, errors.New("streamurl: must be webrtc://HOST/app/stream"))
	}
	r.URL.RawQuery = u.RawQuery
	return streamname.Parse(strings.Trim(u.Path, "/"))
}

// serveQuery answers POST /rtc/v1/whip/ and /rtc/v1/whep/, which name the stream
// by ?app= and &stream=.
func (e *endpoint) serveQuery(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	name, err := streamname.Parse(q.Get("app") + "/" + q.Get("stream"))
	if err != nil {
		e.server.host.HTTP.Share(w, r, http.MethodPost)
		_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxSDP))
		e.refuse(w, r, "", err)
		return
	}
	e.serve(w, r, name)
}
