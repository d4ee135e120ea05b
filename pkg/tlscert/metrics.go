package tlscert

import (
	"crypto/tls"
	"maps"

	"github.com/prometheus/client_golang/prometheus"
)

// certified is what has a certificate: a section of the configuration, or one of its
// domains of ACME.
type certified struct{ section, domain string }

var endDesc = prometheus.NewDesc("weir_tls_certificate_end_timestamp_seconds", "When the certificate in use ends, by section of the configuration and domain of ACME.", []string{"section", "domain"}, nil)

// Describe implements prometheus.Collector.
func (p *Provider) Describe(out chan<- *prometheus.Desc) { out <- endDesc }

// Collect implements prometheus.Collector. What ACME has not brought yet is left out.
func (p *Provider) Collect(out chan<- prometheus.Metric) {
	p.mu.Lock()
	inUse := maps.Clone(p.inUse)
	p.mu.Unlock()
	for who, get := range inUse {
		if c, err := get(&tls.ClientHelloInfo{ServerName: who.domain}); err == nil {
			out <- prometheus.MustNewConstMetric(endDesc, prometheus.GaugeValue, float64(c.Leaf.NotAfter.Unix()), who.section, who.domain)
		}
	}
}

// tell notes that a certificate is in use.
func (p *Provider) tell(who certified, get getCertificate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse[who] = get
}
