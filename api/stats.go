package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmedia/weir/pkg/reason"
	"github.com/weirmedia/weir/pkg/stats"
)

// StatsInfo is how the server has fared lately.
type StatsInfo struct {
	Now       time.Time      `json:"now"`
	IntervalS float64        `json:"interval_s"` // between two samples
	Samples   []stats.Sample `json:"samples"`    // oldest first
}

// stats answers with the samples that are kept, or those since a moment.
func (a *api) stats(c *gin.Context) {
	var since time.Time
	if text := c.Query("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			fail(c, http.StatusBadRequest, string(reason.BadRequest), "since must be a time such as 2026-01-02T15:04:05Z", "since")
			return
		}
	}
	c.JSON(http.StatusOK, StatsInfo{Now: time.Now().UTC(), IntervalS: stats.Interval.Seconds(), Samples: a.Stats(since)})
}
