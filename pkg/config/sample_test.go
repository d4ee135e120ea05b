package config

import (
	"errors"
	"fmt"
	"time"
)

// The sections that the tests of this package load.

type sampleTLS struct {
	Certificate string `yaml:"certificate"`
	Key         Secret `yaml:"key"`
}

type sampleRTMP struct {
	Listen    Listen    `yaml:"listen" help:"Where to listen."`
	ChunkSize int       `yaml:"chunk_size"`
	Timeout   Duration  `yaml:"timeout"`
	MaxBytes  ByteSize  `yaml:"max_bytes"`
	Trusted   Prefixes  `yaml:"trusted_proxies"`
	Codecs    []string  `yaml:"codecs"`
	Fast      bool      `yaml:"fast"`
	Share     float64   `yaml:"share"`
	Retries   uint8     `yaml:"retries"`
	TLS       sampleTLS `yaml:"tls"`
	internal  int
	Ignored   chan int `yaml:"-"`
}

func (s *sampleRTMP) Validate() error {
	var errs []error
	if s.ChunkSize < 128 || s.ChunkSize > 65536 {
		errs = append(errs, fmt.Errorf("chunk_size: must be 128..65536, is %d", s.ChunkSize))
	}
	if s.TLS.Certificate != "" && s.TLS.Key == "" {
		errs = append(errs, errors.New("tls.key: missing"))
	}
	return errors.Join(errs...)
}

type sampleRule struct {
	Actions []string  `yaml:"actions" help:"What is allowed, such as 'play'." example:"[play]"`
	Limit   *Duration `yaml:"limit" help:"For how long."`
	Count   *int      `yaml:"count"`
}

type sampleUser struct {
	Name     string       `yaml:"name"`
	Password Secret       `yaml:"password" help:"Is not shown."`
	Allow    []sampleRule `yaml:"allow"`
}

type sampleAuth struct {
	Users []sampleUser `yaml:"users"`
}

func (s *sampleAuth) Validate() error {
	for i, u := range s.Users {
		if u.Name == "" {
			return fmt.Errorf("users[%d].name: missing", i)
		}
	}
	return nil
}

func (s *sampleAuth) Warnings() []string {
	var all []string
	for i, u := range s.Users {
		if len(u.Allow) == 0 {
			all = append(all, fmt.Sprintf("users[%d]: is allowed nothing", i))
		}
	}
	return all
}

type sample struct {
	rtmp sampleRTMP
	auth sampleAuth
}

func newSample() *sample {
	return &sample{rtmp: sampleRTMP{
		Listen:    ":1935",
		ChunkSize: 60000,
		Timeout:   Duration(15 * time.Second),
		MaxBytes:  8 << 20,
		Codecs:    []string{"H264", "AAC"},
		Share:     0.5,
		internal:  1,
	}}
}

func (s *sample) sections() []Section {
	return []Section{{"rtmp", &s.rtmp}, {"auth", &s.auth}}
}

// load loads file, named weir.yaml, and env.
func (s *sample) load(file string, env ...string) (*Report, error) {
	return load(LoadOptions{Path: "weir.yaml", Env: env, Sections: s.sections()}, []byte(file))
}
