interface SparklineProps {
  values: number[];
  /** What it shows, in words. */
  label: string;
}

const width = 96;
const height = 24;

/** The points of a line from left to right; it fills the height from 0 to its greatest value. */
export function points(values: number[], w: number, h: number): string {
  const top = Math.max(...values, 1);
  const step = w / Math.max(1, values.length - 1);
  return values.map((v, i) => `${(i * step).toFixed(1)},${(h - 1 - (v / top) * (h - 2)).toFixed(1)}`).join(" ");
}

/** A line as small as a word. */
export function Sparkline({ values, label }: SparklineProps) {
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {values.length > 1 && <polyline points={points(values, width, height)} vector-effect="non-scaling-stroke" />}
    </svg>
  );
}
