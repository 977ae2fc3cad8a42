// SPDX-License-Identifier: Apache-2.0

import { query, useApi, useNow, type Device, type Series } from '../api';
import type { Shared } from '../app';
import { Empty } from '../empty';
import { ago, bytes, count, plural } from '../format';
import { deviceName } from '../names';
import { Body, Panel, Scroll, Spark, Term } from '../ui';
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
  const rows = (all: Device[]) =>
    all
      .filter((d) => view.filter === '' || !filtered.data || named.has(d.device))
      .map((d) => [sorts[sort].of(d), d] as const)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([, d]) => d);
  const answer = filtered.problem && devices.data ? { ...devices, problem: filtered.problem } : devices;
  return (
    <Panel
      title="Devices of the LAN"
      class="wide"
      note={devices.data ? plural(rows(devices.data.rows).length, 'device') : undefined}
    >
      <Body
        answer={answer}
        what="The devices"
        rows={10}
        isEmpty={(d) => rows(d.rows).length === 0}
        empty={<Empty what="devices" shared={shared} />}
      >
        {(d) => (
          <Scroll label="Devices">
            <table>
              <thead>
                <tr>
                  {(['name', null, 'down', 'up', 'trend', 'apps', 'flows', 'seen'] as const).map((column) =>
                    column === null || column === 'trend' ? (
                      <th key={column} scope="col">
                        {column === null ? 'Addresses and kind' : 'Trend'}
                      </th>
                    ) : (
                      <th key={column} scope="col" class={column === 'name' ? '' : 'number'} aria-sort={sort === column ? 'descending' : 'none'}>
                        <button type="button" onClick={() => go({ sort: column === 'down' ? '' : column })}>
                          {sorts[column].label}
                        </button>
                      </th>
                    ),
                  )}
                </tr>
              </thead>
              <tbody>
                {rows(d.rows).map((each) => (
                  <Row key={`${each.agent}/${each.device}`} d={each} line={course.get(each.device)} shared={shared} />
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Body>
    </Panel>
  );
}

function Row({ d, line, shared }: { d: Device; line: Series['series'][number] | undefined; shared: Shared }) {
  const now = useNow(15_000);
  const r = d.record;
  const seen = Date.parse(r.last_seen ?? '');
  const begin = Date.parse(shared.devices.data?.from ?? '');
  const isNew = Date.parse(r.first_seen ?? '') >= begin;
  const about = [r.kind?.value, r.os?.value, r.vendor].filter(Boolean).join(' · ');
  const addresses = (r.addresses ?? []).map((a) => a.ip);
  const name = deviceName(d);
  const others = addresses.filter((a) => a !== name);
  const open = () => {
    shared.go({ page: 'flows', filter: `device:${d.device}`, sort: '' });
  };
  return (
    <tr
      data-row
      tabIndex={0}
      onClick={open}
      onKeyDown={(e) => e.key === 'Enter' && e.target === e.currentTarget && open()}
      aria-label={`${name}: open its flows`}
    >
      <td data-label="Device" class="main">
        <span class={now - seen < 120_000 ? 'dot on' : 'dot'} title={now - seen < 120_000 ? 'active' : 'quiet'} />
        <Term label={name} title={d.device} pick={(exclude) => shared.pick('device', d.device, exclude)} />
        {isNew && <span class="tag">new</span>}
        {r.is_router && <span class="tag quiet">router</span>}
        {r.random_mac && <span class="tag quiet" title="It made this MAC address up, and may change it">random MAC</span>}
      </td>
      <td data-label="Address" class="about">
        <bdi title={addresses.join(', ')}>
          {others[0] ?? (name === d.device ? '–' : d.device)}
          {others.length > 1 && ` +${others.length - 1}`}
        </bdi>
        {about && <bdi class="note">{about}</bdi>}
      </td>
      <td data-label="Down" class="number">{bytes(d.down_bytes)}</td>
      <td data-label="Up" class="number">{bytes(d.up_bytes)}</td>
      <td data-label="Trend" class="trend">
        {line && <Spark values={line.down_bytes.map((n, i) => n + (line.up_bytes[i] ?? 0))} />}
      </td>
      <td data-label="Apps" class="number">{count(d.apps)}</td>
      <td data-label="Flows" class="number">{count(d.flows)}</td>
      <td data-label="Last seen" class="number">{Number.isNaN(seen) ? '–' : ago(seen, now)}</td>
    </tr>
  );
}
