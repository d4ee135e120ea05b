package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/weirmedia/weir/pkg/config"
)

// arguments returns args as the parser knows them: people also ask by "help COMMAND"
// and "--version".
func arguments(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case slices.Equal(args, []string{"--version"}):
		return []string{"version"}
	}
	return args
}

// findCommand fails if args begin with no command. The parser would take it for an
// argument of the command that is the default.
func findCommand(root *kong.Node, args []string) error {
	for i, name := range args {
		if len(root.Children) == 0 || strings.HasPrefix(name, "-") {
			return nil
		}
		at := slices.IndexFunc(root.Children, func(c *kong.Node) bool { return c.Name == name })
		if at < 0 {
			return noCommand(root, strings.Join(args[:i+1], " "), name)
		}
		root = root.Children[at]
	}
	return nil
}

func noCommand(root *kong.Node, typed, last string) error {
	var known []string
	for _, c := range root.Children {
		known = append(known, c.Name)
	}
	if near := config.Nearest(last, known); near != "" {
		return fmt.Errorf("there is no command %q; did you mean %q?", typed, near)
	}
	return fmt.Errorf("there is no command %q, but %s", typed, strings.Join(known, ", "))
}

// withoutOwn returns an environment without the variables of commands, which are no
// keys of the configuration.
func withoutOwn(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "WEIR_SERVER" || name == "WEIR_TOKEN"
	})
}
