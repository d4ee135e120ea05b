package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/config"
)

// defaultFile is read if it is there and no other is named.
const defaultFile = "weir.yaml"

// configFlag is what commands that read the configuration have in common.
type configFlag struct {
	Config string `help:"Configuration file; without it ./weir.yaml, if there is one." placeholder:"FILE"`
}

// load reads file, overlay and environment.
func (f *configFlag) load() (*settings, error) {
	overlay, err := f.overlay()
	if err != nil {
		return nil, err
	}
	return f.read(overlay)
}

// read reads file and environment, with an overlay between them.
func (f *configFlag) read(overlay config.Overlay) (*settings, error) {
	s := defaultSettings()
	s.source = *f
	var err error
	if s.report, err = config.Load(f.options(s, overlay)); err != nil {
		return nil, err
	}
	if at := s.report.Origin("data.dir"); at.Overlay {
		return nil, config.Problems{{Origin: at, Key: "data.dir", Err: errors.New("cannot be set in a file that is found by it")}}
	}
	return s, s.check(s.report)
}

func (f *configFlag) options(s *settings, overlay config.Overlay) config.LoadOptions {
	path := f.Config
	if path == "" {
		path = defaultFile
	}
	return config.LoadOptions{Path: path, Required: f.Config != "", Overlay: overlay, Env: withoutOwn(os.Environ()), Sections: s.sections()}
}

// overlay reads what was changed while weir ran, where file and environment say that
// data are.
func (f *configFlag) overlay() (config.Overlay, error) {
	s := defaultSettings()
	var problems config.Problems
	if _, err := config.Load(f.options(s, config.Overlay{})); err != nil && !errors.As(err, &problems) {
		return config.Overlay{}, err
	}
	overlay, err := config.ReadOverlay(overlayPath(s.data.Dir)) // problems are found again when all is read
	if err != nil {
		return config.Overlay{}, fmt.Errorf("data.dir: %w", err)
	}
	return overlay, nil
}

type checkCommand struct {
	configFlag
	All bool `help:"Print everything that is in force."`
}

// Run prints warnings on standard error and, on standard output, what differs from
// the defaults, or all that is in force.
func (c *checkCommand) Run(con *console) error {
	s, err := c.load()
	if err != nil {
		fmt.Fprintln(con.err, err)
		return &exitError{}
	}
	for _, w := range s.report.Warnings {
		fmt.Fprintln(con.err, "warning:", w)
	}
	write := s.report.Differences
	if c.All {
		write = s.report.Effective
	}
	text, err := write()
	if err != nil {
		return err
	}
	if len(text) == 0 {
		text = []byte("# every setting has its default\n")
	}
	_, err = con.out.Write(text)
	return err
}

type hashCommand struct {
	Digest string `placeholder:"NAME" help:"Make the secret of the user NAME for Digest authentication (auth.users[].digest)."`
}

// maxPassword bounds what is read as a password, in bytes.
const maxPassword = 1024

// Run hashes the first line of standard input.
func (h *hashCommand) Run(c *console) error {
	b, err := io.ReadAll(io.LimitReader(c.in, maxPassword+1))
	if err != nil {
		return fmt.Errorf("reading the password: %w", err)
	}
	password, _, _ := strings.Cut(string(b), "\n")
	password = strings.TrimSuffix(password, "\r")
	switch {
	case password == "":
		return errors.New("no password on standard input")
	case len(password) > maxPassword:
		return fmt.Errorf("the password is longer than %d bytes", maxPassword)
	}
	hash, err := h.hash(password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, hash)
	return err
}

func (h *hashCommand) hash(password string) (string, error) {
	if h.Digest == "" {
		return auth.HashPassword(password)
	}
	ha1, err := auth.NewHA1(h.Digest, password)
	return ha1.Text(), err
}
