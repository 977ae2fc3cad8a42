// SPDX-License-Identifier: Apache-2.0

import {
  useNow,
  type Agent,
  type Agents,
  type Answer,
  type Clock,
  type Interface,
  type Queue,
  type Traffic,
  type Uplink,
} from '../api';
import type { Shared } from '../app';
import { ago, bytes, count, dateTime, duration, plural } from '../format';
import { Body, Panel, Scroll } from '../ui';

// Reports come each 15 s: after three that did not come, an agent is late.
const lateMS = 45_000;

export const isLate = (a: Agent, now: number) => now - Date.parse(a.received) > lateMS;

// useSinkNow is the time by the sink's clock, which need not be that of the browser's machine.
export function useSinkNow(agents: Answer<Agents>): number {
  const now = useNow(5000);
  const then = Date.parse(agents.data?.now ?? '');
  return Number.isNaN(then) ? now : then + Math.max(now - agents.at, 0);
}

export function AgentsPage({ agents }: Shared) {
  const now = useSinkNow(agents);
  return (
    <Body
      answer={agents}
      what="The agents"
      isEmpty={(a) => a.rows.length === 0}
      empty={
        <p>
          No agent is enrolled. <code>weir-sink agent enrol</code> prints the command that lets one in.
        </p>
      }
    >
      {(a) => (
        <div class="agents">
          {a.rows.map((each) => (
            <AgentPanel key={each.agent} a={each} now={now} />
          ))}
        </div>
      )}
    </Body>
  );
}

type Fact = [name: string, value: string, isBad?: boolean];

function AgentPanel({ a, now }: { a: Agent; now: number }) {
  const late = isLate(a, now);
  const h = a.health ?? {};
  const facts: Fact[] = [
    ['Last report', ago(Date.parse(a.received), now), late],
    ['Reports of this start', count(a.sequence)],
    ['Reports missing', count(a.missing), a.missing > 0],
    ['Lost in 24 h', count(a.drops), a.drops > 0],
    ['Capture', a.mode || h.mode || '–'],
    ['Version', a.version || '–'],
    ['Up for', h.uptime_ms === undefined ? '–' : duration(h.uptime_ms / 1000)],
    h.clock ? clockFact(h.clock) : ['Clock', clockState(a)],
    ...(h.uplink ? uplinkFacts(h.uplink) : []),
  ];
  return (
    <Panel
      title={a.name || `Agent ${a.agent.slice(0, 8)}`}
      note={<span class={late ? 'state bad' : 'state good'}>{late ? 'late' : 'reports'}</span>}
      tools={<code title="The agent's id">{a.agent.slice(0, 8)}</code>}
    >
      <dl class="facts">
        {facts.map(([name, value, bad]) => (
          <div key={name} class={bad ? 'bad' : ''}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {a.interfaces.length > 0 && <Interfaces all={a.interfaces} />}
      <Carried all={a.interfaces} />
      {h.processes && h.processes.length > 0 && (
        <Scroll label="Processes">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Process</th>
                <th scope="col" class="number">Memory</th>
                <th scope="col" class="number">Peak</th>
                <th scope="col" class="number">CPU of the interval</th>
              </tr>
            </thead>
            <tbody>
              {h.processes.map((p) => (
                <tr key={p.name}>
                  <td>{p.name}</td>
                  <td class="number">{bytes(p.resident_bytes ?? NaN)}</td>
                  <td class="number">{bytes(p.peak_resident_bytes ?? NaN)}</td>
                  <td class="number">{duration(((p.user_cpu_us ?? 0) + (p.system_cpu_us ?? 0)) / 1e6)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {h.queues && h.queues.length > 0 && <Queues all={h.queues} />}
      {h.counters && h.counters.length > 0 && (
        <details>
          <summary>{plural(h.counters.length, 'counter')} moved in the last interval</summary>
          <dl class="facts">
            {h.counters.map((c) => (
              <div key={c.name + (c.cause ?? '')}>
                <dt>
                  {c.name}
                  {c.cause && ` (${c.cause})`}
                </dt>
                <dd>+{count(c.more)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </Panel>
  );
}

// The report that tells of the uplink waits itself: one is none.
function uplinkFacts(u: Uplink): Fact[] {
  const waits = Math.max(u.queued - 1, 0);
  const facts: Fact[] = [['Waiting there', waits ? `${count(waits)}, ${bytes(u.spool_bytes)}` : '0']];
  if (u.refused) facts.push(['Refused', count(u.refused), true]);
  const lost = (u.lost ?? []).reduce((n, range) => n + range.count, 0);
  if (lost) facts.push(['Reports lost there', count(lost), true]);
  return facts;
}

// An agent's times are those of its clock: one that is a minute off files flows where nobody looks for them.
function clockFact(c: Clock): Fact {
  const said = [];
  if (c.synchronised !== undefined) said.push(c.synchronised ? 'synchronised' : 'not synchronised');
  const behind = (c.sink_offset_ms ?? 0) / 1000;
  if (Math.abs(behind) >= 2) said.push(`${duration(Math.abs(behind))} ${behind > 0 ? 'behind' : 'ahead of'} the sink’s`);
  if (c.steps) {
    const by = (c.stepped_ms ?? 0) / 1000;
    said.push(`set ${by < 0 ? 'back' : 'forward'} by ${duration(Math.abs(by))}`);
  }
  if (c.suspended_ms) said.push(`slept ${duration(c.suspended_ms / 1000)}`);
  return ['Clock', said.join(', ') || 'agrees', Math.abs(behind) >= 60 || Boolean(c.steps)];
}

// clockState compares the end of the last report's period, by the agent's clock, with when it came.
function clockState(a: Agent): string {
  const behind = (Date.parse(a.received) - Date.parse(a.last_report)) / 1000;
  if (Number.isNaN(behind)) return '–';
  if (behind < -5) return `${duration(-behind)} ahead`;
  return behind > 60 ? `report of ${dateTime(a.last_report)}` : 'agrees';
}

function Interfaces({ all }: { all: Interface[] }) {
  const lost = (i: Interface) =>
    [i.received, i.sent].reduce((n, l) => n + (l?.dropped ?? 0) + (l?.errors ?? 0) + (l?.missed ?? 0), 0);
  return (
    <Scroll label="Interfaces">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Interface</th>
            <th scope="col">Role</th>
            <th scope="col">Networks</th>
            <th scope="col" class="number">Received</th>
            <th scope="col" class="number">Sent</th>
            <th scope="col" class="number">Lost</th>
          </tr>
        </thead>
        <tbody>
          {all.map((i) => (
            <tr key={i.name}>
              <td><bdi>{i.name}</bdi></td>
              <td>{i.role ?? '–'}</td>
              <td title={i.networks?.join(', ')}>
                {i.networks?.[0] ?? '–'}
                {(i.networks?.length ?? 0) > 1 && ` +${(i.networks?.length ?? 0) - 1}`}
              </td>
              <td class="number">{bytes(i.received?.bytes ?? 0)}</td>
              <td class="number">{bytes(i.sent?.bytes ?? 0)}</td>
              <td class={lost(i) > 0 ? 'number bad' : 'number'}>{count(lost(i))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const protocols = ['tcp', 'udp', 'icmp', 'other'] as const;

// Carried is what weir counted of each packet, flow or not, where the capture mode can.
function Carried({ all }: { all: Interface[] }) {
  const rows = all.flatMap((i) =>
    (['received', 'sent'] as const).flatMap((way) => {
      const traffic = i[way]?.traffic;
      return traffic ? [{ name: i.name, way, traffic }] : [];
    }),
  );
  if (rows.length === 0) return null;
  return (
    <details>
      <summary>Packets of the last interval, by IP version and protocol</summary>
      <Scroll label="Packets by IP version and protocol">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Interface</th>
              {['IPv4', 'IPv6', 'not IP', 'TCP', 'UDP', 'ICMP', 'other', 'fragments', 'longest'].map((name) => (
                <th key={name} scope="col" class="number">{name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, way, traffic }) => (
              <tr key={name + way}>
                <td>
                  {way === 'received' ? '↓' : '↑'} <bdi>{name}</bdi>
                </td>
                {packetsOf(traffic).map((n, i) => (
                  <td key={i} class="number">{count(n)}</td>
                ))}
                <td class="number">{traffic.largest ? `${traffic.largest} B` : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}

const packetsOf = (t: Traffic) => [
  t.ipv4.packets,
  t.ipv6.packets,
  t.not_ip,
  ...protocols.map((protocol) => t[protocol]),
  t.fragments,
];

// A queue that was full has lost something, or held others up.
function Queues({ all }: { all: Queue[] }) {
  const full = all.filter((q) => q.peak >= q.limit);
  return (
    <details open={full.length > 0}>
      <summary>
        {plural(all.length, 'queue')}
        {full.length > 0 ? `, ${full.length} full in the last interval` : ', none full'}
      </summary>
      <Scroll label="Queues">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Queue</th>
              <th scope="col" class="number">Length</th>
              <th scope="col" class="number">Peak</th>
              <th scope="col" class="number">Limit</th>
            </tr>
          </thead>
          <tbody>
            {all.map((q) => (
              <tr key={q.name}>
                <td>{q.name.replaceAll('_', ' ')}</td>
                <td class="number">{count(q.length)}</td>
                <td class={q.peak >= q.limit ? 'number bad' : 'number'}>{count(q.peak)}</td>
                <td class="number">{count(q.limit)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
