package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"

	"github.com/weirmedia/weir/pkg/config"
)

// maxFileToken is the longest token in bytes that LoadToken takes: more than any that
// people or programs make, and little enough for a header.
const maxFileToken = 1024

// bearer matches what can be sent as a bearer token (RFC 6750, 2.1).
var bearer = regexp.MustCompile(`^[-A-Za-z0-9._~+/]+=*$`)

// LoadToken returns the token in a file, 16 to 1,024 bytes that can be sent as a
// bearer token (RFC 6750, section 2.1); space around it does not count. Without a
// file it makes one, with a token of NewConsoleToken, that its owner alone may read.
// Errors name the file, and never hold what is in it.
func LoadToken(file string) (string, error) {
	token, err := readToken(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	token = NewConsoleToken()
	if err := config.WriteFile(file, []byte(token+"\n")); err != nil {
		return "", err
	}
	return token, nil
}

func readToken(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileToken+3)) // CR, LF and one that is too many
	if err != nil {
		return "", err
	}
	switch token := bytes.TrimSpace(text); {
	case len(token) == 0:
		return "", fmt.Errorf("%s: holds no token; without the file one is made", file)
	case len(token) < minSecret:
		return "", fmt.Errorf("%s: the token has %d bytes, at least %d are needed", file, len(token), minSecret)
	case len(token) > maxFileToken:
		return "", fmt.Errorf("%s: the token has more than %d bytes", file, maxFileToken)
	case !bearer.Match(token):
		return "", fmt.Errorf("%s: the token holds a sign that cannot be sent as such: letters, digits and -._~+/ can", file)
	default:
		return string(token), nil
	}
}
