package webrtc

import (
	"fmt"
	"strings"
	"time"

	"github.com/pion/turn/v5"
)

// turnValid is for how long credentials of a TURN server are handed out: nobody
// watches for longer without connecting anew.
const turnValid = 24 * time.Hour

// links returns the Link headers that name the ICE servers (RFC 9725, 4.6).
func (s *Server) links() (list []string, err error) {
	for _, server := range s.live.Load().ICEServers {
		link := fmt.Sprintf("<%s>; rel=\"ice-server\"", server.URL)
		if strings.HasPrefix(server.URL, "turn") {
			username, credential := server.Username, server.Credential.Reveal()
			if secret := server.Secret.Reveal(); secret != "" {
				// draft-uberti-behave-turn-rest-00, 2.2
				if username, credential, err = turn.GenerateLongTermTURNRESTCredentials(secret, "weir", turnValid); err != nil {
					return nil, err
				}
			}
			link += fmt.Sprintf("; username=%q; credential=%q; credential-type=\"password\"", username, credential)
		}
		list = append(list, link)
	}
	return list, nil
}
