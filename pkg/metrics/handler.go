package metrics

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// scrapes bounds the scrapes at once: two Prometheus servers that watch each
	// other's targets, a person, and one to spare. Others get 503.
	scrapes = 4
	// scrapeTimeout is Prometheus' own default: nobody waits for longer.
	scrapeTimeout = 10 * time.Second
)

// Handler serves what g gathers in Prometheus' text format. If a metric cannot
// be gathered it answers 500 and logs why. It answers 503 when too many scrapes
// run at once or one takes too long. Safe for concurrent use; log may be nil.
func Handler(g prometheus.Gatherer, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog:            errorLog{log},
		ErrorHandling:       promhttp.HTTPErrorOnError,
		MaxRequestsInFlight: scrapes,
		Timeout:             scrapeTimeout,
	})
}

// errorLog gives promhttp's complaints to slog.
type errorLog struct{ log *slog.Logger }

var _ promhttp.Logger = errorLog{}

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	l.log.Error("metrics could not be served", slog.String("error", fmt.Sprint(v...)))
}
