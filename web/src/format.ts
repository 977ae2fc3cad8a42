// SPDX-License-Identifier: Apache-2.0

// Figures and times as people read them. The units are decimal, as those of networks are.

const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

// scaled writes n with three digits at most and a prefix: 1234567 is "1.23 M".
function scaled(n: number): [digits: string, prefix: string] {
  let i = 0;
  while (n >= 999.5 && i < prefixes.length - 1) {
    n /= 1000;
    i++;
  }
  const digits = i === 0 ? 0 : n < 9.995 ? 2 : n < 99.95 ? 1 : 0;
  return [n.toFixed(digits), prefixes[i] ?? ''];
}

export function bytes(n: number): string {
  if (!Number.isFinite(n)) return '–';
  const [digits, prefix] = scaled(n);
  return `${digits} ${prefix}B`;
}

export function bits(perSecond: number): string {
  const [digits, prefix] = scaled(perSecond);
  return `${digits} ${prefix}b/s`;
}

export function count(n: number): string {
  if (n < 10_000) return String(n);
  const [digits, prefix] = scaled(n);
  return digits + prefix;
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const s = Math.max(0, seconds);
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 90) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 90 * 60) return `${Math.round(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

export function ago(at: number, now: number): string {
  const s = (now - at) / 1000;
  if (s < 5) return 'now';
  return s < 90 ? `${Math.round(s)} s ago` : `${duration(s)} ago`;
}

const sameDay = (a: Date, b: Date) => a.toDateString() === b.toDateString();

// clock writes a time of today without its date.
export function clock(at: string | number, now = Date.now()): string {
  const d = new Date(at);
  if (Number.isNaN(d.getTime())) return '–';
  const time = d.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  if (sameDay(d, new Date(now))) return time;
  return `${d.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}

export function dateTime(at: string | number): string {
  const d = new Date(at);
  return Number.isNaN(d.getTime()) ? '–' : d.toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });
}

// share is a part of a whole, in per cent.
export function share(part: number, whole: number): string {
  const percent = (100 * part) / Math.max(whole, 1);
  return percent > 0 && percent < 1 ? '<1 %' : `${Math.round(percent)} %`;
}

// plural is "1 device", "2 devices".
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
