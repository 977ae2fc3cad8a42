// SPDX-License-Identifier: Apache-2.0

// What things are called. All of these names come from the network: they are text and nothing else.

import type { Device, Flow, FlowRecord } from './api';
import type { Dimension } from './url';

// Names are of the devices of the range, by agent and device, and by device where only one agent has it.
export type Names = Map<string, string>;

export function deviceNames(devices: Device[] | undefined): Names {
  const names: Names = new Map();
  for (const d of devices ?? []) {
    const name = deviceName(d);
    names.set(`${d.agent}/${d.device}`, name);
    names.set(d.device, names.has(d.device) && names.get(d.device) !== name ? d.device : name);
  }
  return names;
}

// deviceName is a device's own name, else its vendor with the end of its MAC address, else its address.
export function deviceName(d: Device): string {
  const own = d.record.names?.[0]?.name;
  if (own) return own;
  const mac = d.record.mac ?? '';
  if (d.record.vendor && mac) return `${d.record.vendor} ${mac.slice(-8)}`;
  if (mac && d.record.addresses?.[0]) return d.record.addresses[0].ip;
  return d.device;
}

const absent: Record<Dimension, string> = {
  app: 'no application',
  category: 'no category',
  proto: 'no protocol',
  device: 'no device',
  host: 'no host name',
  net: 'no network',
  port: 'no port',
  country: 'no country',
  asn: 'no autonomous system',
  direction: 'no direction',
  agent: 'no agent',
};

// keyName is what to show for a key of a dimension.
export function keyName(by: Dimension, key: string, names: Names): string {
  if (key === '') return absent[by];
  if (by === 'device') return names.get(key) ?? key;
  if (by === 'agent') return key.slice(0, 8);
  if (by === 'asn') return `AS${key}`;
  return by === 'country' ? countryName(key) : key;
}

// countryName is the name of a code of ISO 3166, in the browser's language.
function countryName(code: string): string {
  try {
    return new Intl.DisplayNames(undefined, { type: 'region' }).of(code) ?? code;
  } catch {
    return code; // it is none
  }
}

export const application = (r: FlowRecord) => r.application ?? r.protocol ?? '';

export const host = (r: FlowRecord) => r.hostname ?? r.server.ip;

export function device(f: Flow, names: Names): string {
  const d = f.device ?? '';
  return names.get(`${f.agent}/${d}`) ?? names.get(d) ?? (d || f.record.client.ip);
}

// ours is the end of the flow that is on the LAN, the client if none is: its bytes are those that go up.
export function ours(r: FlowRecord): 'client' | 'server' {
  return r.server.side === 'lan' && r.client.side !== 'lan' ? 'server' : 'client';
}

export function upDown(r: FlowRecord): [up: number, down: number] {
  return ours(r) === 'client' ? [r.client.bytes, r.server.bytes] : [r.server.bytes, r.client.bytes];
}

// methods say what a flow's names rest on.
export const methods: Record<string, string> = {
  dpi: 'the packets’ contents',
  host: 'the host name',
  certificate: 'the server’s certificate',
  dns: 'an earlier DNS answer',
  address: 'the server’s address',
  port: 'the port alone',
  none: 'nothing: neither contents nor port tell',
};
