package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
)

// setScalar sets v from text, in the same way for the file and the environment.
func setScalar(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		to := reflect.New(v.Type().Elem())
		if err := setScalar(to.Elem(), text); err != nil {
			return err
		}
		v.Set(to)
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	bits := 0
	if v.CanInt() || v.CanUint() || v.CanFloat() {
		bits = v.Type().Bits()
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("must be true or false, is %s", quote(text))
		}
		v.SetBool(text == "true")
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return fmt.Errorf("must be a whole number of at most %d bits, is %s", bits, quote(text))
		}
		v.SetInt(n)
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			return fmt.Errorf("must be a whole number of at most %d bits that is not negative, is %s", bits, quote(text))
		}
		v.SetUint(n)
	default:
		x, err := strconv.ParseFloat(text, bits)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("must be a number, is %s", quote(text))
		}
		v.SetFloat(x)
	}
	return nil
}

// scalarText returns v as it is written in YAML, "" if it is optional and unset.
func scalarText(v reflect.Value) (string, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", nil
		}
		v = v.Elem()
	}
	if m, ok := v.Addr().Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return yamlString(string(text)), err
	}
	switch {
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), nil
	}
	return yamlString(v.String()), nil
}

// plainText matches what every reader of YAML takes for a string as it stands,
// except the three words that yamlString looks for.
var plainText = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_./-]*|([0-9.]+[A-Za-zµ]+)+)$`)

// yamlString returns s plain if that is safe and quoted otherwise. Go's escapes
// are among those of YAML's double-quoted scalars (YAML 1.2.2, 5.7).
func yamlString(s string) string {
	if plainText.MatchString(s) && s != "true" && s != "false" && s != "null" {
		return s
	}
	return strconv.Quote(s)
}
