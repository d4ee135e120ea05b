package rtmp

import (
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/protocols/rtmp/message"
)

// appendReconnect asks the client to connect again if that makes sense and the
// client said that it understands (Enhanced RTMP version 2, "Reconnect
// Request"): when this server stops, the one that takes its place has its
// address.
func (c *conn) appendReconnect(dst []byte, why reason.Reason) []byte {
	if why != reason.Shutdown || !has(c.connect, capsReconnect) {
		return dst
	}
	return c.appendCommand(dst, 0, message.OnStatus(message.Status{
		Level: message.LevelStatus, Code: message.CodeReconnectRequest, Description: "the server stops",
	}))
}
