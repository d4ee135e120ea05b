package message

import "github.com/weirmedia/weir/pkg/amf0"

// Level is the level of a Status.
type Level = string

// The levels (section 7.2.2).
const (
	LevelStatus  Level = "status"
	LevelWarning Level = "warning"
	LevelError   Level = "error"
)

// The codes of a Status that servers send and clients act upon.
const (
	CodeConnectSuccess    = "NetConnection.Connect.Success"
	CodeConnectRejected   = "NetConnection.Connect.Rejected"
	CodeConnectInvalidApp = "NetConnection.Connect.InvalidApp"
	CodeConnectClosed     = "NetConnection.Connect.Closed"
	// CodeReconnectRequest is of Enhanced RTMP (veovera.org, version 2, section
	// "Reconnect Request").
	CodeReconnectRequest = "NetConnection.Connect.ReconnectRequest"
	CodeCallFailed       = "NetConnection.Call.Failed"

	CodePublishStart     = "NetStream.Publish.Start"
	CodePublishBadName   = "NetStream.Publish.BadName"
	CodePublishDenied    = "NetStream.Publish.Denied"
	CodeUnpublishSuccess = "NetStream.Unpublish.Success"

	CodePlayReset           = "NetStream.Play.Reset"
	CodePlayStart           = "NetStream.Play.Start"
	CodePlayStop            = "NetStream.Play.Stop"
	CodePlayFailed          = "NetStream.Play.Failed"
	CodePlayStreamNotFound  = "NetStream.Play.StreamNotFound"
	CodePlayPublishNotify   = "NetStream.Play.PublishNotify"
	CodePlayUnpublishNotify = "NetStream.Play.UnpublishNotify"
	CodeDataStart           = "NetStream.Data.Start"
	CodePauseNotify         = "NetStream.Pause.Notify"
	CodeUnpauseNotify       = "NetStream.Unpause.Notify"
	CodeStreamFailed        = "NetStream.Failed"
)

// Status is the information object of onStatus and of answers (section 7.2.2).
type Status struct {
	Level       Level
	Code        string
	Description string
	// More holds further properties, such as clientid or details.
	More amf0.Object
}

// Object returns the status as it is sent: level, code, description, then More.
func (s Status) Object() amf0.Object {
	o := amf0.Object{
		{Name: "level", Value: s.Level},
		{Name: "code", Value: s.Code},
		{Name: "description", Value: s.Description},
	}
	return append(o, s.More...)
}

// OnStatus returns the command that tells the peer of s. It belongs on the
// message stream that it is about.
func OnStatus(s Status) Command {
	return Command{Name: NameOnStatus, Args: []any{s.Object()}}
}

// ParseStatus returns the status that a command carries in its first argument,
// as onStatus, _error and the answer to connect do. It reports false if there
// is none, that is, no object with a code.
func ParseStatus(c Command) (Status, bool) {
	o, ok := amf0.AsObject(c.arg(0))
	if !ok {
		return Status{}, false
	}
	s := Status{Level: o.String("level"), Code: o.String("code"), Description: o.String("description")}
	for _, p := range o {
		switch p.Name {
		case "level", "code", "description":
		default:
			s.More = append(s.More, p)
		}
	}
	return s, s.Code != ""
}
