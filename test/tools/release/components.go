package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The form of the list is that of CycloneDX 1.5.
type components struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp time.Time `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type     string    `json:"type"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	PURL     string    `json:"purl"`
	Licences []licence `json:"licenses,omitempty"`
	Hashes   []hash    `json:"hashes,omitempty"`
}

type licence struct {
	Licence struct {
		ID string `json:"id"`
	} `json:"license"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// writeComponents lists what is in a program: the modules that the program itself
// names, Go, and what NOTICE says of the console, with the licences that NOTICE has.
func writeComponents(path, program, version string, moment time.Time) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	noticed, err := readNotice("NOTICE")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	list := components{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{moment, component{
		Type: "application", Name: "weir", Version: version, PURL: "pkg:golang/" + info.Main.Path + "@" + version,
		Licences: licences("MIT"), Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
	}}}
	list.add("Go standard library", strings.TrimPrefix(info.GoVersion, "go"), "pkg:golang/std@"+strings.TrimPrefix(info.GoVersion, "go"), noticed["Go standard library"].licence)
	for _, m := range info.Deps {
		known, ok := noticed[m.Path]
		if !ok { // another system needs it, and NOTICE is for one
			return fmt.Errorf("NOTICE has no %s: run test/tools/notice.sh", m.Path)
		}
		list.add(m.Path, m.Version, "pkg:golang/"+m.Path+"@"+m.Version, known.licence)
	}
	for name, n := range noticed {
		if !strings.Contains(name, "/") && !strings.Contains(name, " ") {
			list.add(name, n.version, "pkg:npm/"+name+"@"+n.version, n.licence)
		}
	}
	slices.SortFunc(list.Components, func(a, b component) int { return strings.Compare(a.PURL, b.PURL) })
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func (l *components) add(name, version, purl, id string) {
	l.Components = append(l.Components, component{Type: "library", Name: name, Version: version, PURL: purl, Licences: licences(id)})
}

func licences(id string) []licence {
	var l licence
	l.Licence.ID = id
	return []licence{l}
}

type noticed struct{ version, licence string }

// readNotice returns the list of components that NOTICE begins with.
func readNotice(path string) (map[string]noticed, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := map[string]noticed{}
	for _, line := range regexp.MustCompile(`(?m)^  (\S.*?) {2,}(\S+) +(\S+)$`).FindAllStringSubmatch(string(text), -1) {
		all[line[1]] = noticed{line[2], line[3]}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s lists nothing", path)
	}
	return all, nil
}
