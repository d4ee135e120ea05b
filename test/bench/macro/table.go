package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// row is one figure.
type row struct {
	scenario, figure, unit string
	value                  float64
	// bound is the most that the value may be; infinite if there is none.
	bound     float64
	reference string // what the value is a ratio of
	missing   string // why there is no value
	remarks   []string
}

// told is a figure without a bound.
func told(figure string, value float64, unit string) row {
	return atMost(figure, value, unit, math.Inf(1))
}

// atMost is a figure with a bound.
func atMost(figure string, value float64, unit string, bound float64) row {
	return row{figure: figure, value: value, unit: unit, bound: bound}
}

// none is a figure that counts what must not happen.
func none(figure string, n int) row { return atMost(figure, float64(n), "", 0) }

// against is a figure as a multiple of another one.
func against(figure string, value, reference float64, name, unit string, bound float64) row {
	r := atMost(figure, value/reference, "×", bound)
	r.reference = name + " " + quantity(reference, unit)
	return r
}

// missing is a figure that could not be measured.
func missing(figure, why string) row { return row{figure: figure, missing: why} }

// over reports whether the figure is not within its bound, such as one that is
// not a number because nothing was there to measure.
func (r row) over() bool { return r.missing == "" && !(r.value <= r.bound) }

func (r row) with(remarks []string) row {
	r.remarks = append(r.remarks, remarks...)
	return r
}

// cells returns what the table says of the figure.
func (r row) cells() []string {
	if r.missing != "" {
		return []string{r.scenario, r.figure, "n/a", "", "", "", r.missing}
	}
	bound, result := "", ""
	if !math.IsInf(r.bound, 1) {
		bound, result = "≤ "+quantity(r.bound, r.unit), "ok"
		if r.over() {
			result = "OVER"
		}
	}
	return []string{r.scenario, r.figure, quantity(r.value, r.unit), r.reference, bound, result, strings.Join(r.remarks, ", ")}
}

var heading = []string{"scenario", "figure", "measured", "reference", "bound", "result", "remarks"}

// quantity writes a number with three digits that count.
func quantity(v float64, unit string) string {
	digits := 0
	if size := math.Abs(v); v != math.Trunc(v) && size < 100 {
		digits = 2 - max(0, int(math.Floor(math.Log10(size))))
	}
	text := fmt.Sprintf("%.*f", digits, v)
	if unit == "" {
		return text
	}
	return text + " " + unit
}

// count returns how many figures are over their bounds.
func count(rows []row) (n int) {
	for _, r := range rows {
		if r.over() {
			n++
		}
	}
	return n
}

// report prints the table.
func report(out io.Writer, machine string, rows []row, markdown bool) {
	if markdown {
		fmt.Fprintf(out, "Machine: %s.\n\n", machine)
		line := func(cells []string) { fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |") }
		line(heading)
		fmt.Fprintln(out, strings.Repeat("|---", len(heading))+"|")
		for _, r := range rows {
			line(r.cells())
		}
		return
	}
	fmt.Fprintln(out, machine)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(heading, "\t"))
	for _, r := range rows {
		fmt.Fprintln(table, strings.Join(r.cells(), "\t"))
	}
	_ = table.Flush() // nobody may be reading
}
