// SPDX-License-Identifier: Apache-2.0

import { useMemo, useState } from 'preact/hooks';
import { query, useApi, useEvents, type Flow, type Flows, type Series, type Sums, type Top } from '../api';
import type { Shared } from '../app';
import { reportMS, stack, TrafficChart } from '../chart';
import { Empty } from '../empty';
import { bits, bytes, clock, count, plural, share } from '../format';
import { application, device, host, keyName, upDown } from '../names';
import { Body, Card, Name, Panel, Spark, Term } from '../ui';
import { dimensions, stepOf, type Dimension } from '../url';
import { isLate, useSinkNow } from './agents';

const sum = (s: Sums) => s.up_bytes + s.down_bytes;

export function Overview(shared: Shared) {
  const { view, go, range, names } = shared;
  const filter = view.filter;
  const series = useApi<Series>(query('series', { by: view.by, limit: 8, step: stepOf(view.span, 150), filter, ...range }));
  const top = (by: Dimension) => query('top', { by, limit: 8, filter, ...range });
  const applications = useApi<Top>(top('app'));
  const devices = useApi<Top>(top('device'));
  const hosts = useApi<Top>(top('host'));
  const countries = useApi<Top>(top('country'));
  const systems = useApi<Top>(top('asn'));
  return (
    <>
      <Cards {...shared} />
      <Panel
        title="Traffic"
        class="wide"
        note={approximate(series.data)}
        tools={
          <label>
            by{' '}
            <select value={view.by} onChange={(e) => go({ by: e.currentTarget.value as Dimension })}>
              {Object.entries(dimensions).map(([by, name]) => (
                <option key={by} value={by}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        }
      >
        <Body
          answer={series}
          what="Traffic"
          rows={8}
          isEmpty={(s) => s.series.length === 0}
          empty={<Empty what="flows" shared={shared} />}
        >
          {(s) => (
            <TrafficChart
              series={s}
              theme={shared.theme}
              name={(key) => keyName(view.by, key, names)}
              pick={(key, exclude) => shared.pick(view.by, key, exclude)}
              zoom={(from, to) => go({ span: { from: Math.floor(from), to: Math.ceil(to) } })}
            />
          )}
        </Body>
      </Panel>
      <div class="columns">
        <TopPanel title="Top applications" by="app" answer={applications} shared={shared} />
        <TopPanel title="Top devices" by="device" answer={devices} shared={shared} />
        <TopPanel title="Top hosts" by="host" answer={hosts} shared={shared} />
        {isKnown(countries) && <TopPanel title="Top countries" by="country" answer={countries} shared={shared} />}
        {isKnown(systems) && <TopPanel title="Top autonomous systems" by="asn" answer={systems} shared={shared} />}
      </div>
      <Newest {...shared} />
    </>
  );
}

function Cards({ view, go, devices, agents }: Shared) {
  const now = useSinkNow(agents);
  // Of the last minutes, whatever range is shown.
  const recent = useApi<Series>(query('series', { since: '10m', step: '15s', filter: view.filter }));
  const rates = useMemo(() => {
    if (!recent.data) return undefined;
    const of = (direction: 'up' | 'down') => stack(recent.data as Series, direction, reportMS).lines[0]?.rates ?? [];
    return { up: of('up'), down: of('down') };
  }, [recent.data]);
  const last = (rates: number[] | undefined) => bits(rates?.at(-1) ?? 0);
  const seen = devices.data?.rows;
  const begin = Date.parse(devices.data?.from ?? '');
  const fresh = seen?.filter((d) => Date.parse(d.record.first_seen ?? '') >= begin).length ?? 0;
  const all = agents.data?.rows;
  const late = all?.filter((a) => isLate(a, now)).length ?? 0;
  const drops = all?.reduce((n, a) => n + a.drops, 0) ?? 0;
  const missing = all?.reduce((n, a) => n + a.missing, 0) ?? 0;
  const failed = (answer: { problem: unknown }) => (answer.problem ? 'not to be had' : '…');
  return (
    <div class="cards">
      <Card title="Now" note={rates ? <Spark values={rates.down} /> : failed(recent)}>
        <span class="down">↓ {rates ? last(rates.down) : '–'}</span> <span class="up">↑ {rates ? last(rates.up) : '–'}</span>
      </Card>
      <Card
        title="Devices"
        href="/devices"
        onClick={() => go({ page: 'devices' })}
        note={seen ? (fresh > 0 ? `${fresh} new in this range` : 'none new in this range') : failed(devices)}
      >
        {seen ? count(seen.length) : '–'}
      </Card>
      <Card
        title="Agents"
        href="/agents"
        onClick={() => go({ page: 'agents' })}
        state={all && (late > 0 || all.length === 0) ? 'bad' : undefined}
        note={all ? (late > 0 ? `${late} late` : all.length ? 'all report' : 'none enrolled') : failed(agents)}
      >
        {all ? count(all.length) : '–'}
      </Card>
      <Card
        title="Lost in 24 h"
        href="/agents"
        onClick={() => go({ page: 'agents' })}
        state={drops + missing > 0 ? 'bad' : undefined}
        note={all ? (missing > 0 ? `${plural(missing, 'report')} missing` : 'no report missing') : failed(agents)}
      >
        {all ? count(drops) : '–'}
      </Card>
    </div>
  );
}

const approximate = (answer: Top | Series | undefined) =>
  answer?.approximate ? (
    <span title="Of older hours and days the sink keeps the largest by themselves, and the others as a sum">
      approximate
    </span>
  ) : undefined;

// isKnown: an agent without a file of countries or autonomous systems knows none.
const isKnown = (answer: ReturnType<typeof useApi<Top>>) => answer.data?.rows.some((row) => row.key !== '') ?? false;

function TopPanel(props: { title: string; by: Dimension; answer: ReturnType<typeof useApi<Top>>; shared: Shared }) {
  const { by, shared } = props;
  return (
    <Panel title={props.title} note={approximate(props.answer.data)}>
      <Body
        answer={props.answer}
        what={props.title}
        rows={8}
        isEmpty={(t) => t.rows.length === 0}
        empty={<Empty what={`${dimensions[by]}s`} shared={shared} />}
      >
        {(t) => <TopList top={t} by={by} shared={shared} />}
      </Body>
    </Panel>
  );
}

function TopList({ top, by, shared }: { top: Top; by: Dimension; shared: Shared }) {
  const largest = Math.max(...top.rows.map(sum), 1);
  const all = sum(top.total);
  return (
    <ol class="top">
      {top.rows.map((row) => (
        <li key={row.key} title={`↓ ${bytes(row.down_bytes)}  ↑ ${bytes(row.up_bytes)}  ${plural(row.flows, 'flow')}`}>
          <Term
            label={row.name ?? keyName(by, row.key, shared.names)}
            title={row.name ? keyName(by, row.key, shared.names) : row.key}
            pick={(exclude) => shared.pick(by, row.key, exclude)}
          />
          <span class="number">{bytes(sum(row))}</span>
          <span class="share">{share(sum(row), all)}</span>
          <span class="meter" aria-hidden="true">
            <span class="down" style={{ width: `${(100 * row.down_bytes) / largest}%` }} />
            <span class="up" style={{ width: `${(100 * row.up_bytes) / largest}%` }} />
          </span>
        </li>
      ))}
      {sum(top.other) > 0 && (
        <li class="rest">
          <span>other</span>
          <span class="number">{bytes(sum(top.other))}</span>
          <span class="share">{share(sum(top.other), all)}</span>
        </li>
      )}
    </ol>
  );
}

// Newest shows the newest flows as they come; it stands still while someone reads it.
function Newest(shared: Shared) {
  const { view, go, range, names } = shared;
  const [held, setHeld] = useState(false);
  const path = query('flows', { limit: 10, filter: view.filter, ...range });
  const answer = useApi<Flows>(path);
  const [pushed, setPushed] = useState<{ path: string; rows: Flow[] }>();
  useEvents('flows', (data) => {
    if (!held && 'last' in view.span) setPushed({ path, rows: (data as Flows).rows });
  });
  const rows = (stored: Flow[]) => {
    const fresh = pushed?.path === path ? pushed.rows : [];
    const ids = new Set<string>();
    return [...fresh, ...stored]
      .filter((f) => !ids.has(f.record.id) && ids.add(f.record.id))
      .sort((a, b) => Date.parse(b.record.last_seen) - Date.parse(a.record.last_seen))
      .slice(0, 10);
  };
  return (
    <Panel
      title="Newest flows"
      class="wide"
      note={held ? 'held while you point at it' : undefined}
      tools={
        <button type="button" onClick={() => go({ page: 'flows' })}>
          All flows
        </button>
      }
    >
      <Body
        answer={answer}
        what="The newest flows"
        isEmpty={(f) => rows(f.rows).length === 0}
        empty={<Empty what="flows" shared={shared} />}
      >
        {(f) => (
          <ul class="newest" onMouseEnter={() => setHeld(true)} onMouseLeave={() => setHeld(false)}>
            {rows(f.rows).map((flow) => {
              const [up, down] = upDown(flow.record);
              return (
                <li key={flow.record.id}>
                  <button type="button" onClick={() => go({ page: 'flows', flow: `${flow.agent}/${flow.record.id}` })}>
                    <time dateTime={flow.record.last_seen}>{clock(flow.record.last_seen)}</time>
                    <Name>{device(flow, names)}</Name>
                    <span class="arrow">→</span>
                    <Name>{host(flow.record)}</Name>
                    <span class="app">{application(flow.record) || '–'}</span>
                    <span class="number">↓ {bytes(down)}</span>
                    <span class="number">↑ {bytes(up)}</span>
                  </button>
                </li>
              );
            })}
          </ul>
        )}
      </Body>
    </Panel>
  );
}
