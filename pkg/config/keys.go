package config

import (
	"encoding"
	"fmt"
	"reflect"
)

// Type is how the value of a key is written.
type Type string

// The types.
const (
	TypeBool     Type = "bool"     // true or false
	TypeNumber   Type = "number"   // a number
	TypeText     Type = "text"     // any text, or one of some words
	TypeDuration Type = "duration" // as Duration reads it
	TypeSize     Type = "size"     // as ByteSize reads it
	TypeAddress  Type = "address"  // as Listen reads it
	TypeSecret   Type = "secret"   // a text that is never shown
	TypeList     Type = "list"     // of single values
	TypeGroups   Type = "groups"   // a list of groups of keys
)

// Typed is a type of fields that knows how it is written. Others go by their
// kind; what marshals to text is a text.
type Typed interface{ ConfigType() Type }

// Key is one key of the configuration, described.
type Key struct {
	// Key is the full name, such as "rtmp.listen", or "auth.users[].name" of what
	// each element of a list holds.
	Key  string `json:"key"`
	Type Type   `json:"type"`
	// Value is what is in force and Default what would be, as YAML has it: lists in
	// brackets, several lines for groups, "" for what is optional and not set. Both
	// are empty of keys inside of lists.
	Value   string `json:"value"`
	Default string `json:"default"`
	// SetBy is where the value was set, as Origin.String has it; "" for the default.
	SetBy string `json:"set_by"`
	// Overlay reports whether that is the overlay, from which a change to nil takes
	// the key.
	Overlay bool `json:"overlay"`
	// Live reports whether the key changes while the program runs.
	Live bool `json:"live"`
	// Secret reports whether the value holds something that is not shown.
	Secret bool `json:"secret"`
	// Help says what the key is for. What is to be typed is in single quotes.
	Help string `json:"help"`
	// Variable is the environment variable that sets the key, "" if none does.
	Variable string `json:"variable"`
	// Example is a value that shows how it is written, of keys inside of lists.
	Example string `json:"example,omitempty"`
	// Items are the keys of each element, of groups.
	Items []Key `json:"items,omitempty"`
}

// Keys describes all keys, in the order of the sections and their fields. It
// reads the structs that Load filled.
func (r *Report) Keys() ([]Key, error) {
	var keys []Key
	var failed error
	r.root.walk(func(e *entry) {
		if e.shape == group {
			return
		}
		k, err := e.describeKey(r.live[e.key])
		if err != nil {
			failed = err
		}
		if k.Value, err = e.text(); err != nil {
			failed = err
		}
		origin := r.origins[e.key]
		k.Default, k.SetBy, k.Overlay, k.Variable = r.defaults[e.key], origin.String(), origin.Overlay, e.variable()
		keys = append(keys, k)
	})
	if failed != nil {
		return nil, fmt.Errorf("configuration: %w", failed)
	}
	return keys, nil
}

// describeKey returns what is known of a key without its value.
func (e *entry) describeKey(live bool) (Key, error) {
	k := Key{Key: e.key, Help: e.help, Example: e.example, Live: live}
	switch e.shape {
	case scalar:
		k.Type = typeOf(e.value.Type())
		k.Secret = k.Type == TypeSecret
	case list:
		k.Type = TypeList
		k.Secret = typeOf(e.value.Type().Elem()) == TypeSecret
	case groups:
		k.Type = TypeGroups
		element, err := describeValue("", e.key+"[]", reflect.New(e.value.Type().Elem()).Elem(), 0)
		if err != nil {
			return Key{}, err
		}
		element.walk(func(c *entry) {
			if c.shape == group {
				return
			}
			item, wrong := c.describeKey(live)
			if wrong != nil {
				err = wrong
			}
			k.Items = append(k.Items, item)
			k.Secret = k.Secret || item.Secret
		})
		return k, err
	}
	return k, nil
}

func typeOf(t reflect.Type) Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if typed, ok := reflect.New(t).Interface().(Typed); ok {
		return typed.ConfigType()
	}
	switch {
	case t.Kind() == reflect.String || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return TypeText
	case t.Kind() == reflect.Bool:
		return TypeBool
	}
	return TypeNumber
}
