// Package api is the HTTP interface for people and programs that look after a
// weir: JSON below /api/v1, described in openapi.yaml, and the guard in front
// of it.
package api

import (
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/auth"
	"github.com/weirmedia/weir/pkg/event"
	"github.com/weirmedia/weir/pkg/httpserver"
	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/session"
	"github.com/weirmedia/weir/pkg/stats"
)

// Options say what the API reads. All but Logger and Explainer are needed.
type Options struct {
	Logger    *slog.Logger // nil: no log
	Version   string       // such as "v0.1.0"
	RTMPPort  int          // 0 if RTMP is off; RTMPSPort likewise
	RTMPSPort int
	RTSPPort  int // the same of RTSP
	RTSPSPort int
	// WebRTCPort is that of the media by WebRTC, 0 if it is off.
	WebRTCPort int
	// Streams returns all streams in the order they shall be listed, without
	// viewers, which come from Sessions. It is called for each request.
	Streams    func() []StreamInfo
	Sessions   *session.Registry
	Events     *event.Hub
	Authorizer auth.Authorizer
	// Explainer decides for questions that only ask what would be; nil means
	// Authorizer.
	Explainer auth.Authorizer
	Pulls     Relay[NewPull, StreamOfPull]
	Forwards  Relay[NewForward, StreamOfForward]
	// Recordings are files that were recorded, Recorders what makes them.
	Recordings Recordings
	Recorders  Recorders
	// Stats returns the samples of the last minutes that came after a moment.
	Stats func(since time.Time) []stats.Sample
	// LogLevel is what the log shows, which the API may change.
	LogLevel *slog.LevelVar
	// Configuration is what is in force.
	Configuration Configuration
	// Remote tells where a request comes from, trusted proxies considered.
	Remote func(*http.Request) netip.AddrPort
	// Loopback tells whether who sits at this machine needs no credential.
	Loopback func() bool
	// Warnings returns what the operator should know, in a line each; nil: nothing.
	Warnings func() []string
}

// New returns the handler for all below /api/, behind the guard. The time of
// the call counts as the program's start.
func New(o Options) http.Handler {
	guard := &Guard{Authorizer: o.Authorizer, Sessions: o.Sessions, Remote: o.Remote, Loopback: o.Loopback}
	return identify(guard.Protect(auth.API, newEngine(o)))
}

type api struct {
	Options
	started      time.Time
	eventReaders atomic.Int64
}

func newEngine(o Options) *gin.Engine {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Explainer == nil {
		o.Explainer = o.Authorizer
	}
	a := &api{Options: o, started: time.Now()}
	gin.SetMode(gin.ReleaseMode) // else Gin prints its routes
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.Use(a.audit, a.recover, noStore)
	e.NoRoute(func(c *gin.Context) {
		fail(c, http.StatusNotFound, "not_found", "there is nothing at "+c.Request.URL.Path, "")
	})
	e.NoMethod(func(c *gin.Context) {
		httpserver.MethodNotAllowed(c.Writer, c.Request, c.Writer.Header().Get("Allow"))
	})
	read := func(path string, h gin.HandlerFunc) {
		e.Match([]string{http.MethodGet, http.MethodHead}, "/api/v1"+path, h)
	}
	read("/info", a.info)
	read("/streams", a.listStreams)
	read("/streams/*name", a.getStream)
	e.DELETE("/api/v1/streams/*name", a.release)
	read("/sessions", a.listSessions)
	read("/sessions/:id", a.getSession)
	e.DELETE("/api/v1/sessions/:id", a.kick)
	read("/events", a.events)
	read("/stats", a.stats)
	routeRelay(a, e, "pulls", a.Pulls)
	routeRelay(a, e, "forwards", a.Forwards)
	read("/recordings", a.listRecordings)
	read("/recordings/streams", a.listRecorded)
	read("/recordings/playlist.m3u8", a.getPlaylist)
	read("/recordings/:id", a.getRecording)
	e.DELETE("/api/v1/recordings/:id", a.removeRecording)
	read("/recordings/:id/:file", a.getRecordingFile)
	read("/recorders", a.listRecorders)
	e.POST("/api/v1/recorders/start", a.startRecorder)
	e.POST("/api/v1/recorders/stop", a.stopRecorder)
	e.POST(explainPath, a.explain)
	read("/config", a.getConfig)
	read("/config/keys", a.listKeys)
	e.PATCH("/api/v1/config", a.changeConfig)
	e.POST("/api/v1/config/reload", a.reloadConfig)
	read("/log", a.getLog)
	e.PUT("/api/v1/log", a.setLog)
	read("/sessions/ended", a.listEnded)
	return e
}

// noStore keeps answers, which are true for the moment only, out of caches.
func noStore(c *gin.Context) { c.Header("Cache-Control", "no-store") }

// recover turns a handler's panic into an answer and a log line.
func (a *api) recover(c *gin.Context) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		if fault == http.ErrAbortHandler {
			panic(fault)
		}
		a.Logger.Error("panic in the API",
			slog.Any("panic", fault), slog.String("method", c.Request.Method), slog.String("path", c.Request.URL.Path),
			slog.String("stack", string(debug.Stack())))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
		fail(c, http.StatusInternalServerError, string(reason.InternalError), "this is a fault of the server, see its log", "")
	}()
	c.Next()
}

func fail(c *gin.Context, status int, code, message, field string) {
	c.Abort()
	c.Set(codeKey, code)
	httpserver.WriteError(c.Writer, status, httpserver.Error{Code: code, Message: message, Field: field})
}

// Info is about the server.
type Info struct {
	Version   string  `json:"version"`
	UptimeS   float64 `json:"uptime_s"`
	RTMPPort  int     `json:"rtmp_port"`
	RTMPSPort int     `json:"rtmps_port"`
	RTSPPort  int     `json:"rtsp_port"`
	RTSPSPort int     `json:"rtsps_port"`
	// WebRTCPort is that of the media; requests go to the port of HTTP.
	WebRTCPort int `json:"webrtc_port"`
	// Warnings are what the operator should know, in a line each.
	Warnings []string `json:"warnings"`
}

func (a *api) info(c *gin.Context) {
	warnings := []string{}
	if a.Warnings != nil {
		warnings = append(warnings, a.Warnings()...)
	}
	c.JSON(http.StatusOK, Info{
		Version: a.Version, UptimeS: time.Since(a.started).Round(time.Millisecond).Seconds(),
		RTMPPort: a.RTMPPort, RTMPSPort: a.RTMPSPort, RTSPPort: a.RTSPPort, RTSPSPort: a.RTSPSPort, WebRTCPort: a.WebRTCPort,
		Warnings: warnings,
	})
}
