package rtmp

import "net"

// NetConn returns the connection below the client, for its addresses and its
// socket options. It may also be read once ReadTag is called no more; what the
// client has read ahead is then missing, and nobody answers the server. It
// ends with Close.
func (c *client) NetConn() net.Conn { return c.net }
