// SPDX-License-Identifier: Apache-2.0

import { useMemo, useRef, useState } from 'preact/hooks';
import { query, useApi, useNow, type Device, type Series } from '../api';
import type { Shared } from '../app';
import { Empty } from '../empty';
import { ago, bytes, count, plural } from '../format';
import { deviceName } from '../names';
import { Cell, Rows, type Column } from '../rows';
import { Body, Panel, Spark, Term } from '../ui';
import { stepOf } from '../url';

const sorts = {
  name: { label: 'Device', of: (d: Device) => deviceName(d).toLowerCase() },
  down: { label: '↓ Down', of: (d: Device) => -d.down_bytes },
  up: { label: '↑ Up', of: (d: Device) => -d.up_bytes },
  apps: { label: 'Apps', of: (d: Device) => -d.apps },
  flows: { label: 'Flows', of: (d: Device) => -d.flows },
  seen: { label: 'Last seen', of: (d: Device) => -Date.parse(d.record.last_seen ?? '') || 0 },
};
type Sort = keyof typeof sorts;

const isSort = (name: string): name is Sort => Object.hasOwn(sorts, name);

export function DevicesPage(shared: Shared) {
  const { view, go, devices, range } = shared;
  // With a filter, the devices are those that have traffic under it.
  const filtered = useApi<{ rows: { key: string }[] }>(
    view.filter === '' ? null : query('top', { by: 'device', limit: 1000, filter: view.filter, ...range }),
  );
  const step = stepOf(view.span, 60);
  const courses = useApi<Series>(query('series', { by: 'device', limit: 12, step, filter: view.filter, ...range }));
  const course = new Map(courses.data?.series.filter((l) => !l.other).map((l) => [l.key, l]));
  const named = new Set(filtered.data?.rows.map((row) => row.key));
  const sort: Sort = isSort(view.sort) ? view.sort : 'down';
  const [isRead, setIsRead] = useState(false);
  const question = `${sort} ${view.filter} ${JSON.stringify(range)}`;
  const order = useRef({ question, of: new Map<string, number>() });
  const rows = useMemo(() => {
    const all = (devices.data?.rows ?? []).filter((d) => view.filter === '' || !filtered.data || named.has(d.device));
    const sorted = sortBy(all, sorts[sort].of);
    // Figures that change leave the order as it is while someone reads.
    const stays = isRead && order.current.question === question;
    const shown = stays ? sortBy(sorted, (d) => order.current.of.get(idOf(d)) ?? Infinity) : sorted;
    order.current = { question, of: new Map(shown.map((d, i) => [idOf(d), i])) };
    return shown;
  }, [devices.data, filtered.data, view.filter, sort]);
  const setSort = (by: Sort) => go({ sort: by === 'down' ? '' : by });
  const columns: Column[] = heads.map(([key, head]) =>
    isSort(key)
      ? { key, head: <SortButton by={key} set={setSort} />, isNumber: key !== 'name', sorted: sort === key }
      : { key, head },
  );
  const answer = filtered.problem && devices.data ? { ...devices, problem: filtered.problem } : devices;
  const open = (d: Device) => go({ page: 'flows', filter: `device:${d.device}`, sort: '' });
  return (
    <Panel title="Devices of the LAN" class="wide" note={devices.data ? plural(rows.length, 'device') : undefined}>
      <Body
        answer={answer}
        what="The devices"
        rows={10}
        isEmpty={() => rows.length === 0}
        empty={<Empty what="devices" shared={shared} />}
      >
        {() => (
          <Rows
            label="Devices"
            class="devices"
            columns={columns}
            items={rows}
            keyOf={idOf}
            question={question}
            open={open}
            reading={setIsRead}
            cells={(d) => <Cells d={d} line={course.get(d.device)} shared={shared} />}
          />
        )}
      </Body>
    </Panel>
  );
}

const heads = [
  ['name', ''],
  ['about', 'Addresses and kind'],
  ['down', ''],
  ['up', ''],
  ['trend', 'Trend'],
  ['apps', ''],
  ['flows', ''],
  ['seen', ''],
] as const;

const idOf = (d: Device) => `${d.agent}/${d.device}`;

function sortBy<T>(all: T[], of: (item: T) => string | number): T[] {
  return all
    .map((item) => [of(item), item] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, item]) => item);
}

function SortButton({ by, set }: { by: Sort; set: (by: Sort) => void }) {
  return (
    <button type="button" onClick={() => set(by)}>
      {sorts[by].label}
    </button>
  );
}

function Cells({ d, line, shared }: { d: Device; line: Series['series'][number] | undefined; shared: Shared }) {
  const now = useNow(15_000);
  const r = d.record;
  const seen = Date.parse(r.last_seen ?? '');
  const begin = Date.parse(shared.devices.data?.from ?? '');
  const isNew = Date.parse(r.first_seen ?? '') >= begin;
  const about = [r.kind?.value, r.os?.value, r.vendor].filter(Boolean).join(' · ');
  const addresses = (r.addresses ?? []).map((a) => a.ip);
  const name = deviceName(d);
  const others = addresses.filter((a) => a !== name);
  return (
    <>
      <Cell label="Device" class="main">
        <div class="line">
          <span class={now - seen < 120_000 ? 'dot on' : 'dot'} title={now - seen < 120_000 ? 'active' : 'quiet'} />
          <Term label={name} title={d.device} pick={(exclude) => shared.pick('device', d.device, exclude)} />
          {isNew && <span class="tag">new</span>}
          {r.is_router && <span class="tag quiet">router</span>}
          {r.random_mac && <span class="tag quiet" title="It made this MAC address up, and may change it">random MAC</span>}
        </div>
      </Cell>
      <Cell label="Address" class="about">
        <bdi title={addresses.join(', ')}>
          {others[0] ?? (name === d.device ? '–' : d.device)}
          {others.length > 1 && ` +${others.length - 1}`}
        </bdi>
        {about && <bdi class="note">{about}</bdi>}
      </Cell>
      <Cell label="Down" class="number">{bytes(d.down_bytes)}</Cell>
      <Cell label="Up" class="number">{bytes(d.up_bytes)}</Cell>
      <Cell label="Trend" class="trend">
        {line && <Spark values={line.down_bytes.map((n, i) => n + (line.up_bytes[i] ?? 0))} />}
      </Cell>
      <Cell label="Apps" class="number">{count(d.apps)}</Cell>
      <Cell label="Flows" class="number">{count(d.flows)}</Cell>
      <Cell label="Last seen" class="number">{Number.isNaN(seen) ? '–' : ago(seen, now)}</Cell>
    </>
  );
}
