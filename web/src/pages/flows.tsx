// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from 'preact/hooks';
import { get, Problem, query, useApi, useEvents, type Flow, type Flows } from '../api';
import type { Shared } from '../app';
import { Drawer } from '../drawer';
import { Empty } from '../empty';
import { bytes, clock, count } from '../format';
import { device, host, methods, upDown } from '../names';
import { Body, Failure, Panel, Scroll, Term } from '../ui';

const pageSize = 100;

export function FlowsPage(shared: Shared) {
  const { view, go, range } = shared;
  const path = query('flows', { limit: pageSize, filter: view.filter, ...range });
  const [more, setMore] = useState<More>({ path, rows: [], next: undefined });
  const older = more.path === path ? more : { path, rows: [], next: undefined };
  const answer = useApi<Flows>(path, older.rows.length === 0);
  const [held, setHeld] = useState(false);
  const asked = useRef(0);
  // New flows come to the top; not under the pointer of someone who reads, nor above pages that are loaded.
  useEvents('flows', () => {
    if (held || older.rows.length > 0 || !('last' in view.span) || Date.now() - asked.current < 3000) return;
    asked.current = Date.now();
    answer.retry();
  });
  const rows = (first: Flow[]) => {
    const ids = new Set<string>();
    return [...first, ...older.rows].filter((f) => {
      const id = `${f.agent}/${f.record.id}`;
      return !ids.has(id) && ids.add(id);
    });
  };
  const shown = answer.data ? rows(answer.data.rows) : [];
  const next = older.rows.length > 0 ? older.next : answer.data?.next;
  return (
    <div class={view.flow ? 'split' : ''}>
      <Panel
        title="Flows"
        class="wide"
        note={answer.data && (next ? `the newest ${count(shown.length)}` : count(shown.length))}
      >
        <Body
          answer={answer}
          what="The flows"
          rows={12}
          isEmpty={() => shown.length === 0}
          empty={<Empty what="flows" shared={shared} />}
        >
          {() => (
            <Scroll label="Flows" hold={setHeld}>
              <Table flows={shown} shared={shared} />
            </Scroll>
          )}
        </Body>
        {next && answer.data && (
          <LoadMore
            key={next}
            path={query('flows', { limit: pageSize, filter: view.filter, cursor: next, from: answer.data.from, to: answer.data.to })}
            add={(page) => setMore({ path, rows: [...older.rows, ...page.rows], next: page.next })}
          />
        )}
      </Panel>
      {view.flow && (
        <Drawer
          key={view.flow}
          id={view.flow}
          known={shown.find((f) => `${f.agent}/${f.record.id}` === view.flow)}
          shared={shared}
          close={() => go({ flow: '' })}
        />
      )}
    </div>
  );
}

type More = { path: string; rows: Flow[]; next: string | undefined };

function LoadMore({ path, add }: { path: string; add: (page: Flows) => void }) {
  const [state, setState] = useState<'idle' | 'asking' | Problem>('idle');
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const ask = async () => {
    setState('asking');
    try {
      add(await get<Flows>(path, stop.current.signal));
    } catch (e) {
      if (!stop.current.signal.aborted) setState(e instanceof Problem ? e : new Problem('The page failed', String(e)));
    }
  };
  if (state instanceof Problem) return <Failure what="Older flows" problem={state} retry={() => void ask()} />;
  return (
    <p class="more">
      <button type="button" disabled={state === 'asking'} onClick={() => void ask()}>
        {state === 'asking' ? 'Loading…' : 'Older flows'}
      </button>
    </p>
  );
}

function Table({ flows, shared }: { flows: Flow[]; shared: Shared }) {
  return (
    <table class="flows">
      <thead>
        <tr>
          <th scope="col">Last seen</th>
          <th scope="col">Device</th>
          <th scope="col">Host</th>
          <th scope="col">Application</th>
          <th scope="col">Protocol</th>
          <th scope="col" class="number">↓ Down</th>
          <th scope="col" class="number">↑ Up</th>
          <th scope="col">Named by</th>
        </tr>
      </thead>
      <tbody>
        {flows.map((f) => (
          <Row key={`${f.agent}/${f.record.id}`} f={f} shared={shared} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ f, shared }: { f: Flow; shared: Shared }) {
  const r = f.record;
  const id = `${f.agent}/${r.id}`;
  const [up, down] = upDown(r);
  const by = (r.application && r.application_method) || r.method || 'none';
  const open = () => shared.go({ flow: id });
  const pick = (field: string, value: string) => (exclude: boolean) => shared.pick(field, value, exclude);
  return (
    <tr
      data-row
      tabIndex={0}
      aria-selected={shared.view.flow === id}
      class={shared.view.flow === id ? 'open' : ''}
      onClick={open}
      onKeyDown={(e) => e.key === 'Enter' && e.target === e.currentTarget && open()}
    >
      <td data-label="Last seen" class="time">
        <time dateTime={r.last_seen}>{clock(r.last_seen)}</time>
      </td>
      <td data-label="Device">
        <Term
          label={device(f, shared.names)}
          title={f.device || r.client.ip}
          pick={f.device ? pick('device', f.device) : pick('ip', r.client.ip)}
        />
      </td>
      <td data-label="Host" class="main">
        <Term label={host(r)} pick={r.hostname ? pick('host', r.hostname) : pick('ip', r.server.ip)} />
        {r.server.port !== undefined && <span class="note port">:{r.server.port}</span>}
        {r.risks && r.risks.length > 0 && (
          <span class="tag bad" title={r.risks.join(', ')}>
            {r.risks.length === 1 ? r.risks[0] : `${r.risks.length} risks`}
          </span>
        )}
      </td>
      <td data-label="Application">
        {r.application ? <Term label={r.application} pick={pick('app', r.application)} /> : <span class="note">–</span>}
      </td>
      <td data-label="Protocol">
        {r.protocol ? <Term label={r.protocol} pick={pick('proto', r.protocol)} /> : <span class="note">{r.ip_proto}</span>}
      </td>
      <td data-label="Down" class="number">{bytes(down)}</td>
      <td data-label="Up" class="number">{bytes(up)}</td>
      <td data-label="Named by">
        <span class={`tag quiet by-${by}`} title={`Named by ${methods[by] ?? by}`}>
          {by}
        </span>
      </td>
    </tr>
  );
}
