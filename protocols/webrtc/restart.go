package webrtc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
	pion "github.com/pion/webrtc/v4"

	"github.com/weirmedia/weir/pkg/reason"
)

const (
	attrUfrag = "ice-ufrag"
	attrPwd   = "ice-pwd"
)

// trickle adds candidates of the client.
func (r *resource) trickle(list []pion.ICECandidateInit) error {
	r.mu.Lock()
	full := len(r.later)+len(list) > maxTrickled
	if !full {
		for _, c := range list {
			r.later = append(r.later, inWords(c.Candidate))
		}
	}
	r.mu.Unlock()
	if full {
		return reason.Wrap(reason.LimitReached, fmt.Errorf("a session may add %d candidates", maxTrickled))
	}
	for _, c := range list {
		if err := r.pc.AddICECandidate(c); err != nil {
			return reason.Wrap(reason.BadRequest, fmt.Errorf("candidate %.128q: %w", c.Candidate, err))
		}
	}
	return nil
}

// remoteUfrag returns the name of the client's ICE session.
func (r *resource) remoteUfrag() string {
	d := r.pc.RemoteDescription()
	var parsed sdp.SessionDescription
	if d == nil || parsed.UnmarshalString(d.SDP) != nil {
		return ""
	}
	return credential(&parsed, attrUfrag)
}

// credential finds an attribute of the ICE session, which may stand in the session
// or in its sections.
func credential(d *sdp.SessionDescription, key string) string {
	if v, ok := d.Attribute(key); ok {
		return v
	}
	for _, m := range d.MediaDescriptions {
		if v, ok := m.Attribute(key); ok {
			return v
		}
	}
	return ""
}

// restart begins a new ICE session with the client's new credentials: its first
// offer is made once more with them. It returns ours as a fragment.
func (r *resource) restart(ctx context.Context, f *fragment) (string, error) {
	if f.pwd == "" {
		return "", reason.Wrap(reason.BadRequest, errors.New("the fragment has ice-ufrag but no ice-pwd"))
	}
	r.restarting.Lock()
	defer r.restarting.Unlock()
	var offer sdp.SessionDescription
	if err := offer.UnmarshalString(r.pc.RemoteDescription().SDP); err != nil {
		return "", err
	}
	renew(&offer, f)
	text, err := offer.Marshal()
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	r.later, r.etag = nil, newETag()
	r.mu.Unlock()
	if err := r.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: string(text)}); err != nil {
		return "", reason.Wrap(reason.BadRequest, fmt.Errorf("the ICE restart: %w", err))
	}
	answer, err := r.answer(ctx)
	if err != nil {
		return "", err
	}
	if err := r.trickle(f.candidates); err != nil {
		return "", err
	}
	return fragmentOf(answer)
}

// renew puts the credentials of f into an offer, which keeps no candidates.
func renew(offer *sdp.SessionDescription, f *fragment) {
	replace := func(list []sdp.Attribute) []sdp.Attribute {
		list = slices.DeleteFunc(list, func(a sdp.Attribute) bool { return a.IsICECandidate() || a.Key == sdp.AttrKeyEndOfCandidates })
		for i := range list {
			switch list[i].Key {
			case attrUfrag:
				list[i].Value = f.ufrag
			case attrPwd:
				list[i].Value = f.pwd
			}
		}
		return list
	}
	offer.Attributes = replace(offer.Attributes)
	for _, m := range offer.MediaDescriptions {
		m.Attributes = replace(m.Attributes)
	}
	offer.Origin.SessionVersion++
}

// fragmentOf returns the ICE session of an answer as a fragment.
func fragmentOf(answer string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "a=%s:%s\r\na=%s:%s\r\n", attrUfrag, credential(&d, attrUfrag), attrPwd, credential(&d, attrPwd))
	m := bundled(&d)
	fmt.Fprintf(&b, "m=%s\r\n", m.MediaName.String())
	for _, a := range m.Attributes {
		switch {
		case a.Key == sdp.AttrKeyMID, a.IsICECandidate():
			fmt.Fprintf(&b, "a=%s:%s\r\n", a.Key, a.Value)
		case a.Key == sdp.AttrKeyEndOfCandidates:
			fmt.Fprintf(&b, "a=%s\r\n", a.Key)
		}
	}
	return b.String(), nil
}
