import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { clock } from "./format";
import { locale } from "./i18n/language";
import { useColours } from "./theme";

export interface Line {
  label: string;
  /** One for each time; null where nothing is known. */
  values: (number | null)[];
}

interface ChartProps {
  title: string;
  /** In seconds since 1970, ascending. */
  at: number[];
  /** Two at most: the second is dashed, so that colour is not all that tells them apart. */
  lines: Line[];
  format: (value: number) => string;
  /** Of a value that is not known. */
  unknown?: string;
  /** More beside the title. */
  children?: ComponentChildren;
}

const height = 140;
const dash = [5, 4];

/** Lines over time. It says in words what the newest values are, or those under the pointer. */
export function Chart({ title, at, lines, format, unknown = "–", children }: ChartProps) {
  const figure = useRef<HTMLElement>(null);
  const plot = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const data: uPlot.AlignedData = [at, ...lines.map((l) => l.values)];
  usePlot(figure, plot, data, format, setPointed);

  const index = pointed !== null && pointed < at.length ? pointed : at.length - 1;
  const valueOf = ({ values }: Line) => {
    const value = values[index];
    return value === null || value === undefined ? unknown : format(value);
  };
  return (
    <figure ref={figure} class="chart">
      <figcaption>
        <h3>{title}</h3>
        {children}
        <span class="legend">
          {lines.map((line, i) => (
            <span key={i} class="key" data-line={i}>
              <svg viewBox="0 0 14 4" aria-hidden="true">
                <path d="M0 2h14" />
              </svg>
              <span>{line.label}</span> <b>{valueOf(line)}</b>
            </span>
          ))}
          {index !== at.length - 1 && <span class="pointed">{clock(at[index]! * 1000)}</span>}
        </span>
      </figcaption>
      <div ref={plot} class="plot" role="img" aria-label={`${title}: ${lines.map((l) => `${l.label} ${valueOf(l)}`).join(", ")}`} />
    </figure>
  );
}

type ElementRef = { current: HTMLElement | null };

/** Draws into an element, as wide as that is, and anew when colours change. */
function usePlot(figure: ElementRef, plot: ElementRef, data: uPlot.AlignedData, format: ChartProps["format"], onPoint: (index: number | null) => void) {
  const drawn = useRef<uPlot>(undefined);
  const colours = useColours();
  const newest = useRef({ data, format });
  newest.current = { data, format };

  useEffect(() => {
    const [element, frame] = [plot.current!, figure.current!];
    let gone = false;
    const sizes = new ResizeObserver(() => drawn.current?.setSize({ width: element.clientWidth, height }));
    void import("./uplot").then(({ default: Plot }) => {
      if (gone || !element.isConnected) return;
      const paint = {
        lines: [...frame.querySelectorAll(".key")].map((key) => getComputedStyle(key).color),
        text: getComputedStyle(element).color,
        grid: getComputedStyle(element).borderColor,
      };
      const options = { ...optionsOf(paint, (n) => newest.current.format(n), onPoint), width: element.clientWidth, height };
      drawn.current = new Plot(options, newest.current.data, element);
      sizes.observe(element);
    });
    return () => {
      gone = true;
      sizes.disconnect();
      drawn.current?.destroy();
      drawn.current = undefined;
    };
  }, [colours, data.length]);

  useEffect(() => drawn.current?.setData(data));
}

interface Paint {
  lines: string[];
  text: string;
  grid: string;
}

function optionsOf(paint: Paint, format: (n: number) => string, onPoint: (index: number | null) => void): Omit<uPlot.Options, "width" | "height"> {
  const width = (texts: string[] | null) => 16 + 6.5 * Math.max(2, ...(texts ?? []).map((text) => text.length));
  const axis = { stroke: paint.text, font: "11px system-ui, sans-serif", ticks: { show: false } };
  const time = (seconds: number) => new Date(seconds * 1000).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", hour12: false });
  return {
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 22, values: (_, splits) => splits.map(time) },
      { ...axis, grid: { stroke: paint.grid, width: 1 }, space: 32, size: (_, texts) => width(texts), gap: 6, values: (_, splits) => splits.map(format) },
    ],
    series: [{}, ...paint.lines.map((stroke, i) => ({ stroke, width: 2, points: { show: false }, dash: i > 0 ? dash : undefined }) as uPlot.Series)],
    hooks: { setCursor: [(u) => onPoint(u.cursor.left !== undefined && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null)] },
  };
}
