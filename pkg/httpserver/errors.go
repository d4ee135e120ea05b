package httpserver

import (
	"encoding/json"
	"net/http"
)

// RequestID is the header that names a request. An answer that has it says it in
// its error too.
const RequestID = "X-Request-Id"

// Error is what every answer to a failed request holds.
type Error struct {
	Code    string `json:"code"`    // a stable word, such as "not_found"
	Message string `json:"message"` // for people
	Field   string `json:"field"`   // the part of the request that is wrong, or empty
	// RequestID is that of the answer's header, which WriteError fills in.
	RequestID string `json:"request_id,omitempty"`
}

// WriteError answers with status and {"error":{"code","message","field",
// "request_id"}}, which nobody may store: what is missing now may be there in a second.
func WriteError(w http.ResponseWriter, status int, e Error) {
	e.RequestID = w.Header().Get(RequestID)
	body, err := json.Marshal(struct {
		Error Error `json:"error"`
	}{e})
	if err != nil { // three strings cannot fail
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the peer is gone if this fails
}

// MethodNotAllowed answers 405 and names the methods that are.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	WriteError(w, http.StatusMethodNotAllowed, Error{
		Code: "method_not_allowed", Message: r.Method + " is not allowed here; use " + allow,
	})
}
