package main

import (
	"github.com/weirmedia/weir/pkg/plugin"
	"github.com/weirmedia/weir/protocols/httpflv"
	"github.com/weirmedia/weir/protocols/rtmp"
)

// plugins is the table of protocols, in the order in which they start.
func plugins() []plugin.Plugin {
	return []plugin.Plugin{
		{Section: "rtmp", New: rtmp.New},
		{Section: "httpflv", New: httpflv.New},
	}
}
