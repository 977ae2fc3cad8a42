// SPDX-License-Identifier: Apache-2.0

// What is shown, kept in the page's address: two pure functions there and back, and a hook.

import { useEffect, useState } from 'preact/hooks';

export const pages = ['overview', 'devices', 'flows', 'agents'] as const;
export type Page = (typeof pages)[number];

// The spans that the top bar offers, with their names in the address and in the API.
export const spans: Record<string, { seconds: number; since: string; label: string }> = {
  '15m': { seconds: 900, since: '15m', label: '15 min' },
  '1h': { seconds: 3600, since: '1h', label: '1 h' },
  '6h': { seconds: 21600, since: '6h', label: '6 h' },
  '24h': { seconds: 86400, since: '24h', label: '24 h' },
  '7d': { seconds: 604800, since: '168h', label: '7 days' },
  '30d': { seconds: 2592000, since: '720h', label: '30 days' },
};

// Span is one that ends now, by its name, or one between two times, in seconds since 1970.
export type Span = { last: string } | { from: number; to: number };

export const dimensions = {
  app: 'application',
  category: 'category',
  proto: 'protocol',
  device: 'device',
  host: 'host',
  net: 'network',
  port: 'port',
  country: 'country',
  asn: 'autonomous system',
  direction: 'direction',
  agent: 'agent',
} as const;
export type Dimension = keyof typeof dimensions;

export type View = {
  page: Page;
  span: Span;
  filter: string;
  by: Dimension;
  sort: string;
  flow: string; // agent/id of the flow in the drawer
};

export const defaults: View = { page: 'overview', span: { last: '1h' }, filter: '', by: 'app', sort: '', flow: '' };

export function read(url: { pathname: string; search: string }): View {
  const name = url.pathname.split('/')[1] ?? '';
  const page = pages.find((p) => p === name) ?? defaults.page;
  const q = new URLSearchParams(url.search);
  const by = q.get('by') ?? '';
  return {
    page,
    span: readSpan(q.get('t') ?? ''),
    filter: q.get('f') ?? '',
    by: Object.hasOwn(dimensions, by) ? (by as Dimension) : defaults.by,
    sort: q.get('sort') ?? '',
    flow: q.get('flow') ?? '',
  };
}

function readSpan(t: string): Span {
  const between = /^(\d{1,12})-(\d{1,12})$/.exec(t);
  if (between) {
    const from = Number(between[1]);
    const to = Number(between[2]);
    if (from < to) return { from, to };
  }
  return Object.hasOwn(spans, t) ? { last: t } : defaults.span;
}

export function write(v: View): string {
  const q: string[] = [];
  const put = (key: string, value: string, fallback: string) => {
    // Filters stay legible in the address: of what encodeURIComponent escapes, these need it not.
    const text = encodeURIComponent(value).replace(/%(3A|2F|40|2C|20)/g, (e) => (e === '%20' ? '+' : unescape2(e)));
    if (value !== fallback) q.push(`${key}=${text}`);
  };
  put('t', 'last' in v.span ? v.span.last : `${v.span.from}-${v.span.to}`, '1h');
  put('f', v.filter, '');
  put('by', v.by, defaults.by);
  put('sort', v.sort, '');
  put('flow', v.flow, '');
  const path = v.page === 'overview' ? '/' : `/${v.page}`;
  return path + (q.length ? `?${q.join('&')}` : '');
}

const unescape2 = (e: string) => String.fromCharCode(parseInt(e.slice(1), 16));

export function seconds(s: Span): number {
  return 'last' in s ? (spans[s.last]?.seconds ?? 3600) : s.to - s.from;
}

// move shifts a span by half of its length; one that would end about now ends now.
export function move(s: Span, by: -1 | 1, now: number): Span {
  const length = seconds(s);
  const to = ('last' in s ? Math.floor(now) : s.to) + (by * length) / 2;
  if (to < now - length / 20) return { from: Math.floor(to - length), to: Math.floor(to) };
  const named = Object.keys(spans).find((k) => spans[k]?.seconds === length);
  return named ? { last: named } : { from: Math.floor(now - length), to: Math.floor(now) };
}

// The span as parameters of the API.
export function spanQuery(s: Span): Record<string, string> {
  if ('last' in s) return { since: spans[s.last]?.since ?? '1h' };
  const iso = (t: number) => new Date(t * 1000).toISOString();
  return { from: iso(s.from), to: iso(s.to) };
}

const steps: [string, number][] = [
  ['15s', 15], ['30s', 30], ['1m', 60], ['2m', 120], ['5m', 300], ['10m', 600], ['15m', 900], ['30m', 1800],
  ['1h', 3600], ['2h', 7200], ['6h', 21600], ['12h', 43200], ['1d', 86400],
];

// stepOf is the time between two points of a course that has about that many at most. Agents report each 15 s: shorter
// steps would show the reports and not the traffic.
export function stepOf(s: Span, points: number): string {
  return (steps.find(([, step]) => seconds(s) / step <= points) ?? ['1d', 0])[0];
}

export type Go = (change: Partial<View>, replace?: boolean) => void;

export function useView(): [View, Go] {
  const [view, setView] = useState(() => read(location));
  useEffect(() => {
    const moved = () => setView(read(location));
    addEventListener('popstate', moved);
    return () => removeEventListener('popstate', moved);
  }, []);
  const go: Go = (change, replace = false) => {
    const next = { ...read(location), ...change };
    const address = write(next);
    if (address !== location.pathname + location.search) {
      if (replace) history.replaceState(null, '', address);
      else history.pushState(null, '', address);
    }
    setView(next);
  };
  return [view, go];
}
