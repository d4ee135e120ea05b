package main

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/rtmp"
	"github.com/weirmedia/weir/protocols/rtsp"
)

// withReason gives an error of a client the reason for which the other server refuses, as
// far as that tells.
func withReason(err error) error {
	var byRTMP *rtmp.StatusError
	var byRTSP *rtsp.StatusError
	var byHTTP *httpflv.StatusError
	var why reason.Reason
	switch {
	case errors.As(err, &byRTMP):
		why = reasonOfCode(byRTMP)
	case errors.As(err, &byRTSP):
		why = reasonOfStatus(byRTSP.Status)
	case errors.As(err, &byHTTP):
		why = cmp.Or(ours(byHTTP.Code), reasonOfStatus(byHTTP.Status))
	}
	if why == "" {
		return err
	}
	return reason.Wrap(why, err)
}

// ours returns word as a reason if it is one; another weir says it.
func ours(word string) reason.Reason {
	if why := reason.Reason(word); slices.Contains(reason.All(), why) {
		return why
	}
	return ""
}

// reasonOfCode returns what a status of RTMP means; "" if it does not tell.
func reasonOfCode(e *rtmp.StatusError) reason.Reason {
	word, _, _ := strings.Cut(e.Description, ":")
	if why := ours(word); why != "" {
		return why
	}
	switch e.Code {
	case "NetStream.Play.StreamNotFound":
		return reason.StreamNotFound
	case "NetStream.Publish.Denied":
		return reason.Unauthorized
	}
	return ""
}

// reasonOfStatus returns what a status of HTTP or RTSP means; "" if nothing that is
// worth telling apart.
func reasonOfStatus(status int) reason.Reason {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return reason.Unauthorized
	case http.StatusNotFound, http.StatusGone:
		return reason.StreamNotFound
	case http.StatusConflict:
		return reason.StreamBusy
	case http.StatusLoopDetected:
		return reason.Loop
	case http.StatusUnsupportedMediaType:
		return reason.Unsupported
	}
	return ""
}
