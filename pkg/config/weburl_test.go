package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestWebURLHides: whatever writes a URL leaves out what may be secret.
func TestWebURLHides(t *testing.T) {
	for _, tt := range []struct {
		name, url, want string
		valid           bool
	}{
		{"none", "", "", false},
		{"plain", "https://id.example.org:8443/a%2Fb", "https://id.example.org:8443/a%2Fb", true},
		{"password", "https://ann:planted@id.example.org/x", "https://***@id.example.org/x", true},
		{"user", "https://planted@id.example.org", "https://***@id.example.org", true},
		{"query", "http://h/x?token=planted", "http://h/x?***", true},
		{"fragment", "http://h/x#planted", "http://h/x", true},
		{"scheme", "file:///etc/passwd", "file:///etc/passwd", false},
		{"opaque", "mailto:planted", "***", false},
		{"no URL", "http://h/%zz?planted", "***", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := WebURL(tt.url)
			text, err := json.Marshal(struct{ U WebURL }{u})
			if err != nil {
				t.Fatal(err)
			}
			for _, got := range []string{u.String(), fmt.Sprintf("%v", u), fmt.Sprintf("%s", u), fmt.Sprintf("%d", u), u.LogValue().String()} {
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
			if strings.Contains(fmt.Sprintf("%+v %#v %q %x", u, u, u, u)+string(text), "planted") {
				t.Errorf("it shows: %s", text)
			}
			if u.Valid() != tt.valid || u.Reveal() != tt.url {
				t.Errorf("valid: %v, reveals %q", u.Valid(), u.Reveal())
			}
		})
	}
}

func TestWithoutURL(t *testing.T) {
	_, err := http.Get("http://ann:planted@127.0.0.1:0/?planted")
	if err == nil || strings.Contains(WithoutURL(err).Error(), "planted") {
		t.Errorf("%v", WithoutURL(err))
	}
	if other := errors.New("other"); WithoutURL(other) != other || WithoutURL(nil) != nil {
		t.Error("other errors change")
	}
}
