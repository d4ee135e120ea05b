package api

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/reason"
)

// maxBody bounds the body of a request in bytes.
const maxBody = 64 << 10

// readBody reads the JSON body of a request into v, or answers what is wrong with it
// and returns false.
func readBody(c *gin.Context, v any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err != nil {
		message, field := wrongBody(err)
		fail(c, http.StatusBadRequest, string(reason.BadRequest), message, field)
	}
	return err == nil
}

// wrongBody says in words of JSON what the decoder says in those of Go.
func wrongBody(err error) (message, field string) {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return "the body is empty; it must be JSON", ""
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the body is not JSON: it ends too soon", ""
	case errors.As(err, &syntax):
		return "the body is not JSON: " + syntax.Error(), ""
	case errors.As(err, &kind) && kind.Field == "":
		return "the body must be an object, is " + kind.Value, ""
	case errors.As(err, &kind):
		return fmt.Sprintf("%s must be %s, is %s", kind.Field, kindOf(kind.Type), kind.Value), kind.Field
	}
	if quoted, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		if name, err := strconv.Unquote(quoted); err == nil {
			return name + " is no field of the body", name
		}
	}
	return "the body: " + err.Error(), ""
}

// kindOf is what JSON calls values of a type.
func kindOf(t reflect.Type) string {
	kind := t.Kind()
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		kind = reflect.String
	}
	switch kind {
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Pointer:
		return kindOf(t.Elem())
	}
	return "a number"
}
