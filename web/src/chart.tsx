// SPDX-License-Identifier: Apache-2.0

// Traffic over time, stacked. uPlot comes only when a chart is drawn: the page stands before that.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Series } from './api';
import { bits, bytes, clock, dateTime } from './format';
import { Icon, Segments, Term } from './ui';

export type Direction = 'both' | 'down' | 'up';

type Stack = {
  x: number[]; // seconds since 1970
  lines: { key: string; isOther: boolean; rates: number[]; total: number }[]; // bit/s; the largest first
};

// reportMS is how long a report may be on its way: what happened since may be missing.
export const reportMS = 15_000;

// stack is a series as rates. Without lateMS, a last step that is not over yet counts for as long as it has lasted, if
// that is long enough to tell; with it, the steps are those that were over so long before the series' end.
export function stack(s: Series, direction: Direction, lateMS = 0): Stack {
  const start = Date.parse(s.start);
  const step = s.step_s;
  const known = (Date.parse(s.to) - lateMS - start) / 1000;
  const length = s.series[0]?.up_bytes.length ?? 0;
  const whole = Math.min(length, Math.floor(known / step));
  const last = known - whole * step;
  const isTelling = lateMS === 0 && last > step / 5;
  const points = whole < length && (isTelling || whole === 0) ? whole + 1 : whole;
  const lasted = (i: number) => (i < whole ? step : Math.max(last, 1));
  const x = Array.from({ length: points }, (_, i) => start / 1000 + i * step);
  const lines = s.series.map((line) => {
    const sums = x.map((_, i) => {
      const up = line.up_bytes[i] ?? 0;
      const down = line.down_bytes[i] ?? 0;
      return direction === 'both' ? up + down : direction === 'up' ? up : down;
    });
    return {
      key: line.key,
      isOther: line.other === true,
      rates: sums.map((n, i) => (n * 8) / lasted(i)),
      total: sums.reduce((a, b) => a + b, 0),
    };
  });
  return { x, lines };
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const lineColour = (i: number, isOther: boolean) => (isOther ? '--series-other' : `--series-${i % 8}`);

// fill is a line's colour; every second one is hatched too, so that neighbours differ without colours.
function fill(context: CanvasRenderingContext2D, i: number, isOther: boolean): string | CanvasPattern {
  const plain = colour(lineColour(i, isOther));
  if (i % 2 === 0 || isOther) return plain;
  const tile = document.createElement('canvas');
  const size = 8;
  tile.width = tile.height = size;
  const c = tile.getContext('2d');
  if (!c) return plain;
  c.fillStyle = plain;
  c.fillRect(0, 0, size, size);
  c.strokeStyle = colour('--hatch');
  c.lineWidth = 1.5;
  for (const shift of [-size, 0, size]) {
    c.moveTo(shift, size);
    c.lineTo(shift + size, 0);
  }
  c.stroke();
  return context.createPattern(tile, 'repeat') ?? plain;
}

function tick(at: number, step: number): string {
  const d = new Date(at * 1000);
  if (step >= 86400 || (d.getHours() === 0 && d.getMinutes() === 0)) {
    return d.toLocaleDateString([], { day: 'numeric', month: 'short' });
  }
  const seconds = step < 60 ? { second: '2-digit' as const } : {};
  return d.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false, ...seconds });
}

function options(
  stack: Stack,
  width: number,
  height: number,
  cursor: (index: number | null) => void,
  zoom: (from: number, to: number) => void,
): uPlot.Options {
  const grid = { stroke: colour('--grid'), width: 1 };
  const axis = { stroke: colour('--muted'), font: '11px system-ui, sans-serif', grid, ticks: { show: false } };
  // The top of the stack is drawn first, and each line below covers its part of it.
  const series = stack.lines.map((line, i) => ({
    label: line.key,
    fill: (u: uPlot) => fill(u.ctx, i, line.isOther),
    stroke: colour(lineColour(i, line.isOther)),
    width: 1,
    points: { show: false },
  }));
  return {
    width,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
    scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.05, 1000)] } },
    axes: [
      { ...axis, values: (_u, splits, _axis, _space, step) => splits.map((s) => tick(s, step)) },
      { ...axis, size: 72, values: (_u, splits) => splits.map(bits) },
    ],
    series: [{}, ...series.reverse()],
    hooks: {
      setCursor: [(u) => cursor(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          if (u.select.width < 8) return;
          zoom(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

// data is what uPlot draws: the sums up to each line, those of the top first.
function data(stack: Stack): uPlot.AlignedData {
  const sums: number[][] = [];
  let below = stack.x.map(() => 0);
  for (const line of stack.lines) {
    below = below.map((n, i) => n + (line.rates[i] ?? 0));
    sums.unshift(below);
  }
  return [stack.x, ...sums];
}

function Plot(props: {
  stack: Stack;
  theme: string;
  label: string;
  cursor: (index: number | null) => void;
  zoom: (from: number, to: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const handlers = useRef(props);
  handlers.current = props;
  // Only other lines or colours need another plot; new values go into the one that is there.
  const shape = props.theme + props.stack.lines.map((l) => `${l.key}\n${l.isOther}`).join('\n\n');
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let gone = false;
    const size = () => [element.clientWidth, element.clientHeight] as const;
    const watch = new ResizeObserver(() => {
      const [width, height] = size();
      if (width > 0) plot.current?.setSize({ width, height });
    });
    void import('uplot').then(({ default: UPlot }) => {
      if (gone) return;
      const { stack } = handlers.current;
      plot.current = new UPlot(
        options(
          stack,
          ...size(),
          (index) => handlers.current.cursor(index),
          (from, to) => handlers.current.zoom(from, to),
        ),
        data(stack),
        element,
      );
      watch.observe(element);
    });
    return () => {
      gone = true;
      watch.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data(props.stack)), [props.stack]);
  return <div class="plot" ref={box} role="img" aria-label={props.label} />;
}

export function TrafficChart(props: {
  series: Series;
  theme: string;
  name: (key: string) => string;
  pick?: (key: string, exclude: boolean) => void;
  zoom: (from: number, to: number) => void;
}) {
  const [direction, setDirection] = useState<Direction>('both');
  const [asTable, setAsTable] = useState(false);
  const [index, setIndex] = useState<number | null>(null);
  const shown = useMemo(() => stack(props.series, direction), [props.series, direction]);
  const label = (line: Stack['lines'][number]) => (line.isOther ? 'other' : props.name(line.key));
  const span = Math.max((Date.parse(props.series.to) - Date.parse(props.series.from)) / 1000, 1);
  const at = index === null ? undefined : shown.x[index];
  const largest = shown.lines[0];
  const said =
    `Traffic from ${dateTime(props.series.from)} to ${dateTime(props.series.to)}, ` +
    `in ${shown.lines.length} parts${largest ? `, the largest is ${label(largest)}` : ''}`;
  const rows = shown.lines.map((line, i) => ({
    line,
    i,
    now: index === null ? (line.total * 8) / span : (line.rates[index] ?? 0),
    peak: Math.max(...line.rates, 0),
  }));
  return (
    <div class="traffic">
      <div class="tools">
        <Segments
          label="Direction"
          value={direction}
          options={[
            ['both', 'both'],
            ['down', '↓ down'],
            ['up', '↑ up'],
          ]}
          set={setDirection}
        />
        <button type="button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          <Icon name={asTable ? 'chart' : 'table'} size={16} /> {asTable ? 'Chart' : 'Table'}
        </button>
      </div>
      {asTable ? (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="number">Bytes</th>
              <th scope="col" class="number">Mean</th>
              <th scope="col" class="number">Peak</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ line, peak }) => (
              <tr key={line.key + String(line.isOther)}>
                <td><bdi>{label(line)}</bdi></td>
                <td class="number">{bytes(line.total)}</td>
                <td class="number">{bits((line.total * 8) / span)}</td>
                <td class="number">{bits(peak)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <div class="stack">
          <Plot stack={shown} theme={props.theme} label={said} cursor={setIndex} zoom={props.zoom} />
          <div class="legend">
            <p class="note">{at === undefined ? 'mean of the range' : clock(at * 1000)}</p>
            <ul>
              {rows.map(({ line, i, now }) => (
                <li key={line.key + String(line.isOther)}>
                  <span
                    class={i % 2 === 1 && !line.isOther ? 'swatch hatched' : 'swatch'}
                    style={{ backgroundColor: `var(${lineColour(i, line.isOther)})` }}
                  />
                  <Term
                    label={label(line)}
                    pick={
                      line.isOther || line.key === '' || !props.pick
                        ? undefined
                        : (exclude) => props.pick?.(line.key, exclude)
                    }
                  />
                  <span class="number">{bits(now)}</span>
                </li>
              ))}
            </ul>
          </div>
        </div>
      )}
    </div>
  );
}
