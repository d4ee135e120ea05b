package webrtc

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/pion/ice/v4"
	"github.com/pion/sdp/v3"
	pion "github.com/pion/webrtc/v4"
)

// maxTried bounds the candidates that are named when a client could not connect,
// maxWords what is said of each, in bytes: a stranger wrote them.
const (
	maxTried = 16
	maxWords = 64
)

// tried says in words which candidates there were.
func (r *resource) tried() string {
	var theirs []string
	if d := r.pc.RemoteDescription(); d != nil {
		theirs = offered(d.SDP)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	theirs = append(theirs, r.later...)
	return fmt.Sprintf("tried: ours %s, the client's %s", joined(r.ours), joined(theirs))
}

// offered returns the candidates in an SDP, in words.
func offered(text string) (list []string) {
	var d sdp.SessionDescription
	if d.UnmarshalString(text) != nil {
		return nil
	}
	for _, m := range d.MediaDescriptions {
		for _, a := range m.Attributes {
			if a.IsICECandidate() {
				list = append(list, a.Value)
			}
		}
	}
	return allInWords(list)
}

func allInWords(candidates []string) []string {
	list := make([]string, 0, len(candidates))
	for _, c := range candidates {
		list = append(list, inWords(c))
	}
	return list
}

// inWords returns a candidate as ADDRESS:PORT/TRANSPORT, and "?" for what is none.
func inWords(candidate string) string {
	c, err := ice.UnmarshalCandidate(candidate)
	if err != nil {
		return "?"
	}
	words := net.JoinHostPort(c.Address(), strconv.Itoa(c.Port())) + "/" + c.NetworkType().NetworkShort()
	return strings.Clone(words[:min(len(words), maxWords)])
}

// endWords returns one end of a pair as inWords does.
func endWords(c *pion.ICECandidate) string {
	return net.JoinHostPort(c.Address, strconv.Itoa(int(c.Port))) + "/" + c.Protocol.String()
}

// joined returns a list of candidates in words, of which the first are named.
func joined(list []string) string {
	switch {
	case len(list) == 0:
		return "none"
	case len(list) > maxTried:
		list = append(list[:maxTried:maxTried], "…")
	}
	return strings.Join(list, " ")
}
