package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/weirmedia/weir/pkg/config"
)

// healthCommand is "weir health", for what watches a server and has no HTTP client,
// such as a container that holds nothing but the program.
type healthCommand struct {
	configFlag
	URL     string        `arg:"" optional:"" name:"url" help:"The server, or a page of it. Without it, the server of this configuration on this machine."`
	Timeout time.Duration `default:"5s" help:"For the answer (${default})."`
}

// Run asks whether the server takes sessions. The exit status is 0 if it does, else 1.
func (h *healthCommand) Run(con *console) error {
	if h.Timeout <= 0 {
		return &usageError{fmt.Errorf("--timeout: must be more than 0s, is %v", h.Timeout)}
	}
	page, own, err := h.page()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.Timeout)
	defer cancel()
	if err := askHealth(ctx, page, own); err != nil {
		return err
	}
	_, err = fmt.Fprintln(con.out, "ready")
	return err
}

// page returns what to ask, and whether that is this machine's own server.
func (h *healthCommand) page() (page string, own bool, err error) {
	if h.URL == "" {
		s, err := h.addresses()
		if err != nil {
			return "", true, err
		}
		page, err = s.ownPage("/readyz")
		return page, true, err
	}
	u, err := url.Parse(h.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", false, &usageError{fmt.Errorf("url: must be http://HOST or https://HOST, is %.128q", h.URL)}
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/readyz"
	}
	return u.String(), false, nil
}

// addresses returns settings of which the server's addresses count. What else is wrong
// there was written since the server began, and must not have it restarted.
func (f *configFlag) addresses() (*settings, error) {
	overlay, err := f.overlay()
	if err != nil {
		return nil, err
	}
	s := defaultSettings()
	var problems config.Problems
	_, err = config.Load(f.options(s, overlay))
	if errors.As(err, &problems) && !slices.ContainsFunc(problems, func(p *config.Problem) bool {
		return p.Key == "http.listen" || p.Key == "http.tls_listen"
	}) {
		err = nil
	}
	return s, err
}

// askHealth fails unless the page answers 200. The certificate of this machine's own
// server is for the names that others use, so it is not looked at: nothing is sent that
// a stranger could use.
func askHealth(ctx context.Context, page string, own bool) error {
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: own}}, //nolint:gosec // see above
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s answers %s", page, response.Status)
	}
	return nil
}

// ownPage returns the URL by which this machine reaches a page of the server.
func (s *settings) ownPage(path string) (string, error) {
	scheme, listen := "http", s.http.Listen
	if listen.Off() {
		scheme, listen = "https", s.http.TLSListen
	}
	if listen.Off() {
		return "", errors.New("http.listen and http.tls_listen are off; name a URL")
	}
	return (&url.URL{Scheme: scheme, Host: local(listen), Path: path}).String(), nil
}

// local returns HOST:PORT by which this machine reaches a listener.
func local(l config.Listen) string {
	host, port, _ := net.SplitHostPort(l.String()) // as its type has checked
	if ip, err := netip.ParseAddr(cmp.Or(host, "0.0.0.0")); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
