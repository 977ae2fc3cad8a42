// SPDX-License-Identifier: Apache-2.0

// The fields of filters and their values' canonical forms: see internal/filter/value.go.

type Canonical = (value: string) => string | undefined;

export type Field = {
  name: string;
  aliases: string[];
  expected: string; // the values, in words
  isNumeric?: boolean;
  values?: string[]; // all that there are
  canonical: Canonical;
};

export const utf8Length = (s: string) => new TextEncoder().encode(s).length;

// lower leaves letters outside ASCII as they are.
const lower = (s: string) => s.replace(/[A-Z]+/g, (t) => t.toLowerCase());

const maxName = 253; // bytes of a host name (RFC 1035 section 2.3.4), and of the other names

// optional also allows "", of flows without the property.
const optional = (canonical: Canonical): Canonical => (value) => (value === '' ? '' : canonical(value));

const oneOf = (...values: string[]): Canonical => (value) => values.find((v) => v === lower(value));

function slug(value: string): string | undefined {
  const text = lower(value);
  return text.length <= maxName && /^[a-z0-9][a-z0-9-]*$/.test(text) ? text : undefined;
}

// What unicode.IsSpace of Go holds for space.
const outerSpace = /^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]|[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

// named is @ and a name.
function named(value: string): string | undefined {
  const name = value.slice(1);
  const isName = value.startsWith('@') && name !== '' && utf8Length(name) <= maxName && !outerSpace.test(name);
  return isName ? value : undefined;
}

function device(value: string): string | undefined {
  if (value.startsWith('@')) {
    return named(value);
  }
  return plainAddress(value) ?? mac(value);
}

// mac is a MAC address of six bytes, with colons; 00-00-5e and 0000.5e00 are other ways to write one.
export function mac(value: string): string | undefined {
  const isMAC =
    /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(value) ||
    /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i.test(value);
  return isMAC ? lower(value).replace(/[:.-]/g, '').replace(/..(?=.)/g, '$&:') : undefined;
}

function hostName(value: string): string | undefined {
  const text = lower(value).replace(/\.$/, '');
  const name = text.replace(/^\*\./, '');
  return name.length <= maxName && /^[!-)+-~]+$/.test(name) && !/^\.|\.$/.test(name) ? text : undefined;
}

function number(most: bigint): Canonical {
  return (value) => {
    const n = unsigned(value);
    return n !== undefined && n <= most ? n.toString() : undefined;
  };
}

const unsigned = (value: string) => (/^[0-9]+$/.test(value) ? BigInt(value) : undefined);

// byteCount allows the suffixes k, M, G and T, in any case, which multiply by powers of 1,000.
function byteCount(value: string): string | undefined {
  const suffix = /^(.*)([kmgt])$/is.exec(value);
  const factor = suffix ? 1000n ** BigInt('kmgt'.indexOf((suffix[2] ?? '').toLowerCase()) + 1) : 1n;
  const n = unsigned(suffix ? (suffix[1] ?? '') : value);
  if (n === undefined || n > BigInt(Number.MAX_SAFE_INTEGER) / factor) return undefined;
  return (n * factor).toString();
}

// The units of times in microseconds, the largest first.
const units: [string, bigint][] = [['s', 1000000n], ['ms', 1000n], ['us', 1n]];

// time writes a time in the largest unit that divides it.
function time(value: string): string | undefined {
  const [, digits = '', unit] = /^([0-9]+)(us|ms|s)$/.exec(lower(value)) ?? [];
  const factor = units.find(([name]) => name === unit)?.[1];
  const n = unsigned(digits);
  if (n === undefined || factor === undefined || n > BigInt(Number.MAX_SAFE_INTEGER) / factor) return undefined;
  const all = n * factor;
  const [name, divides] = units.find(([, d]) => d === 1n || (all > 0n && all % d === 0n)) ?? ['us', 1n];
  return `${all / divides}${name}`;
}

// asn allows a number (RFC 6793), also as AS64500, and @ with a name.
function asn(value: string): string | undefined {
  return value.startsWith('@') ? named(value) : number(4294967295n)(value.replace(/^as/i, ''));
}

// container cuts a whole id to the digits that records have.
function container(value: string): string | undefined {
  if (/^[0-9a-f]{64}$/i.test(value)) return lower(value).slice(0, 12);
  return utf8Length(value) <= maxName ? value : undefined;
}

const transports: Record<string, string> = {
  1: 'icmp', 2: 'igmp', 6: 'tcp', 17: 'udp', 47: 'gre', 50: 'esp', 51: 'ah', 58: 'icmpv6', 89: 'ospf',
  103: 'pim', 112: 'vrrp', 132: 'sctp',
};

function transport(value: string): string | undefined {
  const text = lower(value);
  if (Object.values(transports).includes(text)) return text;
  const n = number(255n)(text);
  return n === undefined ? undefined : (transports[n] ?? n);
}

// An address is its 16-bit groups: two for IPv4, eight for IPv6.
type Groups = number[];

function parse4(text: string): Groups | undefined {
  const bytes = text.split('.');
  if (bytes.length !== 4 || !bytes.every((b) => /^(0|[1-9][0-9]{0,2})$/.test(b) && Number(b) < 256)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number);
  return [a * 256 + b, c * 256 + d];
}

function parse6(text: string): Groups | undefined {
  const tail = text.slice(text.lastIndexOf(':') + 1);
  if (tail.includes('.')) {
    const four = parse4(tail);
    if (!four) return undefined;
    text = text.slice(0, text.length - tail.length) + four.map((n) => n.toString(16)).join(':');
  }
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [left = [], right = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const known = left.length + right.length;
  if (halves.length === 2 ? known > 7 : known !== 8) return undefined;
  if (![...left, ...right].every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const numbers = (groups: string[]) => groups.map((group) => parseInt(group, 16));
  return [...numbers(left), ...new Array<number>(8 - known).fill(0), ...numbers(right)];
}

const parseAddress = (text: string) => (text.includes(':') ? parse6(text) : parse4(text));

const isMapped = (g: Groups) => g.length === 8 && g.slice(0, 5).every((n) => n === 0) && g[5] === 0xffff;

function format(g: Groups): string {
  if (g.length === 2) return g.flatMap((n) => [n >> 8, n & 255]).join('.');
  // The longest run of zeros, the first of equals, of two groups at least (RFC 5952 section 4.2).
  let at = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && g[i + n] === 0) n++;
    if (n > length) [at, length] = [i, n];
  }
  const hex = (groups: Groups) => groups.map((n) => n.toString(16)).join(':');
  return at < 0 ? hex(g) : `${hex(g.slice(0, at))}::${hex(g.slice(at + length))}`;
}

function plainAddress(value: string): string | undefined {
  const g = parseAddress(value);
  return g && format(isMapped(g) ? g.slice(6) : g);
}

const mask = (g: Groups, bits: number) =>
  g.map((n, i) => n & (0xffff << (16 - Math.min(Math.max(bits - i * 16, 0), 16))) & 0xffff);

function prefix(value: string): [Groups, number] | undefined {
  const slash = value.lastIndexOf('/');
  const g = parseAddress(value.slice(0, slash));
  const length = value.slice(slash + 1);
  if (!g || isMapped(g) || !/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const bits = Number(length);
  return bits <= g.length * 16 ? [mask(g, bits), bits] : undefined;
}

function address(value: string): string | undefined {
  if (!value.includes('/')) return plainAddress(value);
  const p = prefix(value);
  return p && `${format(p[0])}/${p[1]}`;
}

// network is the /24 or /48 of an address, or one as it stands.
function network(value: string): string | undefined {
  const text = address(value);
  if (text === undefined) return undefined;
  const g = parseAddress(text.split('/')[0] ?? '');
  if (!g) return undefined;
  const bits = g.length === 2 ? 24 : 48;
  if (text.includes('/')) return text.endsWith(`/${bits}`) ? text : undefined;
  return `${format(mask(g, bits))}/${bits}`;
}

// isAddressLike reports whether a word is an address, network or MAC address.
export const isAddressLike = (word: string) =>
  address(word) !== undefined || (word.length === 17 && mac(word) !== undefined);

const slugs = 'a name of a-z, 0-9 and -, or "" for flows without one';
const sides = ['lan', 'wan', 'gateway', 'multicast', 'broadcast', 'unknown'];
const directions = ['outbound', 'inbound', 'internal', 'transit', 'multicast', 'broadcast', 'unknown'];
const methods = ['dpi', 'port', 'none'];

export const fields: Field[] = [
  { name: 'app', aliases: ['application'], expected: slugs, canonical: optional(slug) },
  { name: 'proto', aliases: ['protocol'], expected: slugs, canonical: optional(slug) },
  { name: 'category', aliases: [], expected: slugs, canonical: optional(slug) },
  { name: 'device', aliases: ['dev'], expected: 'a MAC or IP address, or @ and a name', canonical: optional(device) },
  {
    name: 'host',
    aliases: ['hostname'],
    expected: 'a host name, or *.name for it and all below it',
    canonical: optional(hostName),
  },
  { name: 'ip', aliases: [], expected: 'an IP address, or a network such as 10.0.0.0/8', canonical: address },
  {
    name: 'net',
    aliases: [],
    expected: 'a network /24 of IPv4 or /48 of IPv6, or an address in it; ip takes any network',
    canonical: optional(network),
  },
  { name: 'port', aliases: [], expected: 'a number from 0 to 65535', isNumeric: true, canonical: number(65535n) },
  {
    name: 'direction',
    aliases: [],
    expected: 'outbound, inbound, internal, transit, multicast, broadcast or unknown',
    values: directions,
    canonical: oneOf(...directions),
  },
  {
    name: 'side',
    aliases: [],
    expected: 'lan, wan, gateway, multicast, broadcast or unknown, of either end',
    values: sides,
    canonical: oneOf(...sides),
  },
  {
    name: 'agent',
    aliases: [],
    expected: "an agent's id of 32 hexadecimal digits, or @ and its name",
    canonical: (value) => (/^[0-9a-f]{32}$/i.test(value) ? lower(value) : named(value)),
  },
  { name: 'method', aliases: [], expected: 'dpi, port or none', values: methods, canonical: oneOf(...methods) },
  {
    name: 'transport',
    aliases: [],
    expected: "tcp, udp, another IP protocol's name, or its number",
    values: Object.values(transports),
    canonical: transport,
  },
  { name: 'risk', aliases: ['risks'], expected: slugs, canonical: optional(slug) },
  {
    name: 'bytes',
    aliases: [],
    expected: 'a number of bytes, such as 1500, 10k, 5M or 2G',
    isNumeric: true,
    canonical: byteCount,
  },
  ...['retransmits', 'out_of_order', 'resets', 'zero_windows'].map((name) => ({
    name,
    aliases: [],
    expected: 'a number of packets of both ends',
    isNumeric: true,
    canonical: number(BigInt(Number.MAX_SAFE_INTEGER)),
  })),
  {
    name: 'rtt',
    aliases: [],
    expected: 'a time with its unit, us, ms or s, such as 100ms',
    isNumeric: true,
    canonical: time,
  },
  {
    name: 'country',
    aliases: [],
    expected: 'two letters of ISO 3166, or "" for flows without one',
    canonical: optional((value) => (/^[a-z]{2}$/i.test(value) ? value.toUpperCase() : undefined)),
  },
  { name: 'asn', aliases: [], expected: 'a number, or @ and a name, or "" for flows without one', canonical: optional(asn) },
  {
    name: 'process',
    aliases: [],
    expected: 'a name, or the path of an executable, or "" for flows without one',
    canonical: (value) => value,
  },
  {
    name: 'container',
    aliases: [],
    expected: 'a container\'s id or name, or "" for flows without one',
    canonical: container,
  },
];

// fieldOf returns the field of a name, in any case, or of an alias.
export function fieldOf(name: string): Field | undefined {
  const text = name.toLowerCase();
  return fields.find((f) => f.name === text || f.aliases.includes(text));
}

const namesOf = (list: Field[]) => list.map((f) => f.name).join(', ');

export const fieldNames = () => namesOf(fields);
export const numericNames = () => namesOf(fields.filter((f) => f.isNumeric));

// nearest suggests the field whose name is most like name, or nothing.
export function nearest(name: string): string {
  const text = name.toLowerCase();
  let best = '';
  let distance = 3;
  for (const f of fields) {
    for (const candidate of [f.name, ...f.aliases]) {
      const d = editDistance(text, candidate);
      if (d < distance && d < candidate.length) [best, distance] = [f.name, d];
    }
  }
  return best && `, perhaps ${best}`;
}

// editDistance is Levenshtein's; names far too long count as far.
function editDistance(a: string, b: string): number {
  if (a.length > 2 * b.length + 2) return a.length;
  const row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    let diagonal = row[0] ?? 0;
    row[0] = i + 1;
    for (let j = 0; j < b.length; j++) {
      const cost = a[i] === b[j] ? 0 : 1;
      const above = row[j + 1] ?? 0;
      row[j + 1] = Math.min(diagonal + cost, (row[j] ?? 0) + 1, above + 1);
      diagonal = above;
    }
  }
  return row[b.length] ?? 0;
}
