package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmedia/weir/pkg/overload"
)

// overloadFamilies show what is used of what there is.
type overloadFamilies struct{ used, limit, refused *family }

func newOverloadFamilies(c *catalogue) *overloadFamilies {
	return &overloadFamilies{
		used:    c.add(gauge, "resource_used", "How much of a resource is used: bytes (of the process, or of its control group), descriptors, bit/s, or a share of the time of the busiest delivery loop.", "resource"),
		limit:   c.add(gauge, "resource_limit", "How much of it there is.", "resource"),
		refused: c.add(gauge, "overload", "1 while new ones of these are refused because of a resource.", "resource", "refused"),
	}
}

func (f *overloadFamilies) collect(out chan<- prometheus.Metric, g *overload.Guard) {
	for _, u := range g.Usages() {
		name := string(u.Resource)
		emit(out, f.used, u.Used, name)
		if u.Limit > 0 {
			emit(out, f.limit, u.Limit, name)
		}
		for _, l := range []overload.Level{overload.Viewers, overload.Publishers} {
			refused := 0
			if u.Level >= l {
				refused = 1
			}
			emit(out, f.refused, refused, name, l.String())
		}
	}
}
