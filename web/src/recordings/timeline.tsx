import { useEffect, useRef, useState } from "preact/hooks";
import { clock } from "../format";
import { locale, w } from "../i18n/language";
import type { Recording, Span } from "./model";
import { bars, pan, shareOf, ticks, zoom } from "./scale";

interface TimelineProps {
  recordings: Recording[];
  /** What is shown, and what may be. */
  span: Span;
  bounds: Span;
  /** When the frame came that is played; null if none is. */
  at: number | null;
  onSpan: (span: Span) => void;
  onSeek: (ms: number) => void;
}

// A label and the room around it, in pixels.
const tickWidth = 96;
// Bars below it are drawn as one.
const leastBar = 4;
// The pointer that moves no further has not dragged.
const clickSlack = 4;

/** A stream's files over time: a click plays, a drag moves it, Ctrl with the wheel zooms. */
export function Timeline({ recordings, span, bounds, at, onSpan, onSeek }: TimelineProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [pointed, setPointed] = useState<number | null>(null);
  const drag = useRef<{ x: number; span: Span; moved: boolean } | null>(null);
  const length = span.to - span.from;

  const timeOf = (x: number) => {
    const box = frame.current!.getBoundingClientRect();
    return span.from + ((x - box.left) / box.width) * length;
  };
  useWheel(frame, (e) => {
    if (e.ctrlKey) onSpan(zoom(span, e.deltaY > 0 ? 1.25 : 0.8, timeOf(e.clientX), bounds));
    else if (e.shiftKey || e.deltaX) onSpan(pan(span, (e.deltaX || e.deltaY) / width, bounds));
    else return;
    e.preventDefault();
  });

  const down = (e: PointerEvent) => {
    if (e.button !== 0) return;
    drag.current = { x: e.clientX, span, moved: false };
    frame.current!.setPointerCapture(e.pointerId);
  };
  const move = (e: PointerEvent) => {
    setPointed(timeOf(e.clientX));
    const d = drag.current;
    if (!d) return;
    d.moved ||= Math.abs(e.clientX - d.x) > clickSlack;
    if (d.moved) onSpan(pan(d.span, (d.x - e.clientX) / width, bounds));
  };
  const up = (e: PointerEvent) => {
    if (drag.current && !drag.current.moved) onSeek(timeOf(e.clientX));
    drag.current = null;
  };
  const keys: Record<string, () => void> = {
    ArrowLeft: () => onSeek(now - length / 100),
    ArrowRight: () => onSeek(now + length / 100),
    PageUp: () => onSpan(pan(span, -0.5, bounds)),
    PageDown: () => onSpan(pan(span, 0.5, bounds)),
    Home: () => onSeek(bounds.from),
    "+": () => onSpan(zoom(span, 0.5, now, bounds)),
    "-": () => onSpan(zoom(span, 2, now, bounds)),
  };
  const now = at ?? span.from;
  const place = (ms: number) => `${shareOf(ms, span) * 100}%`;
  const offset = -new Date(span.from).getTimezoneOffset() * 60_000;
  const { at: times, step } = ticks(span, Math.max(1, width / tickWidth), offset);

  return (
    <div
      ref={frame}
      class="timeline"
      role="slider"
      tabIndex={0}
      aria-label={w().recordings.timeline}
      aria-valuemin={Math.round(bounds.from / 1000)}
      aria-valuemax={Math.round(bounds.to / 1000)}
      aria-valuenow={Math.round(now / 1000)}
      aria-valuetext={clock(now)}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={() => (drag.current = null)}
      onPointerLeave={() => setPointed(null)}
      onKeyDown={(e) => {
        const act = keys[e.key];
        if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
        e.preventDefault();
        act();
      }}
    >
      <div class="band">
        {bars(recordings, span, (leastBar / Math.max(1, width)) * length).map((b) => (
          <span
            key={b.from}
            class="bar"
            data-files={b.files}
            data-writing={b.writing || undefined}
            data-unplayable={!b.playable || undefined}
            style={{ left: place(b.from), width: `${((b.to - b.from) / length) * 100}%` }}
          />
        ))}
      </div>
      {times.map((t) => (
        <span key={t} class="tick" style={{ left: place(t) }}>
          {shareOf(t, span) * width < width - tickWidth / 2 && label(t, step)}
        </span>
      ))}
      {at !== null && at >= span.from && at <= span.to && <span class="head" style={{ left: place(at) }} />}
      {pointed !== null && (
        <span class="pointer" data-late={shareOf(pointed, span) > 0.5 || undefined} style={{ left: place(pointed) }}>
          <time>{clock(pointed)}</time>
        </span>
      )}
    </div>
  );
}

const dayMs = 86_400_000;

/** A round time; at midnight the day, which is else not told. */
function label(ms: number, step: number): string {
  const date = new Date(ms);
  if (step >= dayMs || date.getHours() + date.getMinutes() + date.getSeconds() === 0) return date.toLocaleDateString(locale(), { day: "numeric", month: "numeric" });
  const seconds = step < 60_000 ? ({ second: "2-digit" } as const) : {};
  return date.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", ...seconds, hour12: false });
}

type ElementRef = { current: HTMLElement | null };

function useWidth(element: ElementRef): number {
  const [width, setWidth] = useState(1);
  useEffect(() => {
    const sizes = new ResizeObserver(() => setWidth(element.current?.clientWidth || 1));
    sizes.observe(element.current!);
    return () => sizes.disconnect();
  }, []);
  return width;
}

/** Listens so that the page can be kept from scrolling. */
function useWheel(element: ElementRef, turn: (e: WheelEvent) => void) {
  const newest = useRef(turn);
  newest.current = turn;
  useEffect(() => {
    const e = element.current!;
    const listen = (event: WheelEvent) => newest.current(event);
    e.addEventListener("wheel", listen, { passive: false });
    return () => e.removeEventListener("wheel", listen);
  }, []);
}
