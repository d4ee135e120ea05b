// The library of charts, a file of its own that only pages with charts fetch.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export default uPlot;
