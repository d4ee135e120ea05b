package api

import "testing"

// FuzzEventFilter: whatever a query asks for, there is a bounded filter or an error
// about one of its parameters.
func FuzzEventFilter(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream, types string) {
		filter, field, err := newEventFilter(stream, types)
		if (err != nil) != (field == "stream" || field == "types") {
			t.Errorf("field %q, %v", field, err)
		}
		if err == nil && (len(filter.Streams) > maxFilters || len(filter.Types) > maxFilters) {
			t.Errorf("%d streams, %d types", len(filter.Streams), len(filter.Types))
		}
	})
}
