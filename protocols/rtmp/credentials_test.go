package rtmp

import (
	"net/url"
	"strings"
	"testing"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/streamname"
)

func TestCredentials(t *testing.T) {
	for _, c := range []struct {
		name, query, tcURL string
		want               auth.Credentials
	}{
		{"none", "", "rtmp://h/live", auth.Credentials{}},
		{"query", "user=a&pass=b", "rtmp://h/live", auth.Credentials{User: "a", Password: "b"}},
		{"token", "token=t", "rtmp://h/live", auth.Credentials{Token: "t"}},
		{"tcUrl", "", "rtmp://a:b@h:1935/live", auth.Credentials{User: "a", Password: "b"}},
		{"the query comes first", "user=a&pass=b", "rtmp://c:d@h/live", auth.Credentials{User: "a", Password: "b"}},
		{"other parameters do not count", "vhost=x", "rtmp://a:b@h/live", auth.Credentials{User: "a", Password: "b"}},
		{"percent-encoded", "", "rtmp://a%40x:b%3Ac@h/live", auth.Credentials{User: "a@x", Password: "b:c"}},
		{"typed as it is", "", "rtmp://a:100%@h/live", auth.Credentials{User: "a", Password: "100%"}},
		{"at sign in the password", "", "rtmp://a:b@c@h/live", auth.Credentials{User: "a", Password: "b@c"}},
		{"only a user", "", "rtmp://a@h/live", auth.Credentials{User: "a"}},
		{"at sign in the path", "", "rtmp://h/live@x:y@z", auth.Credentials{}},
		{"at sign in the query", "", "rtmp://h?a:b@c", auth.Credentials{}},
		{"no URL", "", "a:b@h", auth.Credentials{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			query, err := url.ParseQuery(c.query)
			if err != nil {
				t.Fatal(err)
			}
			got := credentials(query, c.tcURL)
			if got.User != c.want.User || got.Password != c.want.Password || got.Token != c.want.Token {
				t.Errorf("got %q, %q, %q", got.User, got.Password, got.Token)
			}
		})
	}
}

func TestAppWithParameters(t *testing.T) {
	for _, c := range []struct{ name, app, key, want, query string }{
		{"plain", "live", "test", "live/test", ""},
		{"query of the app", "live?vhost=x", "test", "live/test", "vhost=x"},
		{"query of both", "live?vhost=x", "test?user=a", "live/test", "user=a&vhost=x"},
		{"vhost in dots", "live...vhost...example.org", "test", "live/test", "vhost=example.org"},
		{"vhost in dots and a query", "live...vhost...x?key=1", "test", "live/test", "key=1&vhost=x"},
		{"vhost in the key", "live", "test...vhost...x", "live/test", "vhost=x"},
		{"odd vhost", "live...vhost...a&b=c", "test", "live/test", "vhost=a%26b%3Dc"},
		{"dots in a query stay", "live?x=...vhost...y", "test", "live/test", "x=...vhost...y"},
		{"slash at the end", "live/", "test", "live/test", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, query, err := streamname.Join(vhostToQuery(c.app), vhostToQuery(c.key))
			if err != nil || name != c.want || query.Encode() != c.query {
				t.Errorf("got %q, %q, %v", name, query.Encode(), err)
			}
		})
	}
}

// FuzzConnectStrings: nothing in app, key or tcUrl breaks what looks into them;
// a virtual host never gets into the name, nor a query into the credentials.
func FuzzConnectStrings(f *testing.F) {
	f.Fuzz(func(t *testing.T, app, tcURL string) {
		path, _, _ := strings.Cut(vhostToQuery(app), "?")
		if strings.Contains(path, vhostMark) || !strings.HasPrefix(app, path) {
			t.Fatalf("app %q has path %q", app, path)
		}
		user, password := userinfo(tcURL)
		if len(user)+len(password) > len(tcURL) || strings.Contains(user, "?") && !strings.Contains(tcURL, "%3") {
			t.Fatalf("%q gave user %q and a password of %d bytes", tcURL, user, len(password))
		}
	})
}
