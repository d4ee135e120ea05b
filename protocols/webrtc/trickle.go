package webrtc

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/pion/sdp/v3"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/internal/httplive"
)

// maxTrickled bounds the candidates that a client may add to its session.
const maxTrickled = 64

// fragment is the body of a PATCH (RFC 8840): credentials and candidates.
type fragment struct {
	ufrag, pwd string
	candidates []pion.ICECandidateInit
}

// parseFragment reads a body of application/trickle-ice-sdpfrag.
func parseFragment(text string) (*fragment, error) {
	f := &fragment{}
	mid, index := "", -1
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		kind, value, ok := strings.Cut(line, "=")
		switch {
		case line == "":
		case !ok || len(kind) != 1:
			return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("the fragment has a line %.64q", line))
		case kind == "m":
			mid, index = "", index+1
		case kind == "a":
			key, value, _ := strings.Cut(value, ":")
			switch key {
			case "ice-ufrag":
				f.ufrag = value
			case "ice-pwd":
				f.pwd = value
			case sdp.AttrKeyMID:
				mid = value
			case sdp.AttrKeyCandidate:
				f.candidates = append(f.candidates, candidateInit(value, mid, index))
			}
		}
	}
	if !isICEText(f.ufrag) || !isICEText(f.pwd) {
		return nil, reason.Wrap(reason.BadRequest, errors.New("ice-ufrag and ice-pwd have letters, digits, + and / only"))
	}
	if len(f.candidates) > maxTrickled {
		return nil, reason.Wrap(reason.BadRequest, fmt.Errorf("the fragment has %d candidates, at most %d can be", len(f.candidates), maxTrickled))
	}
	return f, nil
}

// isICEText reports whether s has no other characters than credentials of ICE may
// have, and not more (RFC 8839, 5.4).
func isICEText(s string) bool {
	const most = 256
	return len(s) <= most && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

func candidateInit(value, mid string, index int) pion.ICECandidateInit {
	line := uint16(max(index, 0))
	return pion.ICECandidateInit{Candidate: sdp.AttrKeyCandidate + ":" + value, SDPMid: &mid, SDPMLineIndex: &line}
}

// patch answers a PATCH: candidates, or an ICE restart (RFC 9725, 4.3).
func (e *endpoint) patch(w http.ResponseWriter, r *http.Request, res *resource) {
	fail := func(status int, code, text string) {
		httpserver.WriteError(w, status, httpserver.Error{Code: code, Message: text})
	}
	text, err := readBody(w, r, typeFragment)
	var body *errBody
	if errors.As(err, &body) {
		fail(body.status, string(reason.BadRequest), body.text)
		return
	}
	var f *fragment
	if err == nil {
		f, err = parseFragment(text)
	}
	if err != nil {
		httplive.WriteError(w, err)
		return
	}
	restart := f.ufrag != "" && f.ufrag != res.remoteUfrag()
	switch match := r.Header.Get("If-Match"); {
	case match == "":
		fail(http.StatusPreconditionRequired, "precondition_required", "the header If-Match is missing")
	case !restart && match != "*" && match != res.tag():
		fail(http.StatusPreconditionFailed, "precondition_failed", "the ICE session that If-Match names is over")
	case restart:
		answer, err := res.restart(r.Context(), f)
		if err != nil {
			httplive.WriteError(w, err)
			return
		}
		w.Header().Set("Content-Type", typeFragment)
		w.Header().Set("ETag", res.tag())
		_, _ = io.WriteString(w, answer) // who is gone does not connect
	default:
		if err := res.trickle(f.candidates); err != nil {
			httplive.WriteError(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// tag returns the entity tag of the ICE session.
func (r *resource) tag() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.etag
}
