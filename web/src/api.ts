// SPDX-License-Identifier: Apache-2.0

// The sink's API: its answers' types, one fetch for all, and hooks that keep answers current.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export type Sums = { up_bytes: number; down_bytes: number; packets: number; flows: number };
export type TopRow = Sums & { key: string; name?: string }; // name: of an autonomous system
// approximate: of a part of the range only the largest keys are known by themselves.
export type Top = { from: string; to: string; rows: TopRow[]; other: Sums; total: Sums; approximate?: boolean };
export type Line = { key: string; other?: boolean; up_bytes: number[]; down_bytes: number[] };
export type Series = {
  from: string;
  to: string;
  start: string;
  step_s: number;
  series: Line[];
  approximate?: boolean;
};
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type Flow = { agent: string; device?: string; record: FlowRecord };
export type Flows = { from: string; to: string; rows: Flow[]; next?: string };
export type Device = Sums & { agent: string; device: string; apps: number; record: DeviceRecord };
export type Devices = { from: string; to: string; rows: Device[] };
export type Agent = {
  agent: string;
  name?: string;
  version: string;
  mode: string;
  last_report: string;
  received: string;
  epoch: string;
  sequence: number;
  missing: number;
  health: Health;
  interfaces: Interface[];
  drops: number;
};
export type Agents = { now: string; rows: Agent[] };
export type Risk = { risk: string; severity: string; meaning: string; advice: string };
export type FlowAnswer = Flow & { why: string[]; risks: Risk[] };

export type End = { ip: string; port?: number; side?: string; mac?: string; packets: number; bytes: number };
// FlowRecord is the flow record of the agent's schema, with the fields that the page speaks of by name.
export type FlowRecord = {
  id: string;
  community_id?: string;
  state?: string;
  ip_proto: string;
  client: End;
  server: End;
  direction?: string;
  protocol?: string;
  application?: string;
  category?: string;
  hostname?: string;
  hostname_method?: string;
  method?: string;
  application_method?: string;
  first_seen: string;
  last_seen: string;
  risks?: string[];
};
export type DeviceRecord = {
  mac?: string;
  vendor?: string;
  random_mac?: boolean;
  is_router?: boolean;
  addresses?: { ip: string }[];
  names?: { name: string; source: string }[];
  os?: { value: string };
  kind?: { value: string };
  interface?: string;
  first_seen?: string;
  last_seen?: string;
};
// In reports, a count of 0 may be absent.
export type Process = {
  name: string;
  user_cpu_us?: number;
  system_cpu_us?: number;
  resident_bytes?: number;
  peak_resident_bytes?: number;
};
export type Counter = { name: string; cause?: string; more: number };
export type Uplink = { queued: number; spool_bytes: number; refused?: number; lost?: { count: number }[] };
export type Queue = { name: string; length: number; peak: number; limit: number };
export type Clock = {
  synchronised?: boolean;
  maximum_error_us?: number;
  steps?: number;
  stepped_ms?: number;
  suspended_ms?: number;
  sink_offset_ms?: number;
};
export type Health = {
  uplink?: Uplink;
  mode?: string;
  uptime_ms?: number;
  processes?: Process[];
  counters?: Counter[];
  queues?: Queue[];
  clock?: Clock;
};
type Volume = { packets: number; bytes: number };
export type Traffic = {
  ipv4: Volume;
  ipv6: Volume;
  not_ip: number;
  tcp: number;
  udp: number;
  icmp: number;
  other: number;
  fragments: number;
  largest?: number;
};
type Link = { packets?: number; bytes?: number; dropped?: number; errors?: number; missed?: number; traffic?: Traffic };
export type Interface = { name: string; role?: string; networks?: string[]; received?: Link; sent?: Link };

// Problem is why there is no answer: the API's own words (RFC 9457) or ours.
export class Problem extends Error {
  constructor(
    readonly title: string,
    readonly detail = '',
    readonly status = 0,
  ) {
    super(title);
  }
}

const text = (v: unknown): string => (typeof v === 'string' ? v : '');

// Questions on their way, and what waits for there to be none.
let asking = 0;
const waiting: (() => void)[] = [];

export async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  asking++;
  try {
    return await ask<T>(path, signal);
  } finally {
    asking--;
    if (asking === 0) for (const each of waiting.splice(0)) each();
  }
}

async function ask<T>(path: string, signal: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`, { signal, headers: { Accept: 'application/json' } });
  } catch (e) {
    if (signal.aborted) throw e;
    throw new Problem('The sink does not answer', 'It may have stopped, or the connection to it is gone.');
  }
  let body: unknown;
  try {
    body = await answer.json();
  } catch (e) {
    if (signal.aborted) throw e;
    body = null;
  }
  if (answer.ok && body !== null) return body as T;
  const p = (body ?? {}) as { title?: unknown; detail?: unknown };
  throw new Problem(text(p.title) || `The sink answered ${answer.status}`, text(p.detail), answer.status);
}

// query is a path of the API with those parameters that have a value.
export function query(path: string, parameters: Record<string, string | number | undefined>): string {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') q.set(key, String(value));
  }
  const s = q.toString();
  return s ? `${path}?${s}` : path;
}

export const pollMS = 15_000;

export type Answer<T> = {
  data: T | undefined; // the last answer, of the question before if loading
  problem: Problem | undefined;
  loading: boolean; // the question changed and its answer has not come
  at: number; // when data came
  retry: () => void;
  put: (data: T) => void; // an answer that came by another way
};

// useApi asks path now and each 15 s while the page is in sight. A new path cancels the question before it.
export function useApi<T>(path: string | null, poll = true): Answer<T> {
  const [state, setState] = useState<{ path?: string; data?: T; problem?: Problem; at: number }>({ at: 0 });
  const [tries, setTries] = useState(0);
  // Whoever begins to read a list stops its polls: that asks for nothing, or the list would move just then.
  const polls = useRef(poll);
  polls.current = poll;
  // Not an effect, which would ask only after the next frame is painted.
  useLayoutEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    let timer = 0;
    const ask = async () => {
      if (!document.hidden) {
        try {
          const data = await get<T>(path, stop.signal);
          setState({ path, data, at: Date.now() });
        } catch (e) {
          if (stop.signal.aborted) return;
          const problem = e instanceof Problem ? e : new Problem('The page failed', String(e));
          if (problem.status === 401) signedOut();
          setState((s) => ({ ...s, path, problem }));
        }
      }
      if (!stop.signal.aborted) timer = window.setTimeout(again, pollMS);
    };
    const again = () => {
      if (polls.current) void ask();
      else timer = window.setTimeout(again, pollMS);
    };
    void ask();
    // Back in sight, it is current at once.
    const seen = () => {
      if (document.hidden || !polls.current) return;
      clearTimeout(timer);
      void ask();
    };
    document.addEventListener('visibilitychange', seen);
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [path, tries]);
  const current = state.path === path;
  return {
    data: path === null ? undefined : state.data,
    problem: current ? state.problem : undefined,
    loading: path !== null && !current,
    at: state.at,
    retry: () => setTries((n) => n + 1),
    put: (data) => path !== null && setState({ path, data, at: Date.now() }),
  };
}

// One stream of events for the tab, opened once the first questions have their answers. It sends flows of one filter.
// Browsers open six connections to a server, for all tabs together: one that the stream takes is missed at the start,
// and out of sight the stream is closed.
type Listener = (data: unknown) => void;
const listeners = new Map<string, Set<Listener>>();
let stream: EventSource | undefined;
let streamFilter = '';
let streamChanged: ((open: boolean) => void) | undefined;

function openStream() {
  stream?.close();
  stream = undefined;
  streamChanged?.(false);
  if (document.hidden) return;
  const opened = new EventSource(`/api/v1/${query('events', { filter: streamFilter })}`);
  opened.onopen = () => streamChanged?.(true);
  opened.onerror = () => {
    streamChanged?.(false);
    // A dropped connection the browser restores by itself; after an answer that is none it stays closed.
    if (opened.readyState === EventSource.CLOSED) setTimeout(() => stream === opened && openStream(), pollMS);
  };
  stream = opened;
  for (const event of listeners.keys()) hear(event);
}

function hear(event: string) {
  stream?.addEventListener(event, (e) => {
    let data: unknown;
    try {
      data = JSON.parse((e as MessageEvent<string>).data);
    } catch {
      return;
    }
    for (const each of listeners.get(event) ?? []) each(data);
  });
}

// beginStream opens the stream when no question is on its way, as soon as that is.
function beginStream() {
  const open = () => stream || openStream();
  if (asking === 0) open();
  else waiting.push(open);
}

function listen(event: string, listener: Listener): () => void {
  if (!stream) beginStream();
  const others = listeners.get(event);
  if (others) others.add(listener);
  else {
    listeners.set(event, new Set([listener]));
    hear(event);
  }
  return () => void listeners.get(event)?.delete(listener);
}

document.addEventListener('visibilitychange', () => {
  if (listeners.size > 0) openStream();
});

// useStreamFilter sets of which flows the stream tells.
export function useStreamFilter(filter: string) {
  useEffect(() => {
    if (filter === streamFilter) return;
    streamFilter = filter;
    if (stream) openStream();
  }, [filter]);
}

export function useEvents(event: string, listener: Listener) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => listen(event, (data) => latest.current(data)), [event]);
}

export function useStreamOpen(): boolean {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    streamChanged = setOpen;
    if (!stream) beginStream();
    setOpen(stream?.readyState === EventSource.OPEN);
    return () => {
      streamChanged = undefined;
    };
  }, []);
  return open;
}

// The session ended: the whole page says so, not each widget.
let signedOutListener: (() => void) | undefined;
const signedOut = () => signedOutListener?.();

export function useSignedOut(): boolean {
  const [out, setOut] = useState(false);
  useEffect(() => {
    signedOutListener = () => setOut(true);
  }, []);
  return out;
}

// useNow is the time, renewed each so many milliseconds.
export function useNow(everyMS: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMS);
    return () => clearInterval(timer);
  }, [everyMS]);
  return now;
}
